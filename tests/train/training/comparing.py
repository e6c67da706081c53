"""Comparing the outcomes of training runs."""

from typing import Any, Literal

import torch

from mmim_train.training.trainer import EpochRecord

ObjectiveName = Literal["corrected", "published", "none"]
OBJECTIVES: tuple[ObjectiveName, ...] = ("corrected", "published", "none")


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def without_time(records: tuple[EpochRecord, ...]) -> list[dict[str, Any]]:
    return [{"epoch": r.epoch, **r.parts, **r.valid, "loss": r.valid_loss, "best": r.best} for r in records]
