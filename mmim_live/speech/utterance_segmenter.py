"""Stretches of speech -> utterances: a pause ends one; where none comes for long, a good place between words does.

Only how speech is told apart changes, not how it is recognised: the words are the same. Pure; depends on the times and
the punctuation of committed words alone, whatever the batches they come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmim_live.types import SpeechSegment, Word

__all__ = ["UtteranceSegmenter"]

MIN_UTTERANCE_S = 12.0  # an utterance without a pause is cut after this
MAX_UTTERANCE_S = 18.0  # and before this, where two words meet there
_ENDS, _BREAKS = (".", "?", "!", "。", "？", "！"), (",", ";", ":", "，", "；", "：")


@dataclass(frozen=True, slots=True)
class _Boundary:
    """Between the word `after` (-1: before the first) and the next."""

    after: int
    time_s: float
    gap_s: float
    mark: int  # 2: a sentence ends here, 1: a clause does


class UtteranceSegmenter:
    """The utterance being spoken. Times never go backwards."""

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._words: list[Word] = []

    def push(self, start_s: float, words: Sequence[Word]) -> list[SpeechSegment]:
        """Take the words newly committed in the stretch that began at `start_s`; give the utterances that they end."""
        if self._start_s is None:
            self._start_s = start_s
        pieces = []
        for word in words:
            self._words.append(word)
            while (
                word.end_s - self._start_s > MAX_UTTERANCE_S
                and (place := self._best_boundary(self._start_s)) is not None
            ):
                pieces.append(SpeechSegment(self._start_s, place.time_s))
                self._start_s = place.time_s
                del self._words[: place.after + 1]
        return pieces

    def close(self, start_s: float, end_s: float) -> SpeechSegment:
        """The stretch that began at `start_s` is over: what is left of it."""
        begun_s = start_s if self._start_s is None else self._start_s
        self._start_s, self._words = None, []
        return SpeechSegment(begun_s, max(begun_s, end_s))

    def _best_boundary(self, start_s: float) -> _Boundary | None:
        """Within the limits where a sentence ends, then a clause, then the longest gap, then the latest; else near."""
        places = self._boundaries(start_s)
        inside = [place for place in places if MIN_UTTERANCE_S <= place.time_s - start_s <= MAX_UTTERANCE_S]
        if inside:
            return max(inside, key=lambda place: (place.mark, place.gap_s, place.time_s))
        early = [place for place in places if place.time_s - start_s < MIN_UTTERANCE_S]
        return early[-1] if early else next(iter(places), None)

    def _boundaries(self, start_s: float) -> list[_Boundary]:
        """Where no word is cut: one whose middle is before the place is in the utterance, all others are after it."""
        places = []
        before_s, middle_s, text = start_s, start_s, ""
        for index, word in enumerate(self._words):
            # Before the first word there may be long sound without any: then it is cut off right before the word.
            time_s = (before_s + word.start_s) / 2 if index else word.start_s
            if time_s > max(start_s, middle_s):
                mark = 2 if text.endswith(_ENDS) else 1 if text.endswith(_BREAKS) else 0
                places.append(_Boundary(index - 1, time_s, word.start_s - before_s, mark))
            before_s, middle_s, text = word.end_s, (word.start_s + word.end_s) / 2, word.text
        return places
