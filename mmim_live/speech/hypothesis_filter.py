"""What of a hypothesis can be believed: nothing without speech, nothing the decoder only repeats.

Whisper invents words for sound without speech, and reads short sound twice. Each rule looks at one symptom.
"""

from __future__ import annotations

from mmim_live.speech.local_agreement import without_echo
from mmim_live.speech.whisper import Hypothesis, HypothesisWord
from mmim_live.text_normalization import normalize_text

__all__ = ["filter_hypothesis"]

_NO_SPEECH, _UNSURE = 0.6, -1.0  # both together: no speech (the rule of Whisper's own long-form decoding)
_GUESSED = -1.6  # mean log probability below which words are guesses, whatever else
_QUICKEST_S = 0.03  # no word is over within one position of the encoder


def filter_hypothesis(hypothesis: Hypothesis) -> tuple[HypothesisWord, ...]:
    """The words of a hypothesis that can be believed."""
    sure = hypothesis.log_probability
    if sure < _GUESSED or (sure < _UNSURE and hypothesis.no_speech > _NO_SPEECH):
        return ()
    new = hypothesis.words if hypothesis.finished else hypothesis.words[:-1]  # the last may be half a word
    old = [word.text for word in hypothesis.prefix]
    # A decoder that found its end has seldom read the sound again: then it takes more words to prove it.
    kept = without_echo([*old, *(word.text for word in new)], least=4 if hypothesis.finished else 2)
    return _with_sound(new[: max(0, kept - len(old))], old)


def _with_sound(words: tuple[HypothesisWord, ...], before: list[str]) -> tuple[HypothesisWord, ...]:
    """Cut the words at the end that the alignment leaves no time: sound that was read twice.

    One word alone may look so at the edge of the sound, unless it repeats the word before; two or more in a row have
    no sound of their own.
    """
    first = len(words)
    while first and words[first - 1].end_s - words[first - 1].start_s < _QUICKEST_S:
        first -= 1
    said = [normalize_text(text) for text in (*before, *(word.text for word in words))]
    alone = len(words) - first == 1 and said[-2:-1] != said[-1:]
    return words if alone else words[:first]
