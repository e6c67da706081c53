"""Training and related commands: train, evaluate, tune, extract."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mmim_live.cli.options import ClusterAddress, EngineName, build_engine
from mmim_live.errors import ConfigError


def train(
    recipe: Annotated[str | None, typer.Argument(help="mosi, mosei, sims, simsv2, meld, emer, or a .toml.")] = None,
    data: Annotated[Path | None, typer.Option(help="File or folder of the data set.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, if no recipe is given.")] = None,
    text_encoder: Annotated[
        str | None, typer.Option(help="Folder, hub name or all-MiniLM-L6-v2; default: the recipe's.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="One run per seed, such as 1,2,3.")] = "1",
    objective: Annotated[
        Literal["corrected", "published", "none"], typer.Option(help="Auxiliary mutual-information losses.")
    ] = "corrected",
    output: Annotated[Path | None, typer.Option(help="Folder for the results; default: runs/...")] = None,
    resume: Annotated[Path | None, typer.Option(help="Resume the interrupted run in this folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    ablate: Annotated[bool, typer.Option("--ablate", help="Also train without each mutual-information term.")] = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Training option as name=value; repeatable.")
    ] = None,
) -> None:
    """Train MMIM on a data set; write checkpoint, metrics, report and plots."""
    if recipe == "live":
        raise ConfigError("the shipped checkpoint has a command of its own: mmim-live build-default --data PATH")
    from mmim_train.commands import train_command

    print(
        train_command(
            data,
            recipe=recipe,
            dataset=dataset,
            text_encoder=text_encoder,
            seeds=_numbers(seeds),
            objective=objective,
            output=output,
            resume=resume,
            device=device,
            ablate=ablate,
            overrides=_pairs(changes),
        )
    )


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="Name of a shipped checkpoint, or a folder.")],
    dataset: Annotated[str, typer.Option(help="mosi, mosei, sims, simsv2, meld, emer, ...")],
    data: Annotated[Path, typer.Option(help="File or folder of the data set.")],
    split: Annotated[Literal["train", "valid", "test"], typer.Option(help="Split to score.")] = "test",
    missing: Annotated[bool, typer.Option("--missing", help="Also score with frames and modalities missing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score a checkpoint on a data set."""
    from mmim_live.assets import checkpoint_folder
    from mmim_train.commands import evaluate_command

    print(
        evaluate_command(
            checkpoint_folder(checkpoint), dataset, data, split=split, missing=missing, as_json=as_json, device=device
        )
    )


def tune(
    data: Annotated[Path, typer.Option(help="File or folder of the data set.")],
    recipe: Annotated[str | None, typer.Argument(help="mosi, mosei, sims, ..., or a .toml.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, if no recipe is given.")] = None,
    text_encoder: Annotated[
        str | None, typer.Option(help="Folder, hub name or all-MiniLM-L6-v2; default: the recipe's.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of configurations to try.")] = 30,
    seeds: Annotated[str, typer.Option(help="Seeds for each configuration.")] = "1",
    objective: Annotated[
        Literal["corrected", "published", "none"], typer.Option(help="Auxiliary mutual-information losses.")
    ] = "corrected",
    output: Annotated[Path, typer.Option(help="Folder for the search; an existing one is resumed.")] = Path(
        "runs/tuning"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Search training options on the validation split."""
    from mmim_train.commands import tune_command

    print(
        tune_command(
            data,
            recipe=recipe,
            dataset=dataset,
            text_encoder=text_encoder,
            trials=trials,
            seeds=_numbers(seeds),
            objective=objective,
            output=output,
            device=device,
        )
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--seeds takes whole numbers such as 1,2,3, not {text!r}") from None


def _pairs(changes: list[str] | None) -> dict[str, Any]:
    """["alpha=0.1", "bf16=true"] -> values, each parsed as TOML; a bare word is a string."""
    from mmim_live.untrusted import parse_toml

    found: dict[str, Any] = {}
    for change in changes or []:
        name, equals, value = change.partition("=")
        if not equals:
            raise ConfigError(f"--set takes name=value, not {change!r}")
        try:
            found[name] = parse_toml(f"value = {value}")["value"]
        except ValueError:
            found[name] = value
    return found


MAX_LISTED_SKIPS = 20  # the store names all skipped clips


def extract(
    source: Annotated[Path, typer.Argument(help="Folder with label.csv and Raw/, or with recordings or pictures.")],
    output: Annotated[Path, typer.Argument(help="Feature store to write; must not exist.")],
    dataset: Annotated[str, typer.Option(help="Data set whose language and label scale apply.")] = "clips",
    language: Annotated[str | None, typer.Option(help="ISO 639 code, if it differs from the data set's.")] = None,
    asr_model: Annotated[
        str,
        typer.Option(
            help="Transcribes clips without text in label.csv: auto, whisper-tiny.en, whisper-base, a folder, or a "
            "plug-in."
        ),
    ] = "auto",
    no_speech: Annotated[bool, typer.Option("--no-speech", help="Do not transcribe.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes, about 1 GB each; default: one per core.")
    ] = None,
    face_extractor: Annotated[
        str | None, typer.Option(help="Face extractor of an installed plug-in; default: that of a session.")
    ] = None,
    voice_extractor: Annotated[
        str | None, typer.Option(help="Voice extractor of an installed plug-in; default: that of a session.")
    ] = None,
    engine: EngineName = "processes",
    address: ClusterAddress = None,
) -> None:
    """Extract features from clips for training, with the live extractors; an interrupted run resumes."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_train.features.extract import extract as extract_clips

    skipped = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with native_stderr_to_log() as terminal:
        console = Console(file=terminal)
        remaining = TimeRemainingColumn()
        with Progress(*columns, remaining, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("extracting features", total=None)

            def advance(_identity: str, problem: str | None) -> None:
                nonlocal skipped
                skipped += problem is not None
                description = f"extracting features, {skipped} skipped" if skipped else "extracting features"
                bar.update(task, advance=1, description=description)

            try:
                with redirect_stdout(terminal):  # Ray prints there which workers died
                    done = extract_clips(
                        source,
                        output,
                        name=dataset,
                        language=language,
                        asr_model=None if no_speech else asr_model,
                        face=face_extractor,
                        voice=voice_extractor,
                        engine=build_engine(engine, workers, address),
                        warn=lambda gap: print(f"warning: {gap}", file=terminal),
                        begin=lambda count: bar.update(task, total=count),
                        advance=advance,
                    )
            except KeyboardInterrupt:
                bar.stop()
                print("interrupted: run the same command again to resume", file=terminal)
                raise
    for problem in done.problems[:MAX_LISTED_SKIPS]:
        print(f"skipped: {problem}", file=sys.stderr)
    if len(done.problems) > MAX_LISTED_SKIPS:
        print(
            f"skipped: {len(done.problems) - MAX_LISTED_SKIPS} more, named in {done.folder / 'store.json'}",
            file=sys.stderr,
        )
    resumed = f", {done.resumed} of them extracted before" if done.resumed else ""
    words = f", {done.recognised} transcribed" if done.recognised else ""
    print(f"{done.folder}: {done.clips} clips{resumed}{words}; {len(done.problems)} skipped")
