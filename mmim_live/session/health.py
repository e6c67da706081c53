"""What a session costs: frame rate, CPU and memory, measured between two looks."""

from __future__ import annotations

import time

import psutil

from mmim_live.session_types import Health


class UsageMeter:
    """Rates are counted since the last look."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark to measure from
        self._frames, self._looked_s = 0, time.monotonic()

    def cpu_percent(self) -> float:
        """Of one core, since the last look: two busy cores are 200."""
        return self._process.cpu_percent()

    def memory_mb(self) -> float:
        """Resident memory of the process."""
        return self._process.memory_info().rss / 1e6

    def fps(self, frames: int) -> float | None:
        """Frames per second of wall time since the last look; `frames` counts all so far."""
        before, then_s = self._frames, self._looked_s
        self._frames, self._looked_s = frames, time.monotonic()
        return (frames - before) / (self._looked_s - then_s) if self._looked_s > then_s else None


def loading_health(activity: str, checkpoint: str) -> Health:
    """Before there is a session; `activity` is what is being loaded."""
    return Health(0.0, activity=activity, memory_mb=UsageMeter().memory_mb(), checkpoint=checkpoint)
