"""From a container's timestamps, which may be missing, repeat, jump or run backward, to one clock of media time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmim_live.types import SAMPLE_RATE_HZ

# Codecs' priming samples, millisecond rounding (Matroska) and a lost packet or two stay below this; lip-sync errors
# become noticeable above it (ITU-R BT.1359: 45 ms for early audio).
TOLERANCE_S = 0.05

# Further back than any overlap or reordering: the timestamps restarted, as where two recordings were joined.
RESTART_S = 1.0

# Matroska and Flash round to 1 ms: a frame due at 0.13333 s may be stamped 0.133 s.
STAMP_ROUNDING_S = 0.001


@dataclass(slots=True)
class AudioTimeline:
    """Places decoded pieces of audio on a timeline of 16 kHz samples that starts at 0, without gaps or overlaps.

    A jump of more than `max_jump_s` forward or `RESTART_S` backward is an error in the timestamps, not in the audio:
    the piece is appended to the timeline and the following timestamps are shifted by the same amount.
    """

    max_jump_s: float = math.inf
    count: int = 0  # samples on the timeline so far
    _shift_s: float = 0.0

    def place(self, time_s: float | None, count: int) -> tuple[int, int]:
        """Where a piece of `count` samples stamped `time_s` (None: unknown) goes: (silence, skip), both in samples.

        The caller appends `silence` zeros, then the piece without its first `skip` samples (at most `count`). The
        first piece is placed to the sample; later ones are simply appended while they are within `TOLERANCE_S`.
        """
        error_s = 0.0
        if time_s is not None:
            error_s = time_s + self._shift_s - self.count / SAMPLE_RATE_HZ
            if not -RESTART_S <= error_s <= self.max_jump_s:
                self._shift_s -= error_s
                error_s = 0.0
            elif self.count > 0 and abs(error_s) <= TOLERANCE_S:
                error_s = 0.0
        error = round(error_s * SAMPLE_RATE_HZ)
        silence, skip = max(error, 0), min(max(-error, 0), count)
        self.count += silence + count - skip
        return silence, skip


@dataclass(slots=True)
class FrameClock:
    """Gives every decoded frame a time later than that of the frame before.

    `step_s` is the nominal frame interval. Frames without a timestamp follow at that interval. Frames with repeated or
    slightly backward timestamps are squeezed in behind the last one, so that the next good timestamp still holds; if
    these persist, the timestamps have stalled, and frames continue at the nominal interval.
    """

    step_s: float
    max_jump_s: float = math.inf
    _last_s: float | None = None
    _shift_s: float = 0.0
    _faults: int = 0  # bad timestamps in a row

    def time(self, stamp_s: float | None) -> float:
        """The media time of the next frame; at least 0."""
        if self._last_s is None:
            time_s = max(stamp_s or 0.0, 0.0)
        elif stamp_s is None:
            time_s = self._last_s + self.step_s
        else:
            time_s = self._corrected(stamp_s, self._last_s)
        self._last_s = time_s
        return time_s

    def _corrected(self, stamp_s: float, last_s: float) -> float:
        time_s = stamp_s + self._shift_s
        if not -RESTART_S <= time_s - last_s <= self.max_jump_s:
            self._shift_s += last_s + self.step_s - time_s
            return last_s + self.step_s
        if time_s > last_s:
            self._faults = 0
            return time_s
        self._faults += 1
        return last_s + (self.step_s / 8 if self._faults <= 3 else self.step_s)


@dataclass(slots=True)
class FrameGrid:
    """Selects at most one frame, the first, in every 1 / `rate_hz` of media time; all frames at an infinite rate."""

    rate_hz: float
    _slot: int = -1

    def accepts(self, time_s: float) -> bool:
        """Whether the frame at `time_s` is selected. Times must increase."""
        if math.isinf(self.rate_hz):
            return True
        slot = math.floor((time_s + STAMP_ROUNDING_S) * self.rate_hz)
        if slot <= self._slot:
            return False
        self._slot = slot
        return True
