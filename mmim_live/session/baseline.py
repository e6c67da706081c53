"""A person's neutral baseline: the median score over some seconds of neutral speech.

Later scores are also reported relative to it. A notice tells the user when it begins, is set, fails or is removed.
"""

from __future__ import annotations

import math
import statistics

from mmim_live.events import Notice, Reading
from mmim_live.session_types import BaselineHealth
from mmim_live.types import MODALITIES

MEASURE_S = 15.0
MIN_EXTRA_S = 5.0  # with long windows, the measurement takes at least this much longer than a window
LATE_S = 10.0  # how long after its end to wait for its last readings
NEEDED_SHARE = 0.5  # of the readings that fit into the time must contain speech
_EPSILON_S = 1e-6
_NAMES = {"text": "words", "voice": "voice", "face": "face"}


class Baseline:
    """One person's baseline in one session. `window_s` and `hop_s` are those of the readings."""

    def __init__(self, window_s: float, hop_s: float) -> None:
        self.score: float | None = None  # once it is set
        self.length_s = max(MEASURE_S, window_s + max(MIN_EXTRA_S, 2 * hop_s))
        self.possible = math.floor((self.length_s - window_s) / hop_s + _EPSILON_S)
        self.needed = math.ceil(NEEDED_SHARE * self.possible)
        self._hop_s = hop_s
        self._began_s: float | None = None  # while it is being measured
        self._readings: list[Reading] = []

    def toggle(self, now_s: float) -> Notice:
        """Start measuring; while measuring, cancel; once there is a baseline, remove it."""
        if self._began_s is not None:
            self._began_s = None
            return Notice(now_s, "baseline_removed", "baseline canceled")
        if self.score is not None:
            self.score = None
            return Notice(now_s, "baseline_removed", "baseline removed: scores are absolute again")
        self._began_s, self._readings = now_s, []
        message = f"measuring your baseline: read something neutral aloud for {self.length_s:.0f} s"
        return Notice(now_s, "baseline_began", message)

    def take(self, reading: Reading) -> list[Notice]:
        """Take a reading, the committed ones in order of time; return notices for the user."""
        if self._began_s is None:
            return []
        until_s = self._began_s + self.length_s
        inside = reading.start_s >= self._began_s - _EPSILON_S and reading.end_s <= until_s + _EPSILON_S
        spoken = reading.score is not None and (reading.present.voice or reading.present.text)
        if reading.status == "committed" and inside and spoken:
            self._readings.append(reading)
        complete = reading.status == "committed" and reading.end_s > until_s - self._hop_s + _EPSILON_S
        return [self._close(reading.end_s)] if complete or reading.end_s > until_s + LATE_S else []

    def end(self, now_s: float) -> list[Notice]:
        """The session ends."""
        return [self._close(now_s)] if self._began_s is not None else []

    def relative(self, score: float | None) -> float | None:
        """The score less the baseline; None without one."""
        return None if score is None or self.score is None else score - self.score

    def health(self, now_s: float) -> BaselineHealth | None:
        """Its current state, from any thread; None if there is none."""
        began_s, score = self._began_s, self.score
        if began_s is not None:
            return BaselineHealth(None, max(0.0, began_s + self.length_s - now_s))
        return None if score is None else BaselineHealth(score)

    def _close(self, now_s: float) -> Notice:
        self._began_s = None
        scores = [reading.score for reading in self._readings if reading.score is not None]
        found = f"{len(scores)} of {self.possible} readings contained speech"
        if len(scores) < max(1, self.needed):
            message = f"baseline failed, not enough speech: {found}, need {self.needed}; please try again"
            return Notice(now_s, "baseline_failed", message)
        self.score = statistics.median(scores)
        message = f"baseline set to {self.score:+.2f}, scores are now also shown relative to it: {found}{self._basis()}"
        return Notice(now_s, "baseline_set", message)

    def _basis(self) -> str:
        """The modalities present in most of the readings, since the baseline may not apply to others."""
        shares = {name: sum(getattr(each.present, name) for each in self._readings) for name in MODALITIES}
        present = [_NAMES[name] for name, count in shares.items() if count > len(self._readings) / 2]
        return f", most with {' and '.join(present)}" if present else ""
