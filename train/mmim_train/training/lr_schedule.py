"""The learning rate as a function of the step: a warm-up, then constant, linear or cosine. Keeps no state."""

from __future__ import annotations

import math
from typing import Literal

from torch.optim import Optimizer

Schedule = Literal["constant", "linear", "cosine"]


def lr_factor(schedule: Schedule, step: int, total: int, warmup: int) -> float:
    """What the base rate is multiplied with at `step`, the first being 0.

    Rises by equal parts to 1 over `warmup` steps; falls to 0 at `total`, which no step reaches (or stays at 1).
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant" or total <= warmup:
        return 1.0
    done = min(1.0, (step - warmup) / (total - warmup))
    return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


def set_learning_rates(optimizer: Optimizer, factor: float) -> None:
    """Give every parameter group its base rate, kept under "base_lr", times the factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
