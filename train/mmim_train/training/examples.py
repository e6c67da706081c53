"""The trainer's view of a split: its size, the cost of each example, and batches by index."""

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
        """[N]: the length by which examples are bucketed, so that batches need little padding."""

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs of the given examples, padded to the longest."""

    def targets(self, indices: Sequence[int]) -> Tensor:
        """Their labels: [B, names] float32, NaN if unlabeled; for classes [B] int64, -1 if unlabeled."""


@runtime_checkable
class ResampledExamples(Protocol):
    """Examples that are resampled for each epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Called before each epoch, counted from 0; `batch` and `targets` may depend on nothing but `epoch`.

        A run that resumes within an epoch calls it again for that epoch.
        """


def bucketed_batches(
    costs: NDArray[np.int64], batch_size: int, generator: torch.Generator, pool: int = 16
) -> list[list[int]]:
    """All examples in random order, in batches of similar cost.

    Examples are shuffled and split into pools of `pool` batches; each pool is sorted by cost and cut into batches, and
    the batches are shuffled. One batch may be smaller than the others.
    """
    order = torch.randperm(len(costs), generator=generator).numpy()
    batches: list[list[int]] = []
    for start in range(0, len(order), pool * batch_size):
        part = order[start : start + pool * batch_size]
        part = part[np.argsort(costs[part], kind="stable")]
        batches += [part[i : i + batch_size].tolist() for i in range(0, len(part), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def sorted_batches(costs: NDArray[np.int64], batch_size: int) -> list[list[int]]:
    """All examples in order of increasing cost, for inference passes."""
    order = np.argsort(costs, kind="stable")
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]
