"""Aligned windows -> predictions -> events, and the summary."""

from __future__ import annotations

import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from mmim_live.alignment import Aligned
from mmim_live.events import Event, Mark, Notice, Reading, Summary, Utterance, WordHeard
from mmim_live.mean_score import MeanScore
from mmim_live.model.predictor import Predictor
from mmim_live.session.baseline import Baseline
from mmim_live.types import Prediction, Window, Word

RECENT_READINGS = 40  # lag is reported over the last 20 s
MAX_COMMITTED = 16  # rolling windows per batch: a pause commits a good dozen, at two per second


class Inference:
    """Turns aligned items into events and counts them.

    `captured_at` returns the wall time at which the media up to a media time had been captured; `languages` are those
    that the checkpoint supports (empty: any). `baseline` is the user's.
    """

    def __init__(
        self,
        predictor: Predictor,
        checkpoint: str,
        languages: tuple[str, ...],
        captured_at: Callable[[float], float],
        baseline: Baseline,
    ) -> None:
        self.baseline = baseline
        self._predictor = predictor
        self._checkpoint = checkpoint
        self._languages = languages
        self._captured_at = captured_at
        self._reported: set[str] = set()  # languages for which there has been a notice
        self._spoken: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._mean_score = MeanScore()
        self._latencies_ms: deque[float] = deque(maxlen=RECENT_READINGS)
        self._word_delays_ms: deque[float] = deque(maxlen=RECENT_READINGS)
        self._spoken_until_s = 0.0  # the end of the latest word

    def read(self, item: Aligned) -> list[Event]:
        """The events from an aligned item, in order."""
        match item:
            case Notice() | Mark():
                return [item]
            case Word():
                return self._word(item)
            case Window(kind="rolling"):
                reading = self._reading(item)
                return [reading, *self.baseline.take(reading)]
            case Window():
                return self._utterance(item)

    def count(self, name: str, more: int = 1) -> None:
        """Add to one of the numbers in the summary."""
        self._counts[name] += more

    @property
    def frames(self) -> int:
        """The number of frames analyzed."""
        return self._counts["frames"]

    def lags_ms(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the latency of the last readings."""
        recent = sorted(self._latencies_ms)
        if not recent:
            return None
        return statistics.median(recent), recent[min(len(recent) - 1, round(0.95 * len(recent)))]

    def word_delay_ms(self) -> float | None:
        """Median wall time from the end of a word to its first hypothesis, over the last words."""
        recent = tuple(self._word_delays_ms)
        return statistics.median(recent) if recent else None

    def summary(self, duration_s: float, wall_s: float, drops: dict[str, int]) -> Summary:
        """The last event."""
        names = ("frames", "face_rows", "voice_rows", "words", "readings", "utterances")
        return Summary(
            duration_s=duration_s,
            counts={name: self._counts[name] for name in names},
            drops=drops,
            mean_score=self._mean_score.value,
            languages=tuple(language for language, _ in self._spoken.most_common()),
            real_time_factor=wall_s / duration_s if duration_s else 0.0,
        )

    def _word(self, word: Word) -> list[Event]:
        events: list[Event] = []
        if word.end_s > self._spoken_until_s:
            self._spoken_until_s = word.end_s
            self._word_delays_ms.append(1000.0 * (time.perf_counter() - self._captured_at(word.end_s)))
        known_now = word.status == "committed"  # the language of a provisional word is a guess
        if known_now and word.language and not self._supports(word) and word.language not in self._reported:
            self._reported.add(word.language)
            supported = " or ".join(self._languages)
            message = (
                f"speech in {word.language!r}: checkpoint {self._checkpoint!r} supports {supported}, "
                "so these words are shown but do not affect the score"
            )
            events.append(Notice(word.heard_s, "language_not_read", message))
        if word.status == "committed":
            self.count("words")
            if word.language is not None:
                self._spoken[word.language] += 1
        return [
            *events,
            WordHeard(
                text=word.text,
                start_s=word.start_s,
                end_s=word.end_s,
                probability=word.probability,
                status=word.status,
                heard_s=word.heard_s,
                language=word.language,
            ),
        ]

    def _reading(self, window: Window) -> Reading:
        prediction = self._predict(window)
        if window.status == "committed":
            self.count("readings")
        latency_ms = self._latency_ms(window)
        if window.revision == 0:  # later revisions wait for words, which is not a reading's latency
            self._latencies_ms.append(latency_ms)
        return Reading(
            start_s=window.start_s,
            end_s=window.end_s,
            score=prediction.score,
            low=prediction.low,
            high=prediction.high,
            status=window.status,
            revision=window.revision,
            contributions=prediction.contributions,
            agreement=prediction.agreement,
            present=prediction.present,
            latency_ms=latency_ms,
            relative=self.baseline.relative(prediction.score),
        )

    def _utterance(self, window: Window) -> list[Event]:
        """An utterance; a stretch of voice without words (a laugh, singing) is not one."""
        if not window.words:
            return []
        self.count("utterances")
        prediction = self._predict(window)
        spoken = Counter(word.language for word in window.words)
        utterance = Utterance(
            start_s=window.start_s,
            end_s=window.end_s,
            text=window.text,
            language=spoken.most_common(1)[0][0],
            score=prediction.score,
            low=prediction.low,
            high=prediction.high,
            status=window.status,
            revision=window.revision,
            contributions=prediction.contributions,
            agreement=prediction.agreement,
            present=prediction.present,
            latency_ms=self._latency_ms(window),
            relative=self.baseline.relative(prediction.score),
        )
        self._mean_score.add(utterance)
        return [utterance]

    def _predict(self, window: Window) -> Prediction:
        """Words in a language that the checkpoint does not support count as absent."""
        supported = tuple(word for word in window.words if self._supports(word))
        return self._predictor.predict([replace(window, words=supported)])[0]

    def _supports(self, word: Word) -> bool:
        return not self._languages or word.language is None or word.language in self._languages

    def _latency_ms(self, window: Window) -> float:
        captured = self._captured_at(window.end_s)
        return 1000.0 * (time.perf_counter() - captured)


def drop_superseded(items: Sequence[Aligned]) -> list[Aligned]:
    """The part of a batch that is worth predicting if the predictor must not fall behind.

    Provisional rolling windows that are followed by one at least as new are dropped, since nobody would see them. Of
    the committed ones only the last few are kept, which bounds the work of a predictor that is far too slow.
    """
    kept: list[Aligned] = []
    newest_s = 0.0
    committed = 0
    for item in reversed(items):
        if isinstance(item, Window) and item.kind == "rolling":
            if item.status == "committed":
                committed += 1
            if committed > MAX_COMMITTED if item.status == "committed" else item.end_s <= newest_s:
                continue
            newest_s = max(newest_s, item.end_s)
        kept.append(item)
    return kept[::-1]
