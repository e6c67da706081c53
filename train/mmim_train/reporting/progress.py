"""Training progress in a terminal: current step, losses, estimates in nats, validation metrics.

If the output is not a terminal, one line is written per epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from mmim_train.training.trainer import EpochRecord, Observer, StepRecord

_ROWS = 12  # epochs shown in the table
_SMOOTHING = 0.9  # of the step losses


class _Display:
    def __init__(self, title: str, epochs: int) -> None:
        self.title = title
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        )
        self.epochs: TaskID = self.progress.add_task("epochs", total=epochs)
        self.steps: TaskID = self.progress.add_task("stage 0", total=None)
        self.records: list[EpochRecord] = []
        self.smoothed: dict[str, float] = {}

    def update(self, record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            self.records.append(record)
            self.progress.update(self.epochs, completed=record.epoch + 1)
            return
        stage = "stage 0: q networks" if record.stage == 0 else "stage 1: MMIM"
        self.progress.update(self.steps, description=stage, completed=record.step + 1, total=record.steps)
        self.progress.update(self.epochs, completed=record.epoch)
        for name, value in record.parts.items():
            self.smoothed[name] = _SMOOTHING * self.smoothed.get(name, value) + (1 - _SMOOTHING) * value

    def __rich__(self) -> RenderableType:
        losses = "  ".join(f"{label(name)} {value:.3f}" for name, value in self.smoothed.items())
        return Group(self.progress, losses, self._table()) if self.records else Group(self.progress, losses)

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
    """The display name of a part of the loss: "I(z; face) nats" for "mi_z_face"."""
    if part.startswith("mi_"):
        x, y = part.removeprefix("mi_").split("_")
        return f"I({x}; {y}) nats"
    return part


@contextmanager
def progress_display(title: str, epochs: int, console: Console) -> Iterator[Observer]:
    """An observer that shows the progress on the console."""
    display = _Display(title, epochs)
    if not console.is_terminal:
        yield lambda record: _log(console, title, record)
        return
    with Live(display, console=console, refresh_per_second=4):
        yield display.update


def _log(console: Console, title: str, record: StepRecord | EpochRecord) -> None:
    if isinstance(record, EpochRecord):
        parts = " ".join(f"{name}={value:.3f}" for name, value in record.parts.items())
        best = " best" if record.best else ""
        console.print(f"{title} epoch {record.epoch + 1}: {parts} valid={record.valid_loss:.4f}{best}", soft_wrap=True)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
