"""The complete training state in one file, saved between steps and read to resume.

The weights of the best epoch are in a file of their own and are not kept in memory: a second copy of a text encoder is
as large as everything else that a step needs.

Neither random-number state (see `seeding`) nor gradients are saved. Files are written under a temporary name and
renamed, so a process killed at any time leaves a complete file: the new one or the previous one.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mmim_live.errors import CheckpointError, OutputError
from mmim_live.model.mmim import MMIM
from mmim_train.training.train_step import TrainStep

_FORMAT = 2


@dataclass(slots=True)
class Progress:
    """The position in a training. `step` is the next step of `stage`; sums run over the epoch so far."""

    epoch: int = 0
    stage: int = 0
    step: int = 0
    done: bool = False
    best_epoch: int = -1
    best_loss: float = float("inf")
    cpu_s: float = 0.0  # of this epoch so far
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry per epoch, see `trainer.EpochRecord`

    def add(self, parts: dict[str, float]) -> None:
        """Add a step's values to the means of the epoch."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}


class BestWeights:
    """The trainable weights and the buffers of the best epoch, on disk.

    They are stored next to the state file if this process `writes` it, otherwise in a temporary folder.
    """

    def __init__(self, state_file: Path | None, writes: bool) -> None:
        self._state_file = state_file
        self._temporary = None if state_file is not None and writes else TemporaryDirectory(prefix="mmim-")
        self._own = state_file if self._temporary is None else Path(self._temporary.name) / "state.pt"

    def save(self, model: MMIM, epoch: int) -> None:
        """Write the weights of an epoch. Earlier ones stay until `delete_others`. Raises OutputError."""
        assert self._own is not None
        frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
        weights = {name: value for name, value in model.state_dict().items() if name not in frozen}
        _write(_best_file(self._own, epoch), weights)

    def delete_others(self, epoch: int) -> None:
        """Remove the weights of all other epochs."""
        assert self._own is not None
        _delete_best(self._own, keep=epoch)

    def restore(self, model: MMIM, epoch: int) -> None:
        """Load the weights of an epoch into the model. Raises CheckpointError."""
        files = [_best_file(path, epoch) for path in (self._own, self._state_file) if path is not None]
        path = next((path for path in files if path.is_file()), files[-1])
        device = next(model.parameters()).device
        # Memory-mapped, so that they are copied into the model's tensors without another copy in between.
        weights = _read(path, device, mmap=device.type == "cpu")
        try:
            model.load_state_dict(weights, strict=False)
        except RuntimeError as error:
            raise CheckpointError(f"{path} does not fit the model; start a new run in another folder") from error

    def close(self) -> None:
        """Remove the temporary folder, if any."""
        if self._temporary is not None:
            self._temporary.cleanup()


def delete_state(path: Path) -> None:
    """Remove a training state and its best weights."""
    path.unlink(missing_ok=True)
    _delete_best(path)


def _best_file(state_file: Path, epoch: int) -> Path:
    return state_file.with_name(f"{state_file.stem}.best-{epoch}.pt")


def _delete_best(state_file: Path, keep: int = -1) -> None:
    for path in state_file.parent.glob(f"{state_file.stem}.best-*.pt"):
        if path != _best_file(state_file, keep):
            path.unlink(missing_ok=True)


def save_state(path: Path, train_step: TrainStep, progress: Progress, key: str) -> None:
    """Write the file; `key` identifies the run, and only the same run can resume from it. Raises OutputError."""
    optimizers = train_step.optimizers
    content = {
        "format": _FORMAT,
        "key": key,
        "progress": asdict(progress),
        "model": train_step.model.state_dict(),
        "objective": train_step.objective.state_dict(),
        "stage0": optimizers.stage0.state_dict() if optimizers.stage0 is not None else None,
        "stage1": optimizers.stage1.state_dict(),
        "skipped": train_step.skipped,
    }
    _write(path, content)


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{path}: cannot write the training state ({error}); check the free disk space") from error


def load_state(path: Path, train_step: TrainStep, key: str) -> Progress:
    """Restore a training from the file. Raises CheckpointError if it is damaged or belongs to another run."""
    content = _read(path, train_step.device)
    if not isinstance(content, dict) or content.get("format") != _FORMAT or content.get("key") != key:
        raise CheckpointError(
            f"{path} belongs to a run with other settings, data or seed; use the same ones, or another folder"
        )
    try:
        train_step.model.load_state_dict(content["model"])
        train_step.objective.load_state_dict(content["objective"])
        if train_step.optimizers.stage0 is not None:
            train_step.optimizers.stage0.load_state_dict(content["stage0"])
        train_step.optimizers.stage1.load_state_dict(content["stage1"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit the model; start a new run in another folder") from error
    train_step.skipped = int(content["skipped"])
    return Progress(**content["progress"])


def _read(path: Path, device: torch.device, mmap: bool = False) -> Any:
    try:
        return torch.load(path, map_location=device, weights_only=True, mmap=mmap)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} cannot be read ({reason}); start a new run in another folder") from error
