"""A lock-free ring buffer of audio between the sound card's thread and the reader.

One thread writes, one reads, and neither waits for the other: each changes only its own counter, and assigning an int
is atomic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RingBuffer:
    """Holds at most `capacity` frames; frames that do not fit are lost and counted."""

    def __init__(self, capacity: int, channels: int) -> None:
        self._frames = np.zeros((capacity, channels), np.float32)  # zeros, not empty: touches the memory now
        self._written = 0
        self._taken = 0
        self.lost = 0  # frames that did not fit

    def __len__(self) -> int:
        """Number of frames that can be taken."""
        return self._written - self._taken

    @property
    def written(self) -> int:
        """Number of frames that fit in so far."""
        return self._written

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append frames [n, channels]."""
        capacity = len(self._frames)
        kept = min(len(frames), capacity - len(self))
        self.lost += len(frames) - kept
        at = self._written % capacity
        first = min(kept, capacity - at)
        self._frames[at : at + first] = frames[:first]
        self._frames[: kept - first] = frames[first:kept]
        self._written += kept

    def take(self) -> NDArray[np.float32]:
        """All available frames, [n, channels], in a new array."""
        capacity = len(self._frames)
        at, count = self._taken % capacity, len(self)
        taken = np.concatenate((self._frames[at : at + count], self._frames[: max(at + count - capacity, 0)]))
        self._taken += count
        return taken
