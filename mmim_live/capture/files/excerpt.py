"""A stretch of a recording."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Excerpt:
    """From `start_s` up to `end_s`, in seconds from the beginning of the recording; by default all of it."""

    start_s: float = 0.0
    end_s: float = math.inf

    def __post_init__(self) -> None:
        """Raises ValueError: it does not begin within a recording, or ends before it begins."""
        if not 0 <= self.start_s < math.inf:
            raise ValueError(f"it starts at {self.start_s:g} s")
        if not self.end_s > self.start_s:
            raise ValueError(f"it ends at {self.end_s:g} s, but starts at {self.start_s:g} s")

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self == WHOLE

    def holds(self, time_s: float) -> bool:
        """Whether an instant is inside."""
        return self.start_s <= time_s < self.end_s


WHOLE = Excerpt()
