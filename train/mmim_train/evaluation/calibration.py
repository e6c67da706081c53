"""Calibrates a model on validation examples: interval widths, abstention thresholds, quantile tables, AUC.

Intervals are split conformal (Papadopoulos et al. 2002; Lei et al. 2018, JASA 113): the half-width is the
ceil((n + 1) level)-th smallest of n absolute errors. Examples that share a sentence are not independent, so half-widths
are computed over all of them, and their coverage is checked with whole sentences held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.checkpoint_config import Abstention, Conformal, coalition_name
from mmim_live.model.mmim import MMIM, Encodings
from mmim_live.model.shapley import COALITIONS
from mmim_live.types import SCORE_LIMIT

Numbers = NDArray[np.float64]


@torch.inference_mode()
def coalition_scores(model: MMIM, encodings: Encodings) -> dict[str, Numbers]:
    """The clipped scores [N] for each set of modalities, by its name."""
    model.eval()
    scores: dict[str, Numbers] = {}
    for coalition in COALITIONS:
        present = encodings.present & torch.tensor(coalition)
        prediction = model.fuse(encodings.h_t, encodings.h_a, encodings.h_v, present).prediction[:, 0]
        scores[coalition_name(coalition)] = prediction.clamp(-SCORE_LIMIT, SCORE_LIMIT).double().numpy()
    return scores


def conformal(truth: Numbers, scores: dict[str, Numbers], level: float = 0.9) -> Conformal:
    """The half-width of each set of modalities, except the empty one."""
    widths = {name: half_width(np.abs(truth - score), level) for name, score in scores.items() if name}
    return Conformal(level=level, half_width=widths)


def half_width(errors: Numbers, level: float) -> float:
    """The conformal quantile of absolute errors [n]."""
    rank = min(math.ceil((len(errors) + 1) * level), len(errors))
    return float(np.sort(errors)[rank - 1])


def coverage(
    truth: Numbers, scores: dict[str, Numbers], groups: NDArray[np.int64], level: float = 0.9, folds: int = 10
) -> dict[str, float]:
    """The fraction of examples inside their interval, with the width computed on the other folds of `groups`."""
    fold = groups % folds
    covered: dict[str, float] = {}
    for name, score in scores.items():
        if name:
            errors = np.abs(truth - score)
            inside = [errors[fold == k] <= half_width(errors[fold != k], level) for k in range(folds)]
            covered[name] = float(np.concatenate(inside).mean())
    return covered


def abstention(truth: Numbers, scores: dict[str, Numbers], gain: float = 0.05, bins: int = 10) -> Abstention:
    """When a prediction without text abstains: if it is too close to the prediction without any input.

    Predictions are sorted into `bins` quantile bins by their distance from that constant. The threshold is the lower
    edge of the first bin from which on, in every bin, the mean absolute error is at least a fraction `gain` lower than
    that of the constant.
    """
    constant_errors = np.abs(truth - scores[""])
    threshold, share, error, kept, same = {}, {}, {}, {}, {}
    for name, score in scores.items():
        if not name or name.startswith("text"):
            continue
        distance, errors = np.abs(score - scores[""]), np.abs(truth - score)
        edges = np.quantile(distance, np.linspace(0, 1, bins + 1))
        inside = [(distance >= low) & (distance <= high) for low, high in pairwise(edges)]
        good = [errors[part].mean() <= (1 - gain) * constant_errors[part].mean() for part in inside]
        first = next((i for i in range(bins) if all(good[i:])), bins - 1)
        threshold[name] = float(edges[first]) if first else 0.0
        stays = distance >= threshold[name]
        share[name], error[name] = 1 - float(stays.mean()), float(errors.mean())
        kept[name], same[name] = float(errors[stays].mean()), float(constant_errors[stays].mean())
    return Abstention(threshold=threshold, share=share, error=error, error_kept=kept, same_kept=same)


def quantile_table(values: Numbers, points: int = 101) -> tuple[float, ...]:
    """`points` quantiles from 0 to 1, ascending."""
    return tuple(np.quantile(values, np.linspace(0, 1, points)).tolist())


def auc(high: Numbers, low: Numbers) -> float:
    """The probability that a value of `high` exceeds one of `low`; ties count half (Mann-Whitney)."""
    both = np.concatenate((high, low))
    order = np.argsort(both, kind="stable")
    ranks = np.empty(len(both))
    ranks[order] = np.arange(1, len(both) + 1)
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, ranks)
    ranks = (sums / counts)[inverse]
    return float((ranks[: len(high)].sum() - len(high) * (len(high) + 1) / 2) / (len(high) * len(low)))


def joined(parts: Sequence[Encodings]) -> Encodings:
    """The encodings, concatenated."""
    return Encodings(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def as_numbers(values: Tensor) -> Numbers:
    """[N, 1] or [N] -> float64 [N]."""
    return values.reshape(-1).double().numpy()
