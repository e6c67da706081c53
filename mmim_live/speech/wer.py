"""Word error rate: the least number of insertions, deletions and replacements per reference word."""

from __future__ import annotations

from collections.abc import Sequence

from mmim_live.text_normalization import normalize_text

__all__ = ["word_errors"]


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """Errors and reference words, casing and punctuation aside (Levenshtein distance on words).

    >>> word_errors("Ask not what your country", "ask what our country can")
    (3, 5)
    """
    truth = normalize_text(reference).split()
    return _distance(truth, normalize_text(heard).split()), len(truth)


def _distance(truth: Sequence[str], heard: Sequence[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, expected in enumerate(truth, 1):
        diagonal, row[0] = row[0], i
        for j, word in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != word))
    return row[-1]
