"""Bars for many recordings: one for each that is being analyzed, and one for all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmim_live.text_normalization import one_line

if TYPE_CHECKING:
    from rich.progress import Progress as Display
    from rich.progress import TaskID

    from mmim_live.session.batch import Job, Progress

MAX_NAME = 32  # characters


class Bars:
    """What is shown. Nothing, unless standard error is a terminal."""

    def __init__(self, display: Display, count: int) -> None:
        self._display = display
        self._shares: dict[str, float] = {}  # of the running jobs
        self._finished = 0
        self._tasks: dict[str, TaskID] = {}
        self._all = display.add_task("all recordings", total=count, state=f"0 of {count}")
        self._count = count

    def advance(self, job: Job, progress: Progress) -> None:
        """A job is so far."""
        if job.name not in self._tasks:
            name = one_line(job.name)
            shown = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
            self._tasks[job.name] = self._display.add_task(shown, total=None, state="")
        share = progress.share
        self._display.update(
            self._tasks[job.name],
            total=None if share is None else 1.0,
            completed=share or 0.0,
            state=one_line(progress.activity),
        )
        self._shares[job.name] = share or 0.0 if progress.activity == "analyzing" else 0.0
        self._show_all()

    def finish(self, job: Job) -> None:
        """A job is over."""
        self._shares.pop(job.name, None)
        self._finished += 1
        if (task := self._tasks.pop(job.name, None)) is not None:
            self._display.remove_task(task)
        self._show_all()

    def _show_all(self) -> None:
        done = self._finished + sum(self._shares.values())
        self._display.update(self._all, completed=done, state=f"{self._finished} of {self._count}")


@contextlib.contextmanager
def progress_bars(count: int) -> Iterator[Bars]:
    """Bars on standard error for `count` recordings while the block runs; lines printed meanwhile stand above them."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal or count == 0,
        redirect_stdout=sys.stdout.isatty(),  # otherwise what is piped would go to the terminal
    ) as display:
        yield Bars(display, count)
