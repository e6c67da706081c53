"""A person's neutral baseline: the median score of some seconds of neutral speech. Later scores are also given relative
to it. A notice reports when it begins, is set, fails and is removed.
"""

from __future__ import annotations

import math
import statistics

from mmim_live.events import Notice, Reading
from mmim_live.session_types import BaselineHealth
from mmim_live.types import MODALITIES

MEASURE_S = 15.0
LEAST_ROOM_S = 5.0  # that the measured time is longer than a window, where windows are long
LATE_S = 10.0  # so long after its end the last readings of it are waited for
NEEDED_SHARE = 0.5  # of the readings that fit into the time must hold speech
_EPSILON_S = 1e-6
_NAMES = {"text": "words", "voice": "voice", "face": "face"}


class Baseline:
    """One person's baseline in one session. `window_s` and `hop_s` are those of the readings."""

    def __init__(self, window_s: float, hop_s: float) -> None:
        self.score: float | None = None  # once it holds
        self.length_s = max(MEASURE_S, window_s + max(LEAST_ROOM_S, 2 * hop_s))
        self.possible = math.floor((self.length_s - window_s) / hop_s + _EPSILON_S)
        self.needed = math.ceil(NEEDED_SHARE * self.possible)
        self._hop_s = hop_s
        self._began_s: float | None = None  # while it is measured
        self._readings: list[Reading] = []

    def toggle(self, now_s: float) -> Notice:
        """Begin to measure; or, where that goes on or has been done, forget it."""
        if self._began_s is not None:
            self._began_s = None
            return Notice(now_s, "baseline_removed", "no baseline is taken: it was called off")
        if self.score is not None:
            self.score = None
            return Notice(
                now_s, "baseline_removed", "the baseline is removed: scores are told as they are, and no more"
            )
        self._began_s, self._readings = now_s, []
        message = f"a baseline is being taken: read something neutral aloud for {self.length_s:.0f} s"
        return Notice(now_s, "baseline_began", message)

    def take(self, reading: Reading) -> list[Notice]:
        """A reading came, in order of time among the committed ones; what a person should know of it."""
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

    def look(self, now_s: float) -> BaselineHealth | None:
        """How it stands, from any thread; None where there is none."""
        began_s, score = self._began_s, self.score
        if began_s is not None:
            return BaselineHealth(None, max(0.0, began_s + self.length_s - now_s))
        return None if score is None else BaselineHealth(score)

    def _close(self, now_s: float) -> Notice:
        self._began_s = None
        scores = [reading.score for reading in self._readings if reading.score is not None]
        found = f"{len(scores)} of {self.possible} readings held speech"
        if len(scores) < max(1, self.needed):
            return Notice(
                now_s, "baseline_failed", f"no baseline: {found}, and {self.needed} are needed; take it again"
            )
        self.score = statistics.median(scores)
        message = f"scores are now shown relative to your baseline of {self.score:+.2f} as well: {found}{self._with()}"
        return Notice(now_s, "baseline_set", message)

    def _with(self) -> str:
        """Which modalities most of the readings rest on, since a baseline of other ones may not fit."""
        shares = {name: sum(getattr(each.present, name) for each in self._readings) for name in MODALITIES}
        present = [_NAMES[name] for name, count in shares.items() if count > len(self._readings) / 2]
        return f", most of them {' and '.join(present)}" if present else ""
