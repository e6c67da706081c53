"""The standard metrics of sentiment and emotion models, computed exactly as in published work.

Undefined metrics (a correlation with a constant, anything over no samples) are NaN, and `None` after `as_json`. A
non-finite prediction counts as wrong in every accuracy, recall and F1, and makes MAE, r and CCC NaN.

The conventions are those of the evaluation code of MMSA (thuiar) and MMIM (declare-lab). Values are compared in
float32, as there: in float64 the label float32(0.1) would lie above the cut 0.1.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmim_train.data.dataset import Scoring

_SIMS_CUTS: dict[int, tuple[float, ...]] = {2: (0.0,), 3: (-0.1, 0.1), 5: (-0.7, -0.1, 0.1, 0.7)}
_WRONG = -1  # the class of a non-finite prediction, which no label has


@dataclass(frozen=True, slots=True)
class MosiMetrics:
    """MOSI and MOSEI. *has0*: negative vs. non-negative; *non0*: negative vs. positive, without label 0."""

    mae: float
    r: float
    acc7: float
    acc5: float
    acc2_has0: float
    f1_has0: float
    acc2_non0: float
    f1_non0: float
    count: int
    count_non0: int


@dataclass(frozen=True, slots=True)
class SimsMetrics:
    """CH-SIMS and CH-SIMS v2; F1 is weighted, over the two classes of Acc-2."""

    mae: float
    r: float
    acc2: float
    acc3: float
    acc5: float
    f1: float
    count: int


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """Emotion classes: weighted average recall (accuracy), unweighted average recall, weighted F1."""

    war: float
    uar: float
    f1: float
    count: int


@dataclass(frozen=True, slots=True)
class AffectMetrics:
    """Valence or arousal: MAE, Pearson's r, Lin's concordance correlation coefficient."""

    mae: float
    r: float
    ccc: float
    count: int


RegressionMetrics = MosiMetrics | SimsMetrics | AffectMetrics
Metrics = RegressionMetrics | ClassMetrics


def regression_metrics(scoring: Scoring, truth: ArrayLike, prediction: ArrayLike) -> RegressionMetrics:
    """The metrics of a data set's own protocol; both arguments are [N]."""
    match scoring:
        case "mosi":
            return mosi_metrics(truth, prediction)
        case "sims":
            return sims_metrics(truth, prediction)
        case "affect":
            return affect_metrics(truth, prediction)


def mosi_metrics(truth: ArrayLike, prediction: ArrayLike) -> MosiMetrics:
    """MOSI and MOSEI: MAE and r on unclipped values; Acc-7 and Acc-5 clip to ±3 and ±2 and round half to even."""
    true, predicted = _pair(truth, prediction)
    polar = true != 0
    has0 = _threshold(true >= 0, true), _threshold(predicted >= 0, predicted)
    non0 = _threshold(true > 0, true)[polar], _threshold(predicted > 0, predicted)[polar]
    return MosiMetrics(
        mae=mean_absolute_error(true, predicted),
        r=pearson_r(true, predicted),
        acc7=_accuracy(_rounded(true, 3), _rounded(predicted, 3)),
        acc5=_accuracy(_rounded(true, 2), _rounded(predicted, 2)),
        acc2_has0=_accuracy(*has0),
        f1_has0=weighted_f1(*has0),
        acc2_non0=_accuracy(*non0),
        f1_non0=weighted_f1(*non0),
        count=len(true),
        count_non0=int(polar.sum()),
    )


def sims_metrics(truth: ArrayLike, prediction: ArrayLike) -> SimsMetrics:
    """SIMS: all metrics on values clipped to ±1; right-closed bins, so that 0 is negative in Acc-2."""
    true, predicted = (np.clip(values, -1.0, 1.0) for values in _pair(truth, prediction))
    binned = {n: (_binned(true, cuts), _binned(predicted, cuts)) for n, cuts in _SIMS_CUTS.items()}
    return SimsMetrics(
        mae=mean_absolute_error(true, predicted),
        r=pearson_r(true, predicted),
        acc2=_accuracy(*binned[2]),
        acc3=_accuracy(*binned[3]),
        acc5=_accuracy(*binned[5]),
        f1=weighted_f1(*binned[2]),
        count=len(true),
    )


def class_metrics(truth: ArrayLike, prediction: ArrayLike) -> ClassMetrics:
    """Class indices [N], [N]. UAR is the mean recall over the classes that occur in the truth."""
    true, predicted = np.asarray(truth, np.int64), np.asarray(prediction, np.int64)
    _same_length(true, predicted)
    recalls = [float(np.mean(predicted[true == label] == label)) for label in np.unique(true)]
    return ClassMetrics(
        war=_accuracy(true, predicted),
        uar=float(np.mean(recalls)) if recalls else math.nan,
        f1=weighted_f1(true, predicted),
        count=len(true),
    )


def affect_metrics(truth: ArrayLike, prediction: ArrayLike) -> AffectMetrics:
    """Valence or arousal, [N], [N], unclipped."""
    true, predicted = _pair(truth, prediction)
    return AffectMetrics(
        mae=mean_absolute_error(true, predicted),
        r=pearson_r(true, predicted),
        ccc=concordance(true, predicted),
        count=len(true),
    )


def as_json(metrics: Metrics) -> dict[str, Any]:
    """The fields by name, with None for undefined metrics: JSON has no NaN."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(metrics).items()}


def mean_absolute_error(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Mean of |truth - prediction|, [N], [N]."""
    true, predicted = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    if not _defined(true, predicted):
        return math.nan
    return float(np.mean(np.abs(true - predicted)))


def pearson_r(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Pearson's product-moment correlation, [N], [N]; NaN if either side is constant."""
    true, predicted = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    # Exact test for a constant: its computed variance can be a few units in the last place.
    if not _defined(true, predicted) or np.ptp(true) == 0 or np.ptp(predicted) == 0:
        return math.nan
    # Scaled to unit range, so that squares of very small or large values neither underflow nor overflow.
    true, predicted = ((v - v.mean()) / np.ptp(v) for v in (true, predicted))
    return float(np.clip(true @ predicted / math.sqrt((true @ true) * (predicted @ predicted)), -1.0, 1.0))


def concordance(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Lin's concordance correlation (Biometrics 45, 1989): 2 cov / (var + var + (difference of means)^2).

    Population moments (divided by N). NaN if both sides are the same constant.
    """
    true, predicted = np.asarray(truth, np.float64), np.asarray(prediction, np.float64)
    if not _defined(true, predicted):
        return math.nan
    covariance = float(np.mean((true - true.mean()) * (predicted - predicted.mean())))
    total = float(true.var() + predicted.var() + (true.mean() - predicted.mean()) ** 2)
    return 2 * covariance / total if total > 0 else math.nan


def weighted_f1(truth: ArrayLike, prediction: ArrayLike) -> float:
    """F1 of each class that occurs in the truth, weighted by its frequency there. Class indices [N], [N]."""
    true, predicted = np.asarray(truth), np.asarray(prediction)
    if not len(true):
        return math.nan
    total = 0.0
    for label, support in zip(*np.unique(true, return_counts=True), strict=True):
        hits = np.sum((true == label) & (predicted == label))
        # 2 TP / (2 TP + FP + FN): the denominator is the number of labels plus the number of predictions.
        total += float(support * 2 * hits / (support + np.sum(predicted == label)))
    return total / len(true)


def _pair(truth: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    true, predicted = np.asarray(truth, np.float32), np.asarray(prediction, np.float32)
    _same_length(true, predicted)
    if not np.isfinite(true).all():
        raise ValueError("the truth contains non-finite values: exclude unlabeled samples")
    return true, predicted


def _same_length(truth: NDArray[Any], prediction: NDArray[Any]) -> None:
    if truth.ndim != 1 or truth.shape != prediction.shape:
        raise ValueError(f"truth {truth.shape} and prediction {prediction.shape} must both have shape [N]")


def _defined(truth: NDArray[Any], prediction: NDArray[Any]) -> bool:
    return len(truth) > 0 and bool(np.isfinite(prediction).all())


def _threshold(above: NDArray[np.bool_], values: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.where(np.isfinite(values), above.astype(np.int64), _WRONG)


def _rounded(values: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
    rounded = np.round(np.clip(np.nan_to_num(values), -limit, limit)).astype(np.int64)
    return np.where(np.isfinite(values), rounded, _WRONG - limit)


def _binned(values: NDArray[np.float32], cuts: tuple[float, ...]) -> NDArray[np.int64]:
    bins = np.searchsorted(np.asarray(cuts, np.float32), values, side="left").astype(np.int64)
    return np.where(np.isfinite(values), bins, _WRONG)


def _accuracy(truth: NDArray[np.int64], prediction: NDArray[np.int64]) -> float:
    return float(np.mean(truth == prediction)) if len(truth) else math.nan
