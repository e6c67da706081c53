"""What the loop asks of a split: its size, what an example costs, and batches by number. Knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.mmim import Batch


class Examples(Protocol):
    """One split, ready to be batched."""

    def __len__(self) -> int: ...

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N]: the length by which examples are brought together, so that a batch needs little padding."""

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs of some examples, padded to the longest of them."""

    def targets(self, indices: Sequence[int]) -> Tensor:
        """Their labels: [B, names] float32, NaN where there is none; for classes [B] int64, -1 where there is none."""


@runtime_checkable
class ResampledExamples(Protocol):
    """Examples that are drawn again for each epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Called before epoch 0, 1, ...; what `batch` and `targets` return may depend on `epoch` alone.

        A run that resumes within an epoch calls it again with that epoch.
        """


def bucketed_batches(
    costs: NDArray[np.int64], batch_size: int, generator: torch.Generator, pool: int = 16
) -> list[list[int]]:
    """A random order of all examples in batches of like cost.

    All are shuffled, cut into pools of `pool` batches, sorted by cost within a pool, cut into batches, and these are
    shuffled. A last batch may be smaller.
    """
    order = torch.randperm(len(costs), generator=generator).numpy()
    batches: list[list[int]] = []
    for start in range(0, len(order), pool * batch_size):
        part = order[start : start + pool * batch_size]
        part = part[np.argsort(costs[part], kind="stable")]
        batches += [part[i : i + batch_size].tolist() for i in range(0, len(part), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def sorted_batches(costs: NDArray[np.int64], batch_size: int) -> list[list[int]]:
    """All examples from cheap to dear, for passes that do not learn."""
    order = np.argsort(costs, kind="stable")
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]
