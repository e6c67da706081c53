"""Mean, standard deviation and paired tests over seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

_EXACT = 16  # up to this many pairs, all (65,536) sign patterns are enumerated


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Mean and sample standard deviation (n - 1) of each metric over runs.

    Both are None if a run lacks the metric; the deviation also if there is a single run.
    """
    result: dict[str, dict[str, float | None]] = {}
    for name in runs[0] if runs else ():
        values = [run.get(name) for run in runs]
        numbers = [float(v) for v in values if v is not None]
        whole = len(numbers) == len(runs)
        spread = float(np.std(numbers, ddof=1)) if whole and len(numbers) > 1 else None
        result[name] = {"mean": float(np.mean(numbers)) if whole else None, "sd": spread}
    return result


def compare(
    runs: Sequence[Mapping[str, Any]], reference: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, float | None]]:
    """The mean paired difference of each metric, runs minus reference, pair i of both being of the same seed.

    `p` is that of `sign_flip_p`; it is None for a single pair, and a metric that a run lacks is left out.
    """
    result: dict[str, dict[str, float | None]] = {}
    for name in runs[0] if runs else ():
        pairs = [(a.get(name), b.get(name)) for a, b in zip(runs, reference, strict=True)]
        if any(a is None or b is None for a, b in pairs):
            continue
        first, second = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
        p = sign_flip_p(first, second) if len(pairs) > 1 else None
        result[name] = {"difference": float((first - second).mean()), "p": p}
    return result


def sign_flip_p(first: ArrayLike, second: ArrayLike, draws: int = 100_000) -> float:
    """Two-sided p-value of the mean paired difference, by a sign-flip permutation test (Fisher 1935).

    Exact up to 16 pairs; beyond, Monte Carlo with a fixed seed, counting the observed pattern. 1 without pairs.
    """
    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if len(differences) == 0:
        return 1.0
    observed = abs(differences.sum())
    slack = 1e-12 * max(1.0, observed)  # summing the same numbers in another order gives slightly different results
    if len(differences) <= _EXACT:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(differences))))
        return float(np.mean(np.abs(signs @ differences) >= observed - slack))
    rng = np.random.default_rng(0)
    hits = 1
    for _ in range(math.ceil(draws / 10_000)):
        signs = rng.choice((-1.0, 1.0), (10_000, len(differences)))
        hits += int(np.sum(np.abs(signs @ differences) >= observed - slack))
    return hits / (10_000 * math.ceil(draws / 10_000) + 1)
