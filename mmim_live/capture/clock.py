"""The clock of a session, and how the sample count of a sound card is tied to it.

Pure arithmetic beside `time.monotonic`: knows nothing of devices, threads or arrays.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

WINDOW_S = 1.0  # of sound; the promptest arrival in it counts
SMOOTHING_S = 20.0  # time constant of the offset: 200 ppm, a poor crystal, lags by 4 ms
JUMP_S = 0.05  # a later arrival than this is not drift (compare TOLERANCE_S of the timeline)
JUMP_WINDOWS = 3  # for so long every single arrival must be late before sound is held to be lost
ANCHOR_WINDOWS = 30  # drift is reported from here on: before, the offset is still settling
RATE_KNOWN_S = 30.0  # and only after so much more sound


@dataclass(frozen=True, slots=True)
class SessionClock:
    """Media time of a live session: seconds on the monotonic clock since it began. All its devices share one."""

    start_s: float = field(default_factory=time.monotonic)

    def now_s(self) -> float:
        """The media time of this moment."""
        return time.monotonic() - self.start_s

    def media_s(self, monotonic_s: float) -> float:
        """The media time of a moment on `time.monotonic`."""
        return monotonic_s - self.start_s


@dataclass(slots=True)
class DriftEstimate:
    """Ties a count of sound, in seconds at the nominal rate, to the clock: time_s = counted_s + offset.

    Sound arrives late by an unknown and changing amount, never early, so the promptest arrival of each second of
    sound is what counts; the offset follows these slowly, which leaves out the jitter and keeps the drift of the
    crystal. Where for three seconds not one arrival was prompt, sound was lost, and the offset leaps.
    """

    jumped_s: float = 0.0  # all leaps together: how much sound was lost
    _offset_s: float | None = None
    _began_s: float = 0.0  # count at which the window began
    _earliest_s: float = math.inf
    _windows: int = 0
    _late: list[float] = field(default_factory=list)
    _anchor: tuple[float, float] | None = None  # counted and offset, without leaps
    _counted_s: float = 0.0

    def observe(self, counted_s: float, time_s: float) -> None:
        """The sound up to `counted_s`, which must not fall, was there at `time_s` on the clock."""
        self._counted_s = counted_s
        self._earliest_s = min(self._earliest_s, time_s - counted_s)
        if self._windows == 0:
            self._offset_s = self._earliest_s
        if counted_s - self._began_s >= WINDOW_S:
            self._close_window()

    def time_s(self, counted_s: float) -> float:
        """When the sample at `counted_s` was in the air. Something must have been observed."""
        assert self._offset_s is not None
        return counted_s + self._offset_s

    @property
    def ppm(self) -> float | None:
        """By how many millionths the device is slow; None during the first minute."""
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
                leap_s = min(self._late)
                self._offset_s += leap_s
                self.jumped_s += leap_s
                self._late.clear()
        else:
            self._late.clear()
            self._offset_s += error_s * max(1 / self._windows, WINDOW_S / SMOOTHING_S)
        if self._windows == ANCHOR_WINDOWS:
            self._anchor = (self._counted_s, self._offset_s - self.jumped_s)
        self._began_s, self._earliest_s = self._counted_s, math.inf
