"""The whole state of a training in one file, written after a step and read to go on from there.

Random numbers need no place in it (see `randomness`), nor do gradients, since it is written between steps. The file is
written under another name and renamed, so a process killed at any time leaves a whole file: this one or the one before.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmim_live.errors import CheckpointError, OutputError
from mmim_train.learner import Learner

_FORMAT = 1


@dataclass(slots=True)
class Progress:
    """Where a training stands. `step` is the next one of `stage`; sums run over the epoch so far."""

    epoch: int = 0
    stage: int = 0
    step: int = 0
    done: bool = False
    best_epoch: int = -1
    best_loss: float = float("inf")
    cpu_s: float = 0.0  # of this epoch so far
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch, see `loop.EpochRecord`

    def add(self, parts: dict[str, float]) -> None:
        """Take a step's values into the means of the epoch."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}


def save_state(path: Path, learner: Learner, progress: Progress, best: dict[str, Tensor] | None, key: str) -> None:
    """Write the file; `key` describes the run, and only the same run may go on from it. Raises OutputError."""
    optimisers = learner.optimisers
    content = {
        "format": _FORMAT,
        "key": key,
        "progress": asdict(progress),
        "model": learner.model.state_dict(),
        "objective": learner.objective.state_dict(),
        "stage0": optimisers.stage0.state_dict() if optimisers.stage0 is not None else None,
        "stage1": optimisers.stage1.state_dict(),
        "skipped": learner.skipped,
        "best": best,
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{path}: the state of the training cannot be written ({error}); check the space") from error


def load_state(path: Path, learner: Learner, key: str) -> tuple[Progress, dict[str, Tensor] | None]:
    """Put the learner where the file says. Raises CheckpointError when it is damaged or of another run."""
    try:
        content = torch.load(path, map_location=learner.device, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} cannot be read ({reason}); train anew, into another folder") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT or content.get("key") != key:
        raise CheckpointError(
            f"{path} was written by a training with other settings, data or seed; give the same, or another folder"
        )
    learner.model.load_state_dict(content["model"])
    learner.objective.load_state_dict(content["objective"])
    if learner.optimisers.stage0 is not None:
        learner.optimisers.stage0.load_state_dict(content["stage0"])
    learner.optimisers.stage1.load_state_dict(content["stage1"])
    learner.skipped = int(content["skipped"])
    return Progress(**content["progress"]), content["best"]
