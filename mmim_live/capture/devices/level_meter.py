"""How loud it is: the level of each block of sound, the peak of the last seconds, and how long it has been silent.

Pure; knows no device.
"""

from __future__ import annotations

import math

import numpy as np

from mmim_live.session_types import SoundLevel
from mmim_live.types import AudioBlock

FLOOR_DBFS = -90.0  # of 16-bit sound
HOLD_S = 1.5  # that a peak stands before it gives way
# A microphone that is muted, or turned down in the mixer, gives less than this; a quiet room gives more.
SILENT_BELOW_DBFS = -70.0


class LevelMeter:
    """Written by one thread; `level` may be read by any."""

    def __init__(self) -> None:
        self.level: SoundLevel | None = None
        self._peak_dbfs = FLOOR_DBFS
        self._peak_s = 0.0
        self._sound_s: float | None = None  # when there was sound for the last time

    def push(self, block: AudioBlock) -> None:
        """Measure the next block: its root mean square, and its largest sample."""
        if not len(block.samples):
            return
        if self._sound_s is None:
            self._sound_s = block.start_s
        peak_dbfs = dbfs(float(np.abs(block.samples).max()))
        if peak_dbfs >= self._peak_dbfs or block.end_s - self._peak_s > HOLD_S:
            self._peak_dbfs, self._peak_s = peak_dbfs, block.end_s
        if peak_dbfs >= SILENT_BELOW_DBFS:
            self._sound_s = block.end_s
        rms = math.sqrt(float(np.dot(block.samples, block.samples)) / len(block.samples))
        self.level = SoundLevel(dbfs(rms), self._peak_dbfs, block.end_s - self._sound_s)


def dbfs(amplitude: float) -> float:
    """Decibels below full scale, where a full-scale square wave is 0; not below the floor.

    >>> dbfs(1.0), dbfs(0.1), dbfs(0.0)
    (0.0, -20.0, -90.0)
    """
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
