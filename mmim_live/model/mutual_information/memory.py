"""A memory of recent representations, counted in samples; it lasts across epochs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MemoryBank(nn.Module):
    """The last `capacity` samples and their groups, without gradient. Its buffers are part of the training state."""

    values: Tensor  # [capacity, width]
    groups: Tensor  # [capacity]
    pushed: Tensor  # [], the number of samples pushed so far

    def __init__(self, capacity: int, width: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.register_buffer("values", torch.zeros(capacity, width))
        self.register_buffer("groups", torch.zeros(capacity, dtype=torch.long))
        self.register_buffer("pushed", torch.zeros((), dtype=torch.long))

    def __len__(self) -> int:
        return min(int(self.pushed), self.capacity)

    @torch.no_grad()
    def push(self, values: Tensor, groups: Tensor) -> None:
        """Add values [b, width] and groups [b]; the oldest samples are overwritten."""
        values, groups = values[-self.capacity :], groups[-self.capacity :]
        slots = (self.pushed + torch.arange(len(values), device=self.pushed.device)) % self.capacity
        self.values[slots] = values.to(self.values.dtype)
        self.groups[slots] = groups
        self.pushed += len(values)

    def contents(self) -> tuple[Tensor, Tensor]:
        """The stored values [n, width] and groups [n], in no particular order."""
        n = len(self)
        return self.values[:n].clone(), self.groups[:n].clone()
