"""The live display of a training in a terminal: where it stands, losses, estimates in nats, validation.

Knows the loop's records and rich. On a stream that is no terminal it writes one line an epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from mmim_train.training.trainer import EpochRecord, Observer, StepRecord

_ROWS = 12  # epochs in the table
_SMOOTHING = 0.9  # of the figures of single steps


class _Display:
    def __init__(self, title: str, epochs: int) -> None:
        self.title = title
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        )
        self.epochs: TaskID = self.progress.add_task("epochs", total=epochs)
        self.steps: TaskID = self.progress.add_task("stage 0", total=None)
        self.records: list[EpochRecord] = []
        self.now: dict[str, float] = {}

    def take(self, record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            self.records.append(record)
            self.progress.update(self.epochs, completed=record.epoch + 1)
            return
        stage = "stage 0: q networks" if record.stage == 0 else "stage 1: MMIM"
        self.progress.update(self.steps, description=stage, completed=record.step + 1, total=record.steps)
        self.progress.update(self.epochs, completed=record.epoch)
        for name, value in record.parts.items():
            self.now[name] = _SMOOTHING * self.now.get(name, value) + (1 - _SMOOTHING) * value

    def __rich__(self) -> RenderableType:
        now = "  ".join(f"{label(name)} {value:.3f}" for name, value in self.now.items())
        return Group(self.progress, now, self._table()) if self.records else Group(self.progress, now)

    def _table(self) -> Table:
        table = Table(title=self.title, title_justify="left")
        shown = self.records[-_ROWS:]
        columns = [*shown[-1].parts], [name for name in shown[-1].valid if not name.startswith("count")]
        for heading in ("epoch", *map(label, columns[0]), *(f"valid {name}" for name in columns[1]), ""):
            table.add_column(heading, justify="right")
        for record in shown:
            cells = [record.parts.get(name) for name in columns[0]] + [record.valid.get(name) for name in columns[1]]
            table.add_row(str(record.epoch + 1), *map(_cell, cells), "best" if record.best else "")
        return table


def label(part: str) -> str:
    """A part of the loss for people: "I(z; face) nats" for "mi_z_face"."""
    if part.startswith("mi_"):
        x, y = part.removeprefix("mi_").split("_")
        return f"I({x}; {y}) nats"
    return part


@contextmanager
def shown(title: str, epochs: int, console: Console) -> Iterator[Observer]:
    """An observer that draws on the console while the training runs."""
    display = _Display(title, epochs)
    if not console.is_terminal:
        yield lambda record: _say(console, title, record)
        return
    with Live(display, console=console, refresh_per_second=4):
        yield display.take


def _say(console: Console, title: str, record: StepRecord | EpochRecord) -> None:
    if isinstance(record, EpochRecord):
        parts = " ".join(f"{name}={value:.3f}" for name, value in record.parts.items())
        best = " best" if record.best else ""
        console.print(f"{title} epoch {record.epoch + 1}: {parts} valid={record.valid_loss:.4f}{best}", soft_wrap=True)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
