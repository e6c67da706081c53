"""Stretches of speech -> utterances: a pause ends one; without a pause for long, a good boundary between words does.

This affects only the segmentation, not the words. Depends only on the times and punctuation of committed words, not on
how they are batched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmim_live.types import SpeechSegment, Word

__all__ = ["UtteranceSegmenter"]

MIN_UTTERANCE_S = 12.0  # an utterance without a pause is not split before this
MAX_UTTERANCE_S = 18.0  # but before this, if there is a word boundary
_ENDS, _BREAKS = (".", "?", "!", "。", "？", "！"), (",", ";", ":", "，", "；", "：")


@dataclass(frozen=True, slots=True)
class _Boundary:
    """The place between word number `after` (-1: before the first) and the next."""

    after: int
    time_s: float
    gap_s: float
    mark: int  # 2: a sentence ends here, 1: a clause does


class UtteranceSegmenter:
    """The utterance in progress. Times must not go backward."""

    def __init__(self) -> None:
        self._start_s: float | None = None
        self._words: list[Word] = []

    def push(self, start_s: float, words: Sequence[Word]) -> list[SpeechSegment]:
        """Take newly committed words of the stretch that began at `start_s`; return the utterances that they end."""
        if self._start_s is None:
            self._start_s = start_s
        utterances = []
        for word in words:
            self._words.append(word)
            while (
                word.end_s - self._start_s > MAX_UTTERANCE_S
                and (boundary := self._best_boundary(self._start_s)) is not None
            ):
                utterances.append(SpeechSegment(self._start_s, boundary.time_s))
                self._start_s = boundary.time_s
                del self._words[: boundary.after + 1]
        return utterances

    def close(self, start_s: float, end_s: float) -> SpeechSegment:
        """The stretch that began at `start_s` ends at `end_s`: return the rest of it as an utterance."""
        begun_s = start_s if self._start_s is None else self._start_s
        self._start_s, self._words = None, []
        return SpeechSegment(begun_s, max(begun_s, end_s))

    def _best_boundary(self, start_s: float) -> _Boundary | None:
        """Within the limits prefer sentence ends, then clause ends, the longest gap, the latest; else the nearest."""
        boundaries = self._boundaries(start_s)
        inside = [each for each in boundaries if MIN_UTTERANCE_S <= each.time_s - start_s <= MAX_UTTERANCE_S]
        if inside:
            return max(inside, key=lambda each: (each.mark, each.gap_s, each.time_s))
        early = [each for each in boundaries if each.time_s - start_s < MIN_UTTERANCE_S]
        return early[-1] if early else next(iter(boundaries), None)

    def _boundaries(self, start_s: float) -> list[_Boundary]:
        """Where no word is cut: a word belongs to the utterance if its midpoint lies before the boundary."""
        boundaries = []
        before_s, middle_s, text = start_s, start_s, ""
        for index, word in enumerate(self._words):
            # There may be long audio without words before the first one: it is then split right before that word.
            time_s = (before_s + word.start_s) / 2 if index else word.start_s
            if time_s > max(start_s, middle_s):
                mark = 2 if text.endswith(_ENDS) else 1 if text.endswith(_BREAKS) else 0
                boundaries.append(_Boundary(index - 1, time_s, word.start_s - before_s, mark))
            before_s, middle_s, text = word.end_s, (word.start_s + word.end_s) / 2, word.text
        return boundaries
