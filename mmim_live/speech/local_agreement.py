"""LocalAgreement-2 (Liu et al. 2020; Machacek et al. 2023): a word counts once two successive hypotheses share it.

Pure functions on words. Knows neither sound nor time of day.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.text_normalization import normalize_text

__all__ = ["agreed", "without_echo"]


def agreed(previous: Sequence[str], current: Sequence[str]) -> int:
    """How many leading words both hypotheses share, casing and punctuation aside."""
    count = 0
    for before, now in zip(previous, current, strict=False):
        if normalize_text(before) != normalize_text(now):
            break
        count += 1
    return count


def without_echo(words: Sequence[str], least: int = 2) -> int:
    """How many leading words remain when a tail that only repeats what stands before it is cut off.

    A decoder that reads the sound again begins the whole text anew (at least `least` words of it), or turns in a circle
    (the same words three times running). What a person says twice ("very, very good") stays.

    >>> without_echo("and so my fellow americans and so my fellow".split())
    5
    >>> without_echo("ask what you can do for you can do for your country".split())
    11
    """
    folded = [normalize_text(word) for word in words]
    for head in range(1, len(folded)):
        tail = folded[head:]
        if len(tail) >= least and _cycles(folded[:head], tail):
            return head
    for start in range(1, len(folded)):
        if (end := _loop(folded, start)) is not None:
            return end
    return len(words)


def _cycles(head: list[str], tail: list[str]) -> bool:
    """Whether the tail is the whole text from its beginning again, and again."""
    return len(head) > 1 and all(word == head[i % len(head)] for i, word in enumerate(tail))


def _loop(words: list[str], start: int) -> int | None:
    """Where a loop's first turn ends, if from `start` to the end the words turn in a circle three times or more."""
    rest = words[start:]
    for period in range(1, len(rest) // 3 + 1):
        if all(word == rest[i % period] for i, word in enumerate(rest)):
            return start + period
    return None
