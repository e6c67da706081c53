"""Learning-rate schedules as pure functions of the step: warm-up, then constant, linear or cosine decay."""

from __future__ import annotations

import math
from typing import Literal

from torch.optim import Optimizer

Schedule = Literal["constant", "linear", "cosine"]


def lr_factor(schedule: Schedule, step: int, total: int, warmup: int) -> float:
    """The factor of the base learning rate at `step`, counted from 0.

    Rises linearly to 1 over `warmup` steps, then stays at 1 ("constant") or falls to 0 at step `total`, which is never
    run.
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant" or total <= warmup:
        return 1.0
    done = min(1.0, (step - warmup) / (total - warmup))
    return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))


def set_learning_rates(optimizer: Optimizer, factor: float) -> None:
    """Set the rate of every parameter group to the factor times its "base_lr"."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
