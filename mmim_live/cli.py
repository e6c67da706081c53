"""The commands. The only module that prints or exits; heavy libraries are imported inside each command.

Exit codes: 0 done, 1 something a user can mend (one line on standard error), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mmim_live.config import Settings, Speed
from mmim_live.errors import ConfigError, MmimLiveError, WorkerError
from mmim_live.types import Notice, Reading, SessionStarted, Summary, Utterance

if TYPE_CHECKING:
    from mmim_live.bench import ReplayFigures, SpeechFigures
    from mmim_live.bench_live import LiveFigures
    from mmim_live.pipeline.feed import Feed
    from mmim_live.pipeline.live import Devices

app = typer.Typer(
    name="mmim-live",
    help="Sentiment from a face, a voice and words, while the person is still speaking.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Options that several commands share.
Headless = Annotated[bool, typer.Option("--headless", help="No app: lines as they come, and a closing summary.")]
Outputs = Annotated[
    list[Path] | None, typer.Option("--output", "-o", help=".jsonl, .csv, .srt or .vtt; may be given repeatedly.")
]
CheckpointName = Annotated[str | None, typer.Option(help="A shipped checkpoint's name, or a folder.")]
AsrModel = Annotated[str | None, typer.Option(help="auto, tiny.en, base, or a CTranslate2 folder.")]
Language = Annotated[str | None, typer.Option(help="auto, or an ISO 639 code such as en.")]
WindowLength = Annotated[float | None, typer.Option(help="Length of the rolling window, seconds.")]
Hop = Annotated[float | None, typer.Option(help="Seconds of media between two readings.")]
NoFace = Annotated[bool, typer.Option("--no-face", help="Leave the face out.")]
NoSpeech = Annotated[bool, typer.Option("--no-speech", help="Recognise no words.")]
ComputeDevice = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
ConfigFile = Annotated[Path | None, typer.Option(help="A TOML file of settings; options win over it.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="Draw the app in plain characters.")]


def main() -> None:
    """Run a command; every error that a user can mend becomes one line."""
    try:
        app(with_default_command(sys.argv[1:]))
    except MmimLiveError as error:
        sys.stderr.write(f"mmim-live: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)


def with_default_command(arguments: list[str]) -> list[str]:
    """Without a command, and with nothing but options, `live` is meant."""
    named = arguments and (not arguments[0].startswith("-") or arguments[0] == "--help")
    return arguments if named else ["live", *arguments]


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help='A video or sound file; "sample" is the clip that comes along.')],
    headless: Headless = False,
    speed: Annotated[Literal["1.0", "max"] | None, typer.Option(help="1.0 in the app, max headless.")] = None,
    output: Outputs = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    window: WindowLength = None,
    hop: Hop = None,
    no_face: NoFace = False,
    no_speech: NoSpeech = False,
    device: ComputeDevice = None,
    config: ConfigFile = None,
    ascii_only: Ascii = False,
) -> None:
    """Read a recording and show (or write) a sentiment that rolls with the speaker."""
    settings = _settings(config, checkpoint, asr_model, language, window, hop, no_face, no_speech, device)
    outputs = _outputs(output)
    if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _replay_headless(file, settings, speed or "max", outputs)
    else:
        from mmim_live.pipeline.feed import ReplayFeed

        _show(ReplayFeed(file, settings, speed or "1.0", outputs), file.name, ascii_only)


def _settings(
    config: Path | None,
    checkpoint: str | None,
    asr_model: str | None,
    language: str | None,
    window: float | None,
    hop: float | None,
    no_face: bool,
    no_speech: bool,
    device: str | None,
) -> Settings:
    """The file's settings, changed by the options that were given."""
    from mmim_live.config import load_settings

    overrides: dict[str, Any] = {
        "checkpoint": checkpoint,
        "asr_model": asr_model,
        "language": language,
        "window": window,
        "hop": hop,
        "face": False if no_face else None,
        "speech": False if no_speech else None,
        "device": device,
    }
    return load_settings(config, overrides)


def _outputs(paths: list[Path] | None) -> list[Path]:
    """The paths, each of which can be written."""
    from mmim_live.output.sink import check_writable

    for path in paths or []:
        check_writable(path)
    return paths or []


def _replay_headless(file: Path, settings: Settings, speed: Speed, outputs: list[Path]) -> None:
    """A progress bar on standard error, where that is a terminal, and the summary on standard output."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from mmim_live.output import open_sink
    from mmim_live.pipeline.feed import write_events
    from mmim_live.pipeline.replay import open_replay
    from mmim_live.stderr import native_stderr_to_log

    with native_stderr_to_log() as terminal:
        console = Console(file=terminal)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("loading", total=None)
            session = open_replay(file, settings, speed, lambda what: progress.update(task, description=what))
            for event in write_events(session.events(), [open_sink(path) for path in outputs]):
                match event:
                    case SessionStarted():
                        progress.update(task, description=event.source, total=event.duration_s)
                    case Reading():
                        progress.update(task, completed=event.end_s)
                    case Notice():
                        progress.console.print(f"note: {event.message}", highlight=False, soft_wrap=True)
                    case Utterance():
                        print(_utterance_line(event), flush=True)
                    case Summary():
                        print(_summary_lines(event, outputs), flush=True)
                    case _:
                        pass


def _utterance_line(utterance: Utterance) -> str:
    score = "     " if utterance.score is None else f"{utterance.score:+5.2f}"
    return f"{utterance.start_s:7.1f} s  {score}  {utterance.text}"


def _summary_lines(summary: Summary, outputs: list[Path]) -> str:
    mean = "unknown" if summary.mean_score is None else f"{summary.mean_score:+.2f} on -3 .. 3"
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in summary.counts.items())
    drops = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in summary.drops.items() if number)
    lines = [
        f"{summary.duration_s:.1f} s of media at {summary.real_time_factor:.2f} of real time; mean sentiment {mean}",
        counts + (f"; dropped: {drops}" if drops else "; nothing dropped"),
        *(f"written: {path}" for path in outputs),
    ]
    return "\n".join(lines)


def _show(feed: Feed, title: str, ascii_only: bool) -> None:
    """The terminal app; an error that ends the run is told after the screen is restored."""
    from mmim_live.stderr import native_stderr_to_log
    from mmim_live.tui.app import MmimApp

    with native_stderr_to_log(drawing=1):
        viewer = MmimApp(feed, title=title, ascii_only=ascii_only)
        viewer.run()
    if viewer.failure is not None:
        raise viewer.failure
    if viewer.return_code:
        raise WorkerError("the display failed; run it with --headless")


@app.command()
def live(
    camera: Annotated[str, typer.Option(help="An index, a path, or an address (http, rtsp).")] = "0",
    no_camera: Annotated[bool, typer.Option("--no-camera", help="Do without a camera.")] = False,
    microphone: Annotated[
        str | None, typer.Option(help="A name, part of one, or an index; the default device if left out.")
    ] = None,
    no_microphone: Annotated[bool, typer.Option("--no-microphone", help="Do without a microphone.")] = False,
    headless: Headless = False,
    output: Outputs = None,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    window: WindowLength = None,
    hop: Hop = None,
    no_speech: NoSpeech = False,
    device: ComputeDevice = None,
    config: ConfigFile = None,
    ascii_only: Ascii = False,
) -> None:
    """Watch and listen, and show a sentiment that rolls with the speaker. Also what `mmim-live` alone does."""
    from mmim_live.pipeline.live import Devices

    settings = _settings(config, checkpoint, asr_model, language, window, hop, no_camera, no_speech, device)
    outputs = _outputs(output)
    devices = Devices(None if no_camera else camera, _number(microphone), not no_microphone)
    if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _live_headless(devices, settings, outputs)
    else:
        from mmim_live.pipeline.feed import LiveFeed

        _show(LiveFeed(devices, settings, outputs), "live", ascii_only)


def _number(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _live_headless(devices: Devices, settings: Settings, outputs: list[Path]) -> None:
    """Utterances on standard output, notices on standard error, until a signal ends it with the summary."""
    from mmim_live.output import open_sink
    from mmim_live.pipeline.feed import write_events
    from mmim_live.pipeline.live import open_live
    from mmim_live.pipeline.signals import finishing_on_signals
    from mmim_live.stderr import native_stderr_to_log

    with native_stderr_to_log() as terminal:
        session = open_live(devices, settings, lambda what: print(f"{what} ...", file=terminal, flush=True))
        with finishing_on_signals(session):
            for event in write_events(session.events(), [open_sink(path) for path in outputs]):
                match event:
                    case Notice():
                        print(f"{event.time_s:7.1f} s  note: {event.message}", file=terminal, flush=True)
                    case Utterance():
                        print(_utterance_line(event), flush=True)
                    case Summary():
                        print(_summary_lines(event, outputs), flush=True)
                    case _:
                        pass


@app.command()
def devices() -> None:
    """List cameras and microphones, with their rates, and which is the default."""
    from rich.console import Console
    from rich.table import Table

    from mmim_live.capture.devices import list_devices
    from mmim_live.stderr import native_stderr_to_log

    with native_stderr_to_log():
        found = list_devices()
    table = Table(title="Devices", expand=False)
    for column in ("kind", "index", "name", "gives", "default"):
        table.add_column(column, overflow="fold")
    for camera in found.cameras:
        gives = camera.problem or f"{camera.width}x{camera.height}, {camera.fps or 'unknown'} pictures a second"
        table.add_row("camera", str(camera.index), camera.name, gives, "yes" if camera.default else "")
    for microphone in found.microphones:
        gives = f"{microphone.rate_hz} Hz, {microphone.channels} channels ({microphone.host})"
        default = "yes" if microphone.default else ""
        table.add_row("microphone", str(microphone.index), microphone.name, gives, default)
    if found.cameras or found.microphones:
        Console().print(table)
    for problem in found.problems:
        print(problem)


@app.command()
def models(
    fetch: Annotated[list[str] | None, typer.Option(help="Fetch this model file now; may be given repeatedly.")] = None,
) -> None:
    """List the model files: where each was found, its licence, and how to get it."""
    from rich.console import Console
    from rich.table import Table

    from mmim_live import assets

    for name in fetch or []:
        located = assets.obtain(name)
        print(f"{name}: {located.folder} ({located.origin})")
    table = Table(title="Model files", expand=False)
    for column in ("name", "what for", "size", "licence", "found", "or"):
        table.add_column(column, overflow="fold")
    for asset in assets.ASSETS.values():
        found = assets.find(asset.name)
        where = f"{found.origin}: {found.folder}" if found else "not here"
        table.add_row(
            asset.name,
            asset.purpose,
            f"{asset.size_bytes / 1e6:.0f} MB",
            asset.licence,
            where,
            "" if found else asset.install,
        )
    Console().print(table)


@app.command()
def doctor() -> None:
    """Say what is missing on this machine, and how to mend it."""
    from mmim_live.doctor import examine

    for check in examine():
        print(f"{'ok     ' if check.well else 'MISSING'}  {check.name}: {check.found}")
        if not check.well and check.mend:
            print(f"         {check.mend}")


@app.command()
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
    """Train MMIM on a data set; write checkpoint, metrics, report and plots."""
    from mmim_train.commands import train_command

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


@app.command()
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


@app.command()
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


bench_app = typer.Typer(help="Measure this machine.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")


@bench_app.command("replay")
def bench_replay(
    files: Annotated[list[Path], typer.Argument(help='Recordings; "sample" is the clip that comes along.')],
    checkpoint: Annotated[str | None, typer.Option(help="A shipped checkpoint's name, or a folder.")] = None,
    asr_model: Annotated[str | None, typer.Option(help="auto, tiny.en, base, or a CTranslate2 folder.")] = None,
) -> None:
    """Replay at full speed: time to the first reading, real-time factor, CPU, memory, latency."""
    from mmim_live.bench import measure_replay

    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    _print_figures("Replay at full speed", [measure_replay(file, settings) for file in files])


@bench_app.command("live")
def bench_live(
    speech: Annotated[list[Path], typer.Argument(help="Recordings of speech, spoken over and over.")],
    camera: Annotated[str, typer.Option(help="A video of a face, or another camera.")] = "0",
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
) -> None:
    """Run a live session on speech that PulseAudio plays to nobody: rates, delays of words, CPU, memory, losses."""
    from mmim_live.bench_live import measure_live

    given = {"checkpoint": checkpoint, "asr_model": asr_model}
    settings = {key: value for key, value in given.items() if value is not None}
    _print_figures("Live", [measure_live(minutes, camera, speech, settings)])


@bench_app.command("speech")
def bench_speech(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings; a transcript of the same name in .txt is the truth.")
    ],
    asr_model: Annotated[str, typer.Option(help="auto, tiny.en, base, or a CTranslate2 folder.")] = "auto",
    language: Annotated[str, typer.Option(help="auto, or an ISO 639 code such as en.")] = "auto",
) -> None:
    """Recognise speech as a stream and at once: word errors, CPU, latency of words."""
    from mmim_live.bench import measure_speech

    figures = [measure_speech(file, asr_model, language) for file in files]
    _print_figures("Speech, streaming and at once", figures)
    known = [one for one in figures if one.streaming_errors is not None and one.whole_errors is not None]
    if known:
        words = sum(one.words for one in known)
        streaming = sum(one.streaming_errors or 0 for one in known)
        whole = sum(one.whole_errors or 0 for one in known)
        print(f"word error rate: streaming {streaming / words:.1%}, at once {whole / words:.1%}, of {words} words")


def _print_figures(
    title: str, figures: Sequence[ReplayFigures] | Sequence[SpeechFigures] | Sequence[LiveFigures]
) -> None:
    """One column a file, one row a figure."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("figure")
    columns = [dataclasses.asdict(one) for one in figures]
    for column in columns:
        table.add_column(str(column["file"]), overflow="fold")
    for name in columns[0]:
        if name != "file":
            values = [column[name] for column in columns]
            table.add_row(name, *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
