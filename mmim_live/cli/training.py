"""Training and its kin: train, evaluate, tune, extract."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mmim_live.errors import ConfigError


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="mosi, mosei, sims, simsv2, meld, emer, live, or a .toml.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data set's file or folder.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of a data set, where no recipe is given.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
    seeds: Annotated[str, typer.Option(help="One run for each, such as 1,2,3.")] = "1",
    objective: Annotated[
        Literal["corrected", "published", "none"], typer.Option(help="The losses beside the task's.")
    ] = "corrected",
    output: Annotated[Path | None, typer.Option(help="Folder of the results; runs/... if not given.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the interrupted run in this folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    ablate: Annotated[bool, typer.Option("--ablate", help="Also without each mutual-information term.")] = False,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A training option as name=value; repeatable.")
    ] = None,
) -> None:
    """Train MMIM on a data set; write checkpoint, metrics, report and plots. `live` makes the shipped checkpoint."""
    from mmim_train.commands import train_command

    if recipe == "live":
        _train_live(data, output or Path("runs/live"))
        return
    print(
        train_command(
            data,
            recipe,
            dataset,
            text_encoder,
            _numbers(seeds),
            objective,
            output,
            resume,
            device,
            ablate,
            _pairs(changes),
        )
    )


def _train_live(data: Path | None, output: Path) -> None:
    """The checkpoint that ships is composed of many sources, and so has a procedure of its own."""
    from mmim_train.default_checkpoint.build import build_default_checkpoint

    if data is None:
        raise ConfigError("say where the data are: --data PATH")
    build_default_checkpoint(data, output, log=lambda line: print(line, file=sys.stderr, flush=True))
    print(f"{output}: a checkpoint; its card, README.md, holds the figures")


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A shipped checkpoint's name, or a folder.")],
    dataset: Annotated[str, typer.Option(help="mosi, mosei, sims, simsv2, meld, emer, ...")],
    data: Annotated[Path, typer.Option(help="The data set's file or folder.")],
    split: Annotated[Literal["train", "valid", "test"], typer.Option(help="Which part to score.")] = "test",
    missing: Annotated[bool, typer.Option("--missing", help="Also with frames and modalities missing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Score a checkpoint on a data set."""
    from mmim_live.assets import checkpoint_folder
    from mmim_train.commands import evaluate_command

    print(evaluate_command(checkpoint_folder(checkpoint), dataset, data, split, missing, as_json, device))


def tune(
    data: Annotated[Path, typer.Option(help="The data set's file or folder.")],
    recipe: Annotated[str | None, typer.Argument(help="mosi, mosei, sims, ..., or a .toml.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of a data set, where no recipe is given.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="A model's name or folder.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="How many settings to try.")] = 30,
    seeds: Annotated[str, typer.Option(help="Each setting is tried with these.")] = "1",
    objective: Annotated[
        Literal["corrected", "published", "none"], typer.Option(help="The losses beside the task's.")
    ] = "corrected",
    output: Annotated[Path, typer.Option(help="Folder of the search; an existing one goes on.")] = Path("runs/tuning"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Search for training options on the validation split."""
    from mmim_train.commands import tune_command

    print(tune_command(data, recipe, dataset, text_encoder, trials, _numbers(seeds), objective, output, device))


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--seeds wants whole numbers such as 1,2,3, not {text!r}") from None


def _pairs(changes: list[str] | None) -> dict[str, Any]:
    """["alpha=0.1", "bf16=true"] -> values, each read as TOML; a bare word is text."""
    import tomllib

    found: dict[str, Any] = {}
    for change in changes or []:
        name, equals, value = change.partition("=")
        if not equals:
            raise ConfigError(f"--set wants name=value, not {change!r}")
        try:
            found[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = value
    return found


MOST_TOLD = 20  # clips that were left out; the store names them all


def extract(
    source: Annotated[Path, typer.Argument(help="A folder with label.csv and Raw/, or of recordings or pictures.")],
    output: Annotated[Path, typer.Argument(help="The feature store to write; must not exist.")],
    dataset: Annotated[str, typer.Option(help="Whose language and label scale they have.")] = "clips",
    language: Annotated[str | None, typer.Option(help="ISO 639 code, where it is not the data set's.")] = None,
    asr_model: Annotated[
        str,
        typer.Option(
            help="Recognises words where label.csv has none: auto, whisper-tiny.en, whisper-base, or a folder."
        ),
    ] = "auto",
    no_speech: Annotated[bool, typer.Option("--no-speech", help="Recognise no words.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes, 1 GB each; one a processor if not given.")
    ] = None,
) -> None:
    """Measure clips with the live extractors, for training. An interrupted run goes on where it was."""
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

    left_out = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with native_stderr_to_log() as terminal:
        console = Console(file=terminal)
        remaining = TimeRemainingColumn()
        with Progress(*columns, remaining, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("measuring clips", total=None)

            def advance(_identity: str, problem: str | None) -> None:
                nonlocal left_out
                left_out += problem is not None
                told = f"measuring clips, {left_out} left out" if left_out else "measuring clips"
                bar.update(task, advance=1, description=told)

            try:
                done = extract_clips(
                    source,
                    output,
                    name=dataset,
                    language=language,
                    asr_model=None if no_speech else asr_model,
                    workers=workers,
                    begin=lambda count: bar.update(task, total=count),
                    advance=advance,
                )
            except KeyboardInterrupt:
                bar.stop()
                print("interrupted: the same command goes on where this one was", file=terminal)
                raise
    for problem in done.problems[:MOST_TOLD]:
        print(f"left out: {problem}", file=sys.stderr)
    if len(done.problems) > MOST_TOLD:
        print(
            f"left out: {len(done.problems) - MOST_TOLD} more, named in {done.folder / 'store.json'}", file=sys.stderr
        )
    resumed = f", {done.resumed} of them measured before" if done.resumed else ""
    words = f", words of {done.recognised} recognised" if done.recognised else ""
    print(f"{done.folder}: {done.clips} clips{resumed}{words}; {len(done.problems)} left out")
