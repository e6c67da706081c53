"""From the time stamps of a container, which may lack, repeat, leap or run backward, to one clock of media time.

Pure arithmetic on times and counts: knows nothing of files, codecs or arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mmim_live.types import SAMPLE_RATE_HZ

# Codecs' priming samples, millisecond rounding (Matroska) and a lost packet or two stay below this; lip-sync errors
# become noticeable above it (ITU-R BT.1359 gives 45 ms for sound that is early).
TOLERANCE_S = 0.05

# Further back than any overlap or reordering: the stamps have started anew, as where two recordings were joined.
RESTART_S = 1.0

# Matroska and Flash round to 1 ms: a frame that is due at 0.13333 s may be stamped 0.133 s.
STAMP_ROUNDING_S = 0.001


@dataclass(slots=True)
class AudioTimeline:
    """Lays decoded pieces of sound on a line of 16 kHz samples that has neither gaps nor overlaps and starts at 0.

    A leap of more than `max_jump_s` forward or `RESTART_S` backward is a fault of the stamps, not of the sound: the
    piece is put at the end of the line and the following stamps are shifted alike.
    """

    max_jump_s: float = math.inf
    count: int = 0  # samples on the line so far
    _shift_s: float = 0.0

    def place(self, time_s: float | None, count: int) -> tuple[int, int]:
        """Where a piece of `count` samples stamped `time_s` (None: unknown) goes: (silence, skip), both in samples.

        The caller appends `silence` zeros, then the piece without its first `skip` samples (at most `count`). The
        first piece is placed to the sample; later ones keep to the line while they are within `TOLERANCE_S` of it.
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
    """Gives every decoded picture a time that is larger than that of the picture before.

    `step_s` is the nominal distance of two pictures. Pictures without a stamp follow at that distance. Repeated or
    slightly backward stamps squeeze their pictures in behind the last one, so that the next good stamp still holds;
    when they persist, the stamps stand still and the pictures go on at the nominal distance.
    """

    step_s: float
    max_jump_s: float = math.inf
    _last_s: float | None = None
    _shift_s: float = 0.0
    _faults: int = 0  # bad stamps in a row

    def time(self, stamp_s: float | None) -> float:
        """The media time of the next picture; at least 0."""
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
    """Picks at most one picture, the first, out of every 1 / `rate_hz` of media time; at an infinite rate, all."""

    rate_hz: float
    _slot: int = -1

    def accepts(self, time_s: float) -> bool:
        """Whether the picture at `time_s` is picked. Times must rise."""
        if math.isinf(self.rate_hz):
            return True
        slot = math.floor((time_s + STAMP_ROUNDING_S) * self.rate_hz)
        if slot <= self._slot:
            return False
        self._slot = slot
        return True
