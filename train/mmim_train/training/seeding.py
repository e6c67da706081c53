"""Random numbers that depend only on the position in the training.

Every step draws from generators seeded by (seed, purpose, epoch, step, ...). No generator state needs saving: a run
resumed at a step draws what the uninterrupted run drew there. Dropout uses torch's global generators; these are seeded
for each step and restored after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What random numbers are drawn for; part of the seed."""

    WEIGHTS = 0
    ORDER = 1
    ENCODE = 2
    FUSE = 3
    CRITICS = 4
    MISSING = 5
    REFRESH = 6


def derived_seed(*key: int) -> int:
    """A well-mixed seed below 2**63 from a key of non-negative integers (numpy's SeedSequence)."""
    high, low = (int(word) for word in np.random.SeedSequence(key).generate_state(2))
    return (high << 31) ^ low


def generator(*key: int) -> torch.Generator:
    """A CPU generator seeded by the key."""
    return torch.Generator().manual_seed(derived_seed(*key))


@contextmanager
def seeded(device: torch.device, *key: int) -> Iterator[torch.Generator]:
    """Within, the key seeds the global generators of the CPU and of `device`; yields a CPU generator, seeded alike."""
    seed = derived_seed(*key)
    kind = "cuda" if device.type == "cpu" else device.type
    index = [] if device.type == "cpu" else [device.index or 0]
    with torch.random.fork_rng(devices=index, device_type=kind):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)
