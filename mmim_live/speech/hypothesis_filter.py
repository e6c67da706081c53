"""Drops from a hypothesis what cannot be believed: words without speech, and words that the decoder only repeats.

Whisper hallucinates words where there is no speech, and reads short audio twice. Each rule looks at one symptom.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.speech.whisper import Hypothesis, HypothesisWord
from mmim_live.text_normalization import normalize_text

__all__ = ["filter_hypothesis", "without_echo"]

# Both together mean no speech (the rule of Whisper's own long-form decoding).
_NO_SPEECH_PROBABILITY, _UNSURE_LOG_PROBABILITY = 0.6, -1.0
_GUESS_LOG_PROBABILITY = -1.6  # mean log probability below which the words are guesses, whatever else
_SHORTEST_WORD_S = 0.03  # no word is over within one encoder position


def filter_hypothesis(hypothesis: Hypothesis) -> tuple[HypothesisWord, ...]:
    """The credible words of a hypothesis, without its prefix."""
    log_probability = hypothesis.log_probability
    if log_probability < _GUESS_LOG_PROBABILITY:
        return ()
    if log_probability < _UNSURE_LOG_PROBABILITY and hypothesis.no_speech > _NO_SPEECH_PROBABILITY:
        return ()
    new = hypothesis.words if hypothesis.finished else hypothesis.words[:-1]  # the last may be half a word
    old = [word.text for word in hypothesis.prefix]
    # A decoder that reached its end rarely read the audio again: it then takes more words to prove that it did.
    kept = without_echo([*old, *(word.text for word in new)], min_words=4 if hypothesis.finished else 2)
    return _without_untimed_tail(new[: max(0, kept - len(old))], old)


def without_echo(words: Sequence[str], min_words: int = 2) -> int:
    """How many leading words remain once a tail that only repeats the words before it is cut off.

    A decoder that reads the audio again starts the whole text over (at least `min_words` words of it), or loops (the
    same words three times in a row). Ordinary repetition by the speaker ("very, very good") stays.

    >>> without_echo("and so my fellow americans and so my fellow".split())
    5
    >>> without_echo("ask what you can do for you can do for your country".split())
    11
    """
    normalized = [normalize_text(word) for word in words]
    for head in range(1, len(normalized)):
        tail = normalized[head:]
        if len(tail) >= min_words and _repeats(normalized[:head], tail):
            return head
    for start in range(1, len(normalized)):
        if (end := _first_turn_end(normalized, start)) is not None:
            return end
    return len(words)


def _repeats(head: list[str], tail: list[str]) -> bool:
    """Whether the tail is the head from its beginning again, once or more."""
    return len(head) > 1 and all(word == head[i % len(head)] for i, word in enumerate(tail))


def _first_turn_end(words: list[str], start: int) -> int | None:
    """Where a loop's first turn ends, if the words from `start` to the end are one loop of three turns or more."""
    rest = words[start:]
    for period in range(1, len(rest) // 3 + 1):
        if all(word == rest[i % period] for i, word in enumerate(rest)):
            return start + period
    return None


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
