"""The clock of a session, and how the sample count of a sound card maps to it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

WINDOW_S = 1.0  # of audio; the promptest arrival in it counts
SMOOTHING_S = 20.0  # time constant of the offset: with 200 ppm, a poor crystal, it lags by 4 ms
JUMP_S = 0.05  # arrivals later than this are not drift (compare TOLERANCE_S of the timeline)
JUMP_WINDOWS = 3  # audio counts as lost once every arrival was late for this long
ANCHOR_WINDOWS = 30  # drift is measured from here on: before, the offset is still settling
RATE_KNOWN_S = 30.0  # and reported only after this much more audio


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Media time of a live session: seconds on the monotonic clock since it began, shared by all its devices."""

    start_s: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """The current media time."""
        return time.monotonic() - self.start_s

    def media_s(self, monotonic_s: float) -> float:
        """The media time of a value of `time.monotonic`."""
        return monotonic_s - self.start_s


@dataclass(slots=True)
class DriftEstimate:
    """Maps a count of audio, in seconds at the nominal rate, to the clock: time_s = counted_s + offset.

    Audio arrives late by an unknown, varying amount and never early, so only the promptest arrival in each second of
    audio counts. The offset follows these slowly, which removes the jitter and keeps the drift of the crystal. If no
    arrival was prompt for three seconds, audio was lost, and the offset jumps.
    """

    jumped_s: float = 0.0  # sum of all jumps: how much audio was lost
    _offset_s: float | None = None
    _began_s: float = 0.0  # count at which the window began
    _earliest_s: float = math.inf
    _windows: int = 0
    _late: list[float] = field(default_factory=list)
    _anchor: tuple[float, float] | None = None  # counted and offset, without jumps
    _counted_s: float = 0.0

    def observe(self, counted_s: float, time_s: float) -> None:
        """Audio up to `counted_s`, which must not decrease, had arrived at `time_s` on the clock."""
        self._counted_s = counted_s
        self._earliest_s = min(self._earliest_s, time_s - counted_s)
        if self._windows == 0:
            self._offset_s = self._earliest_s
        if counted_s - self._began_s >= WINDOW_S:
            self._close_window()

    def time_s(self, counted_s: float) -> float:
        """When the sample at `counted_s` was recorded. Requires at least one observation."""
        assert self._offset_s is not None
        return counted_s + self._offset_s

    @property
    def ppm(self) -> float | None:
        """By how many parts per million the device is slow; None during the first minute."""
        if self._anchor is None or self._offset_s is None:
            return None
        counted_s, offset_s = self._anchor
        if self._counted_s - counted_s < RATE_KNOWN_S:
            return None
        return 1e6 * (self._offset_s - self.jumped_s - offset_s) / (self._counted_s - counted_s)

    def _close_window(self) -> None:
        assert self._offset_s is not None
        error_s = self._earliest_s - self._offset_s
        self._windows += 1
        if error_s > JUMP_S:
            self._late.append(error_s)
            if len(self._late) == JUMP_WINDOWS:
                jump_s = min(self._late)
                self._offset_s += jump_s
                self.jumped_s += jump_s
                self._late.clear()
        else:
            self._late.clear()
            self._offset_s += error_s * max(1 / self._windows, WINDOW_S / SMOOTHING_S)
        if self._windows == ANCHOR_WINDOWS:
            self._anchor = (self._counted_s, self._offset_s - self.jumped_s)
        self._began_s, self._earliest_s = self._counted_s, math.inf
