"""The mean score of a session: that of its committed utterances, each weighted by how long it lasted."""

from __future__ import annotations

from mmim_live.events import Utterance


class MeanScore:
    """Add the utterances one by one. Provisional ones and those without a score do not count."""

    def __init__(self) -> None:
        self.count = 0  # utterances that count
        self._score_seconds = 0.0
        self._seconds = 0.0

    def add(self, utterance: Utterance) -> None:
        """Count one more, once and for all."""
        if utterance.status != "committed" or utterance.score is None:
            return
        length_s = max(utterance.end_s - utterance.start_s, 1e-3)  # one without a length still counts
        self.count += 1
        self._score_seconds += utterance.score * length_s
        self._seconds += length_s

    @property
    def value(self) -> float | None:
        """From -3 to 3; None before the first utterance that counts."""
        return self._score_seconds / self._seconds if self._seconds else None
