"""`mmim-live replay`, and how a session is shown: in the app, or line by line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmim_live.cli.options import (
    Ascii,
    AsrModel,
    CheckpointName,
    ComputeDevice,
    ConfigFile,
    Headless,
    Hop,
    Language,
    NoFace,
    NoSpeech,
    Outputs,
    ServePort,
    ServeToken,
    WindowLength,
    build_outputs,
    build_settings,
)
from mmim_live.cli.serving import announce, build_sinks, health_reporting, serving
from mmim_live.errors import WorkerError
from mmim_live.events import Comparison, Notice, Reading, SessionStarted, Summary, Utterance
from mmim_live.settings import KeyOverrides, Settings, Speed, load_keys, user_file

if TYPE_CHECKING:
    from mmim_live.serve.server import EventServer
    from mmim_live.session.runner import Feed


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help='A video or sound file, or the folder of a recorded session; "sample" is the clip that comes along.'
        ),
    ],
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
    serve: ServePort = None,
    serve_token: ServeToken = None,
) -> None:
    """Read a recording and show (or write) a sentiment that rolls with the speaker."""
    from mmim_live.output.sink import check_distinct
    from mmim_live.recording.reader import recorded_settings

    settings = build_settings(
        config,
        checkpoint,
        asr_model,
        language,
        window,
        hop,
        no_face,
        no_speech,
        device,
        serve,
        serve_token,
        recorded=recorded_settings(file),
    )
    outputs = build_outputs(output)
    for source in (file, *(file.iterdir() if file.is_dir() else ())):
        check_distinct(source, outputs)
    with serving(settings) as broadcast:
        if headless or not (sys.stdin.isatty() and sys.stdout.isatty()):
            _replay_headless(file, settings, speed or "max", outputs, broadcast)
        else:
            from mmim_live.session.runner import ReplayFeed

            feed = ReplayFeed(file, settings, speed or "1.0", outputs, broadcast)
            show(feed, file.name, ascii_only, load_keys(config, user_file()), broadcast)


def _replay_headless(
    file: Path, settings: Settings, speed: Speed, outputs: list[Path], broadcast: EventServer | None
) -> None:
    """A progress bar on standard error, where that is a terminal, and the summary on standard output."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.open_replay import open_replay
    from mmim_live.session.runner import write_events
    from mmim_live.session.signals import finishing_on_signals
    from mmim_live.wording import comparison_sentence

    with native_stderr_to_log() as terminal:
        announce(broadcast, terminal)
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
            with finishing_on_signals(session) as interrupted, health_reporting(broadcast, session, settings):
                for event in write_events(session.events(), build_sinks(outputs, broadcast)):
                    match event:
                        case SessionStarted():
                            progress.update(task, description=event.source, total=event.duration_s)
                        case Reading():
                            progress.update(task, completed=event.end_s)
                        case Notice():
                            progress.console.print(f"note: {event.message}", highlight=False, soft_wrap=True)
                        case Utterance():
                            print(utterance_line(event), flush=True)
                        case Comparison():
                            print(comparison_sentence(event), flush=True)
                        case Summary():
                            print(summary_lines(event, outputs), flush=True)
                        case _:
                            pass
    if interrupted.is_set():
        raise KeyboardInterrupt


def utterance_line(utterance: Utterance) -> str:
    """When, how and what."""
    score = "     " if utterance.score is None else f"{utterance.score:+5.2f}"
    return f"{utterance.start_s:7.1f} s  {score}  {utterance.text}"


def summary_lines(summary: Summary, outputs: list[Path]) -> str:
    """What came of it, for people."""
    mean = "unknown" if summary.mean_score is None else f"{summary.mean_score:+.2f} on -3 .. 3"
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in summary.counts.items())
    drops = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in summary.drops.items() if number)
    lines = [
        f"{summary.duration_s:.1f} s of media at {summary.real_time_factor:.2f} of real time; mean sentiment {mean}",
        counts + (f"; dropped: {drops}" if drops else "; nothing dropped"),
        *(f"written: {path}" for path in outputs),
    ]
    return "\n".join(lines)


def show(
    feed: Feed,
    title: str,
    ascii_only: bool,
    keys: KeyOverrides,
    broadcast: EventServer | None = None,
    *,
    welcome: bool = False,
) -> None:
    """The terminal app; an error that ends the run is told after the screen is restored."""
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.tui.app import MmimApp

    with native_stderr_to_log(drawing=1):
        address = broadcast.address if broadcast is not None else None
        viewer = MmimApp(feed, title=title, ascii_only=ascii_only, keys=keys, welcome=welcome, overlay=address)
        viewer.run()
    if viewer.failure is not None:
        raise viewer.failure
    if viewer.return_code:
        raise WorkerError("the display failed; run it with --headless")
