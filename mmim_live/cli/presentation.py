"""How a session is shown: in the app, or headless, line by line.

Headless, results go to standard output, and notices and progress to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

from mmim_live.errors import OutputError, WorkerError
from mmim_live.events import Comparison, Event, Notice, Reading, SessionStarted, Summary, Utterance
from mmim_live.session_types import SessionUpdate
from mmim_live.settings import KeyOverrides
from mmim_live.text_normalization import plain

if TYPE_CHECKING:
    from mmim_live.serve.server import EventServer
    from mmim_live.session.runner import SessionRunner


def run_app(
    runner: SessionRunner,
    *,
    title: str,
    ascii_only: bool,
    keys: KeyOverrides,
    server: EventServer | None,
    welcome: bool = False,
    outputs: Sequence[Path] = (),
    speed: float | None = 1.0,
    media: Path | None = None,
) -> Path | None:
    """The terminal app, and a summary once the screen is restored; the recording that the user wants to see next.

    An error that ends the session is raised once the screen is restored.
    """
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.tui.app import MmimApp
    from mmim_live.tui.farewell import farewell

    with native_stderr_to_log(drawing=1):
        address = server.address if server is not None else None
        app = MmimApp(
            runner,
            title=title,
            ascii_only=ascii_only,
            keys=keys,
            welcome=welcome,
            overlay=address,
            speed=speed,
            export=partial(export, media=media),
        )
        app.run()
    if app.failure is not None:
        raise app.failure
    if app.return_code:
        raise WorkerError("the display failed; run it with --headless")
    for line in farewell(title, app.known, outputs):
        print(_one_line(line))
    return app.opened


def export(path: Path, events: Sequence[Event], media: Path | None = None) -> None:
    """Write events to a new file, whose suffix chooses the format. `media` is the recording.

    Raises:
        OutputError: an unknown suffix, a file that exists, or one that cannot be written.
    """
    from mmim_live.output.sink import check_writable, write_file

    check_writable(path)
    if path.exists():
        raise OutputError(f"{path} exists; choose another name")
    write_file(path, events, media)


def run_live_headless(runner: SessionRunner, outputs: Sequence[Path], server: EventServer | None) -> None:
    """Utterances and notices as they come, until a signal ends the session with its summary."""
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.signals import finishing_on_signals

    with native_stderr_to_log() as terminal:
        _announce(server, terminal)
        lines = LiveLines(terminal, outputs)
        runner.open(lines.loading)
        with finishing_on_signals(runner):
            runner.run(lines.show)


def run_replay_headless(runner: SessionRunner, outputs: Sequence[Path], server: EventServer | None) -> None:
    """Utterances as they come, and the summary; a progress bar where standard error is a terminal.

    Raises:
        KeyboardInterrupt: a signal ended the replay. The summary has been printed.
    """
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.signals import finishing_on_signals

    with native_stderr_to_log() as terminal:
        _announce(server, terminal)
        with ReplayLines(terminal, outputs) as lines:
            runner.open(lines.loading)
            with finishing_on_signals(runner) as interrupted:
                runner.run(lines.show)
    if interrupted.is_set():
        raise KeyboardInterrupt


class LiveLines:
    """Prints a live session."""

    def __init__(self, terminal: TextIO, outputs: Sequence[Path]) -> None:
        self._terminal = terminal
        self._outputs = outputs

    def loading(self, what: str) -> None:
        """Before the session begins."""
        print(f"{_one_line(what)} ...", file=self._terminal, flush=True)

    def show(self, update: SessionUpdate) -> None:
        """Whatever the session says."""
        match update:
            case Notice():
                print(f"{update.time_s:7.1f} s  note: {_one_line(update.message)}", file=self._terminal, flush=True)
            case Utterance():
                print(utterance_line(update), flush=True)
            case Summary():
                print(summary_lines(update, self._outputs), flush=True)
            case _:
                pass


class ReplayLines:
    """Prints a replay below a progress bar."""

    def __init__(self, terminal: TextIO, outputs: Sequence[Path]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=terminal)
        self._outputs = outputs
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=sys.stdout.isatty(),  # otherwise what is piped would go to the terminal
        )
        self._task = self._progress.add_task("loading", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def loading(self, what: str) -> None:
        """Before the session begins."""
        self._progress.update(self._task, description=_one_line(what))

    def show(self, update: SessionUpdate) -> None:
        """Whatever the session says."""
        from mmim_live.wording import comparison_sentence

        match update:
            case SessionStarted():
                self._progress.update(self._task, description=_one_line(update.source), total=update.duration_s)
            case Reading():
                self._progress.update(self._task, completed=update.end_s)
            case Notice():
                message = f"note: {_one_line(update.message)}"
                self._progress.console.print(message, highlight=False, markup=False, soft_wrap=True)
            case Utterance():
                print(utterance_line(update), flush=True)
            case Comparison():
                print(comparison_sentence(update), flush=True)
            case Summary():
                print(summary_lines(update, self._outputs), flush=True)
            case _:
                pass


def utterance_line(utterance: Utterance) -> str:
    """Start, score and words."""
    score = "     " if utterance.score is None else f"{utterance.score:+5.2f}"
    return f"{utterance.start_s:7.1f} s  {score}  {_one_line(utterance.text)}"


def summary_lines(summary: Summary, outputs: Sequence[Path]) -> str:
    """Length, speed, mean score, counts, drops and files written."""
    mean = "unknown" if summary.mean_score is None else f"{summary.mean_score:+.2f} (-3 to 3, by length of utterance)"
    counts = ", ".join(f"{number} {_label(name, number)}" for name, number in summary.counts.items())
    drops = ", ".join(f"{number} {_label(name, number)}" for name, number in summary.drops.items() if number)
    lines = [
        f"{summary.duration_s:.1f} s of media at {summary.real_time_factor:.2f} x real time; mean sentiment {mean}",
        counts + (f"; dropped: {drops}" if drops else "; nothing dropped"),
        *(f"written: {_one_line(str(path))}" for path in outputs),
    ]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """Text that is not ours, such as names and words, without line breaks and control characters."""
    return " ".join(plain(text).split())


def _label(name: str, number: int) -> str:
    """The name of a count as words, in the singular for one."""
    label = name.replace("_", " ")
    return label.removesuffix("s") if number == 1 else label


def _announce(server: EventServer | None, terminal: TextIO) -> None:
    """Print the address of the overlay."""
    if server is not None:
        print(f"overlay: {server.address}", file=terminal, flush=True)
