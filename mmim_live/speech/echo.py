"""Finds where a decoder begins to repeat itself: Whisper reads short audio twice, or loops, when silence follows it."""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.text_normalization import normalize_text

__all__ = ["without_echo"]


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
