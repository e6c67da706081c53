"""Drops from a hypothesis what cannot be believed: words without speech, guesses, and words without audio of their own.

Whisper hallucinates words where there is no speech. Each rule looks at one symptom.
"""

from __future__ import annotations

from mmim_live.speech.whisper import Hypothesis, HypothesisWord
from mmim_live.text_normalization import normalize_text

__all__ = ["filter_hypothesis", "is_guess"]

# Both together mean no speech (the rule of Whisper's own long-form decoding).
_NO_SPEECH_PROBABILITY, _UNSURE_LOG_PROBABILITY = 0.6, -1.0
_GUESS_LOG_PROBABILITY = -1.6  # mean log probability below which the words are guesses, whatever else
_SHORTEST_WORD_S = 0.03  # no word is over within one encoder position


def is_guess(hypothesis: Hypothesis) -> bool:
    """Whether its words are mere guesses, which say nothing against those of an earlier hypothesis."""
    return hypothesis.log_probability < _GUESS_LOG_PROBABILITY


def filter_hypothesis(hypothesis: Hypothesis) -> tuple[HypothesisWord, ...]:
    """The credible words of a hypothesis, without its prefix."""
    if is_guess(hypothesis):
        return ()
    if hypothesis.log_probability < _UNSURE_LOG_PROBABILITY and hypothesis.no_speech > _NO_SPEECH_PROBABILITY:
        return ()
    return _without_untimed_tail(hypothesis.words, [word.text for word in hypothesis.prefix])


def _without_untimed_tail(words: tuple[HypothesisWord, ...], before: list[str]) -> tuple[HypothesisWord, ...]:
    """Cut off final words to which the alignment assigns no time: audio that was read twice.

    A single word may look like this at the edge of the audio, unless it repeats the word before it; two or more in a
    row have no audio of their own.
    """
    first = len(words)
    while first and words[first - 1].end_s - words[first - 1].start_s < _SHORTEST_WORD_S:
        first -= 1
    texts = [normalize_text(text) for text in (*before, *(word.text for word in words))]
    single_new_word = len(words) - first == 1 and texts[-2:-1] != texts[-1:]
    return words if single_new_word else words[:first]
