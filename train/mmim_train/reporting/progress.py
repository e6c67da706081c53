"""Training progress in a terminal: one row per epoch, the current step, and the time left.

If the output is not a terminal, one line is written per epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from mmim_train.reporting.markdown_tables import HEADLINE, format_metric
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import EpochRecord, Observer, StepRecord


class _Display:
    """What is known of a run so far."""

    def __init__(self, title: str, options: TrainOptions) -> None:
        self.title = title
        self.options = options
        self.bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.steps: TaskID = self.bars.add_task("starting", total=None)
        self.records: list[EpochRecord] = []
        self.seconds: list[float] = []  # of the epochs seen from here
        self.since = time.monotonic()

    def update(self, record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            now = time.monotonic()
            self.records.append(record)
            self.seconds.append(now - self.since)
            self.since = now
            return
        stage = "q networks" if record.stage == 0 else "MMIM"
        self.bars.update(
            self.steps, description=f"epoch {record.epoch + 1}, {stage}", completed=record.step + 1, total=record.steps
        )

    def __rich__(self) -> RenderableType:
        shown = [self._table(), self.outlook()] if self.records else [self.title]
        return Group(*shown, self.bars)

    def outlook(self) -> str:
        """When the run stops, and the time until then if it is not stopped early."""
        options, last = self.options, self.records[-1]
        best = max((record.epoch for record in self.records if record.best), default=-1)
        left = options.epochs - last.epoch - 1
        patience = options.patience - (last.epoch - best)
        if left <= 0 or patience <= 0:
            return f"stopped after {_epochs(last.epoch + 1)}; the best is epoch {best + 1}"
        rest = f"at most {_epochs(left)} to go, about {_duration(left * _median(self.seconds))}"
        if patience < left:
            rest += f"; stops earlier if {_epochs(patience)} in a row bring no lower validation loss"
        return rest

    def _table(self) -> Table:
        table = Table(title=self.title, title_justify="left")
        terms = [name for name in self.records[-1].parts if name not in ("task", "q")]
        metrics = shown_metrics(self.records[-1])
        valid = [f"valid {heading(name)}" for name in metrics] or ["valid loss"]
        for column in ("epoch", "task", *map(label, terms), *valid, "s", ""):
            table.add_column(column, justify="right")
        for record, seconds in zip(self.records, self.seconds, strict=True):
            losses = [_cell(record.parts.get(name)) for name in ("task", *terms)]
            scores = [format_metric(name, record.valid.get(name)) for name in metrics] or [f"{record.valid_loss:.4f}"]
            best = "best" if record.best else ""
            table.add_row(str(record.epoch + 1), *losses, *scores, f"{seconds:.0f}", best)
        return table


def shown_metrics(record: EpochRecord) -> list[str]:
    """The names of the validation metrics that the table shows; with several outputs they are "output.metric"."""
    return [name for name in record.valid if name.rsplit(".", 1)[-1] in HEADLINE]


def heading(metric: str) -> str:
    """The display name of a validation metric: "valence MAE" for "valence.mae"."""
    output, _, name = metric.rpartition(".")
    return f"{output} {HEADLINE[name]}".strip()


def label(part: str) -> str:
    """The display name of a part of the loss: "I(z; face) nats" for "mi_z_face"."""
    if part.startswith("mi_"):
        x, y = part.removeprefix("mi_").split("_")
        return f"I({x}; {y}) nats"
    return part


@contextmanager
def progress_display(title: str, options: TrainOptions, console: Console) -> Iterator[Observer]:
    """An observer that shows the progress on the console."""
    display = _Display(title, options)
    if not console.is_terminal:

        def log(record: StepRecord | EpochRecord) -> None:
            display.update(record)
            if isinstance(record, EpochRecord):
                console.print(_line(display), soft_wrap=True, markup=False, highlight=False)

        yield log
        return
    with Live(display, console=console, refresh_per_second=4):
        yield display.update


def _line(display: _Display) -> str:
    record = display.records[-1]
    parts = [f"{label(name)} {value:.3f}" for name, value in record.parts.items() if name != "q"]
    valid = [f"{heading(name)} {format_metric(name, record.valid[name])}" for name in shown_metrics(record)]
    scores = ", ".join(valid) or f"loss {record.valid_loss:.4f}"
    best = ", the best so far" if record.best else ""
    seconds = f"{display.seconds[-1]:.0f} s"
    where = f"{display.title}, epoch {record.epoch + 1}"
    return f"{where}: {', '.join(parts)}; valid {scores}{best}; {seconds}; {display.outlook()}"


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
