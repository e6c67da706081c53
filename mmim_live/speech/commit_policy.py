"""When a word is final: the rule by which the words of a hypothesis are committed while speech goes on.

Times of words count from the start of the audio that the hypothesis is based on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mmim_live.speech.whisper import HypothesisWord
from mmim_live.text_normalization import normalize_text

__all__ = ["AlignAtt", "CommitPolicy", "LocalAgreement", "agreed"]


class CommitPolicy(Protocol):
    """Decides how much of a hypothesis is final. Must depend on its arguments alone, so that replays are exact."""

    def final_words(self, previous: Sequence[HypothesisWord], current: Sequence[HypothesisWord], audio_s: float) -> int:
        """How many leading words of `current` to commit.

        Args:
            previous: the uncommitted words of the last hypothesis; empty if there is none in the same language.
            current: the words of the new hypothesis after those already committed.
            audio_s: length of the audio that `current` is based on, seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalAgreement:
    """LocalAgreement-2 (Liu et al. 2020; Machacek et al. 2023): a word counts once two hypotheses in a row share it.

    At least `stability_s` seconds of audio must follow it, too.
    """

    stability_s: float = 0.0

    def final_words(self, previous: Sequence[HypothesisWord], current: Sequence[HypothesisWord], audio_s: float) -> int:
        """See `CommitPolicy`."""
        count = agreed([word.text for word in previous], [word.text for word in current])
        stable_until_s = audio_s - self.stability_s
        return sum(1 for word in current[:count] if word.end_s <= stable_until_s)


@dataclass(frozen=True, slots=True)
class AlignAtt:
    """AlignAtt (Papi, Turchi and Negri 2023): a word counts once the decoder attends to it well before the audio's end.

    The times of words come from the cross attention, so a word is final if `margin_s` seconds of audio follow it: one
    hypothesis is enough. A word that follows one that is not final is not final either.
    """

    margin_s: float

    def final_words(
        self,
        previous: Sequence[HypothesisWord],  # noqa: ARG002 (part of the protocol)
        current: Sequence[HypothesisWord],
        audio_s: float,
    ) -> int:
        """See `CommitPolicy`; what the last hypothesis said makes no difference."""
        count = 0
        for word in current:
            if word.end_s > audio_s - self.margin_s:
                break
            count += 1
        return count


def agreed(previous: Sequence[str], current: Sequence[str]) -> int:
    """How many leading words both hypotheses share, ignoring case and punctuation."""
    count = 0
    for before, now in zip(previous, current, strict=False):
        if normalize_text(before) != normalize_text(now):
            break
        count += 1
    return count
