"""Resource usage of a session: frame rate, CPU and memory."""

from __future__ import annotations

import time

import psutil

from mmim_live.session_types import Health


class UsageMeter:
    """Rates are averages since the last call."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the starting point
        self._frames, self._measured_s = 0, time.monotonic()

    def cpu_percent(self) -> float:
        """Of one core, since the last call: two busy cores are 200."""
        return self._process.cpu_percent()

    def memory_mb(self) -> float:
        """Resident memory of the process."""
        return self._process.memory_info().rss / 1e6

    def fps(self, frames: int) -> float | None:
        """Frames per second of wall time since the last call; `frames` is their number so far."""
        before, then_s = self._frames, self._measured_s
        self._frames, self._measured_s = frames, time.monotonic()
        return (frames - before) / (self._measured_s - then_s) if self._measured_s > then_s else None


def loading_health(activity: str, checkpoint: str) -> Health:
    """Health before there is a session; `activity` is what is being loaded."""
    return Health(0.0, activity=activity, memory_mb=UsageMeter().memory_mb(), checkpoint=checkpoint)
