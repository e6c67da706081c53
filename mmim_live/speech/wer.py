"""Word error rate: the fewest insertions, deletions and substitutions per reference word."""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.text_normalization import normalize_text

__all__ = ["word_errors"]


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Number of errors and of reference words, ignoring case and punctuation (Levenshtein distance on words).

    >>> word_errors("Ask not what your country", "ask what our country can")
    (3, 5)
    """
    words = normalize_text(reference).split()
    return _distance(words, normalize_text(hypothesis).split()), len(words)


def _distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != word))
    return row[-1]
