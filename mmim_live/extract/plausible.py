"""What of a hypothesis can be believed: nothing without speech, nothing the decoder only repeats.

Whisper invents words for sound without speech, and reads short sound twice. Each rule looks at one symptom.
"""

from __future__ import annotations

from mmim_live.extract.agreement import without_echo
from mmim_live.extract.whisper import HeardWord, Hypothesis

__all__ = ["plausible"]

_NO_SPEECH, _UNSURE = 0.6, -1.0  # both together: no speech (the rule of Whisper's own long-form decoding)
_GUESSED = -1.6  # mean log probability below which words are guesses, whatever else
_QUICKEST_S = 0.05  # a word takes longer, on average; words squeezed into less have no sound of their own


def plausible(hypothesis: Hypothesis, seconds: float) -> tuple[HeardWord, ...]:
    """The words of a hypothesis on `seconds` of sound that can be believed."""
    sure = hypothesis.log_probability
    if sure < _GUESSED or (sure < _UNSURE and hypothesis.no_speech > _NO_SPEECH):
        return ()
    old = [word.text for word in hypothesis.prefix]
    kept = without_echo([*old, *(word.text for word in hypothesis.words)])
    words = hypothesis.words[: max(0, kept - len(old))]
    return _with_sound(words, seconds)


def _with_sound(words: tuple[HeardWord, ...], seconds: float) -> tuple[HeardWord, ...]:
    """Cut the words at the end that are squeezed together against the end of the sound."""
    count = len(words)
    while count and seconds - words[count - 1].start_s < _QUICKEST_S * (len(words) - count + 1):
        count -= 1
    return words[:count]
