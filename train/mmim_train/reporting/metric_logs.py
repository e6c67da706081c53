"""Logs of a run as JSON lines and for TensorBoard, written during training.

A resumed run appends to them: an epoch that was repeated after an interruption appears twice, with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmim_live.errors import OutputError
from mmim_train.reporting.json_files import finite
from mmim_train.training.trainer import EpochRecord, Observer, StepRecord


@contextmanager
def metric_logs(folder: Path, tensorboard: bool = True) -> Iterator[Observer]:
    """An observer that writes folder/log.jsonl and, if the package is installed, folder/tensorboard."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.jsonl").open("a", encoding="utf-8") as lines, _writer(folder, tensorboard) as writer:

            def observe(record: StepRecord | EpochRecord) -> None:
                kind = "epoch" if isinstance(record, EpochRecord) else "step"
                lines.write(json.dumps({"type": kind, **finite(asdict(record))}) + "\n")
                if isinstance(record, EpochRecord):
                    lines.flush()
                    _to_tensorboard(writer, record)

            yield observe
    except OSError as error:
        raise OutputError(f"{folder}: cannot write ({error.strerror or error}); check space and permissions") from error


@contextmanager
def _writer(folder: Path, enabled: bool) -> Iterator[Any]:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        enabled = False
    if not enabled:
        yield None
        return
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield writer


def _to_tensorboard(writer: Any, record: EpochRecord) -> None:
    if writer is None:
        return
    for name, value in record.parts.items():
        writer.add_scalar(f"{'nats' if name.startswith('mi_') else 'loss'}/{name}", value, record.epoch)
    writer.add_scalar("valid/loss", record.valid_loss, record.epoch)
    for name, value in record.valid.items():
        if isinstance(value, float):
            writer.add_scalar(f"valid/{name}", value, record.epoch)
