"""Warns while a run trains if its mutual-information terms make validation worse than the task alone.

The task alone is the ablation's arm "none" of the same seed where it is trained, and otherwise one epoch of it, which
is trained before the first seed: terms that ruin a training do so in its first epoch (train/RESULTS.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from mmim_train.reporting.json_files import read_json, write_json
from mmim_train.training.trainer import EpochRecord, StepRecord

MARGIN = 0.15  # of the loss; after one epoch, seeds differ by up to a tenth
_FILE = "task-alone.json"


class Safeguard:
    """An observer that warns once if the lowest validation loss so far exceeds that of the task alone by `MARGIN`."""

    def __init__(self, task_alone: Sequence[float], warn: Callable[[str], None]) -> None:
        """`task_alone`: the validation loss after each epoch that was trained without the terms."""
        self._task_alone = task_alone
        self._warn = warn
        self._losses: list[float] = []
        self._warned = False

    def __call__(self, record: StepRecord | EpochRecord) -> None:
        if not isinstance(record, EpochRecord) or self._warned:
            return
        self._losses.append(record.valid_loss if math.isfinite(record.valid_loss) else math.inf)
        count = len(self._losses)
        if record.epoch != count - 1 or count > len(self._task_alone):
            return  # resumed in the middle, or nothing to compare with
        with_terms, without = min(self._losses), min(self._task_alone[:count])  # infinite if never finite
        if with_terms > (1 + MARGIN) * without:
            self._warned = True
            epochs = "one epoch" if count == 1 else f"{count} epochs"
            self._warn(
                f"warning: the mutual-information terms make validation worse: loss {with_terms:.3f} after {epochs}, "
                f"{without:.3f} without them; lower alpha and beta (--set beta=0.1), or use --objective none"
            )


def losses_of_task_alone(
    folder: Path, train_one_epoch: Callable[[], Sequence[EpochRecord]], writes: bool = True
) -> list[float]:
    """The validation loss after one epoch without the terms; read from `folder` if an earlier start wrote it there."""
    path = folder / _FILE
    if path.is_file():
        return finite_losses(read_json(path)["valid_loss"])
    losses = [record.valid_loss for record in train_one_epoch()]
    if writes:
        write_json(path, {"valid_loss": losses})
    return finite_losses(losses)


def finite_losses(losses: Sequence[float | None]) -> list[float]:
    """Infinity in place of losses that are missing or not finite."""
    return [loss if loss is not None and math.isfinite(loss) else math.inf for loss in losses]
