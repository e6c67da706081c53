"""Exact Shapley values of three players (Shapley 1953): what each modality adds to the score."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

COALITIONS: tuple[tuple[bool, bool, bool], ...] = tuple(
    (text, voice, face) for text, voice, face in product((False, True), repeat=3)
)
"""All sets of modalities, from none to all; masks in the order of `types.MODALITIES`."""


def shapley_values(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores [8], by COALITIONS -> [3], which sum to scores[7] - scores[0].

    phi_i = sum over the sets S without i of |S|! (2 - |S|)! / 3! (v(S + i) - v(S)).
    """
    return _WEIGHTS @ scores


def _weights() -> NDArray[np.float64]:
    weights = np.zeros((3, 8))
    for column, coalition in enumerate(COALITIONS):
        size = sum(coalition)
        for player in range(3):
            # |S| is the number of others: 0, 1 or 2, with weights 1/3, 1/6 and 1/3.
            others = size - coalition[player]
            weights[player, column] = (1 / 3, 1 / 6, 1 / 3)[others] * (1 if coalition[player] else -1)
    return weights


_WEIGHTS = _weights()
