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

# Gaps up to this length are kept, longer ones while they total at most MAX_GAPS_S: a camera that went away, slides.
# 10 s is where ffmpeg begins to doubt timestamps (dts_delta_threshold).
MAX_GAP_S = 10.0
MAX_GAPS_S = 600.0


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

    @property
    def started(self) -> bool:
        """Whether there was a frame."""
        return self._last_s is not None

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


@dataclass(slots=True)
class GapLimiter:
    """Bounds the time in which no track has anything, so that two frames 1e7 s apart do not become months of media.

    Times given to it are those of the tracks. Media time is behind them by `skipped`, on all tracks alike.
    """

    skipped: int = 0  # samples at 16 kHz
    first_cut: tuple[float, float] | None = None  # media time and length in seconds of the first gap that was cut
    _allowance_s: float = MAX_GAPS_S
    _decided_s: float = 0.0  # a gap that ends here has been counted

    @property
    def skipped_s(self) -> float:
        """How far media time is behind the tracks."""
        return self.skipped / SAMPLE_RATE_HZ

    def leave_out(self, at_s: float, next_s: float) -> int:
        """How many samples to leave out between `at_s`, reached by all tracks, and `next_s`, where one goes on.

        They are added to `skipped`.
        """
        gap_s = next_s - at_s
        if gap_s <= MAX_GAP_S or next_s <= self._decided_s:
            return 0
        self._decided_s = next_s
        if gap_s <= self._allowance_s:
            self._allowance_s -= gap_s
            return 0
        if self.first_cut is None:
            self.first_cut = (at_s - self.skipped_s, gap_s)
        cut = round((gap_s - MAX_GAP_S) * SAMPLE_RATE_HZ)
        self.skipped += cut
        return cut
