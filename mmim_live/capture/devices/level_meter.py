"""Audio level: RMS of each block, peak of the last seconds, and how long it has been silent."""

from __future__ import annotations

import math

import numpy as np

from mmim_live.session_types import SoundLevel
from mmim_live.types import AudioBlock

FLOOR_DBFS = -90.0  # of 16-bit audio
HOLD_S = 1.5  # for which a peak is held
# A microphone that is muted, or turned down in the mixer, stays below this; a quiet room is above it.
SILENT_BELOW_DBFS = -70.0


class LevelMeter:
    """Written by one thread; any thread may read `level`."""

    def __init__(self) -> None:
        self.level: SoundLevel | None = None
        self._peak_dbfs = FLOOR_DBFS
        self._peak_s = 0.0
        self._audible_s: float | None = None  # when audio was last above the silence threshold

    def push(self, block: AudioBlock) -> None:
        """Measure the next block: its RMS and its largest sample."""
        if not len(block.samples):
            return
        if self._audible_s is None:
            self._audible_s = block.start_s
        peak_dbfs = dbfs(float(np.abs(block.samples).max()))
        if peak_dbfs >= self._peak_dbfs or block.end_s - self._peak_s > HOLD_S:
            self._peak_dbfs, self._peak_s = peak_dbfs, block.end_s
        if peak_dbfs >= SILENT_BELOW_DBFS:
            self._audible_s = block.end_s
        rms = math.sqrt(float(np.dot(block.samples, block.samples)) / len(block.samples))
        self.level = SoundLevel(dbfs(rms), self._peak_dbfs, block.end_s - self._audible_s)


def dbfs(amplitude: float) -> float:
    """Decibels relative to full scale (a full-scale square wave is 0), never below the floor.

    >>> dbfs(1.0), dbfs(0.1), dbfs(0.0)
    (0.0, -20.0, -90.0)
    """
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
