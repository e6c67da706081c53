"""Metrics against hand-computed cases and slow reference implementations of their definitions."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_train.evaluation.metrics import (
    affect_metrics,
    as_json,
    class_metrics,
    concordance,
    mosi_metrics,
    pearson_r,
    regression_metrics,
    sims_metrics,
    weighted_f1,
)

# Halves and fifths hit the ties of rounding and the cuts of SIMS.
scores = st.one_of(st.sampled_from([i / 10 for i in range(-35, 36)]), st.floats(-4, 4, width=32, allow_subnormal=False))
pairs = st.lists(st.tuples(scores, scores), min_size=1, max_size=30)


def test_mosi_by_hand() -> None:
    truth = [-3.0, -1.2, 0.0, 0.0, 0.5, 1.5, 2.6, 3.0]
    guess = [-4.0, 0.4, 0.2, -0.1, 0.4, 2.5, 2.4, -0.6]
    m = mosi_metrics(truth, guess)
    assert m.mae == pytest.approx((1.0 + 1.6 + 0.2 + 0.1 + 0.1 + 1.0 + 0.2 + 3.6) / 8, abs=1e-6)
    # Rounded to ±3: truth -3 -1 0 0 0 2 3 3, guess -3 0 0 0 0 2 2 -1 (0.5, 1.5 and 2.5 go to the even neighbour).
    assert m.acc7 == 5 / 8
    # Rounded to ±2: truth -2 -1 0 0 0 2 2 2, guess -2 0 0 0 0 2 2 -1.
    assert m.acc5 == 6 / 8
    # Non-negative: truth 0 0 1 1 1 1 1 1, guess 0 1 1 0 1 1 1 0.
    assert m.acc2_has0 == 5 / 8
    f1_negative, f1_positive = 2 * 1 / (2 + 3), 2 * 4 / (6 + 5)
    assert m.f1_has0 == pytest.approx((2 * f1_negative + 6 * f1_positive) / 8)
    # Without label 0: truth 0 0 1 1 1 1, guess 0 1 1 1 1 0.
    assert (m.acc2_non0, m.count, m.count_non0) == (4 / 6, 8, 6)
    assert m.f1_non0 == pytest.approx((2 * (2 * 1 / (2 + 2)) + 4 * (2 * 3 / (4 + 4))) / 6)


def test_a_prediction_of_zero_is_nonnegative_in_has0_and_not_positive_in_non0() -> None:
    m = mosi_metrics([1.0, -1.0], [0.0, 0.0])
    assert m.acc2_has0 == 0.5
    assert m.acc2_non0 == 0.5
    assert mosi_metrics([1.0], [0.0]).acc2_has0 == 1.0
    assert mosi_metrics([1.0], [0.0]).acc2_non0 == 0.0


def test_sims_bins_are_closed_on_the_right() -> None:
    cuts = [-1.0, -0.7, -0.1, 0.0, 0.1, 0.7, 1.0]
    m = sims_metrics(cuts, np.asarray(cuts, np.float32))
    assert (m.acc2, m.acc3, m.acc5, m.mae, m.f1) == (1, 1, 1, 0, 1)
    just_above = np.nextafter(np.asarray(cuts[1:6], np.float32), np.float32(1))
    moved = sims_metrics(cuts[1:6], just_above)
    assert moved.acc5 == pytest.approx(1 / 5)  # every cut but 0 moves into the next of five bins
    assert moved.acc3 == pytest.approx(3 / 5)
    assert moved.acc2 == pytest.approx(4 / 5)


def test_sims_clips_before_everything() -> None:
    m = sims_metrics([1.0, -1.0, 0.4], [5.0, -3.0, 0.4])
    assert m.mae == 0
    assert m.r == pytest.approx(1)


def test_classes_by_hand() -> None:
    m = class_metrics([0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2])
    assert m.war == 4 / 6
    assert m.uar == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    assert m.f1 == pytest.approx((3 * (4 / 6) + 1 * (2 / 3) + 2 * (2 / 3)) / 6)


def test_concordance_by_hand() -> None:
    # means 2 and 3, variances 2/3 and 2/3, covariance 2/3: 2 * 2/3 / (4/3 + 1)
    assert affect_metrics([1, 2, 3], [2, 3, 4]).ccc == pytest.approx((4 / 3) / (7 / 3))
    assert concordance([1, 2, 3], [1, 2, 3]) == pytest.approx(1)
    assert concordance([1, 2, 3], [5, 5, 5]) == 0


def test_a_constant_has_no_correlation_which_json_writes_as_null() -> None:
    m = mosi_metrics([1.0, 2.0, -1.0], [0.1, 0.1, 0.1])
    assert math.isnan(m.r)
    text = json.dumps(as_json(m), allow_nan=False)
    assert json.loads(text)["r"] is None
    assert json.loads(text)["mae"] == pytest.approx(m.mae)


@pytest.mark.parametrize("metrics", [mosi_metrics, sims_metrics, class_metrics, affect_metrics])
def test_without_samples_all_metrics_are_undefined(metrics) -> None:
    values = as_json(metrics([], []))
    assert values.pop("count") == 0
    values.pop("count_non0", None)
    assert set(values.values()) == {None}


def test_non0_is_undefined_if_all_labels_are_neutral() -> None:
    m = mosi_metrics([0.0, 0.0], [1.0, -1.0])
    assert math.isnan(m.acc2_non0)
    assert math.isnan(m.f1_non0)
    assert m.acc2_has0 == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_non_finite_prediction_is_wrong_everywhere(bad: float) -> None:
    m = mosi_metrics([0.0, 2.0, -2.0], [bad, 2.0, -2.0])
    assert m.acc7 == m.acc5 == m.acc2_has0 == pytest.approx(2 / 3)
    assert math.isnan(m.mae)
    assert math.isnan(m.r)
    s = sims_metrics([1.0, -1.0], [math.nan, -1.0])
    assert s.acc2 == s.acc5 == 0.5
    with pytest.raises(ValueError, match="unlabeled"):
        mosi_metrics([bad], [0.0])


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="shape"):
        mosi_metrics([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="shape"):
        class_metrics([[1]], [[1]])


# ---- references ---------------------------------------------------------------------------------------------------


def slow_f1(truth: list[int], guess: list[int]) -> float:
    total = 0.0
    for label in set(truth):
        tp = sum(t == label and g == label for t, g in zip(truth, guess, strict=True))
        fp = sum(t != label and g == label for t, g in zip(truth, guess, strict=True))
        fn = sum(t == label and g != label for t, g in zip(truth, guess, strict=True))
        precision = tp / (tp + fp) if tp + fp else 0.0
        recall = tp / (tp + fn)
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        total += f1 * truth.count(label)
    return total / len(truth)


def slow_bin(value: float, edges: list[float]) -> int:
    return sum(bool(np.float32(value) > np.float32(edge)) for edge in edges)


@given(pairs)
def test_mosi_against_definitions(pairs: list[tuple[float, float]]) -> None:
    truth, guess = ([float(np.float32(v)) for v in side] for side in zip(*pairs, strict=True))
    m = mosi_metrics(truth, guess)
    n = len(truth)
    assert m.acc7 == sum(
        round(max(-3, min(3, t))) == round(max(-3, min(3, g))) for t, g in zip(truth, guess, strict=True)
    ) / n  # fmt: skip
    assert m.f1_has0 == pytest.approx(slow_f1([int(t >= 0) for t in truth], [int(g >= 0) for g in guess]))
    polar = [(int(t > 0), int(g > 0)) for t, g in zip(truth, guess, strict=True) if t != 0]
    if polar:
        assert m.acc2_non0 == pytest.approx(sum(t == g for t, g in polar) / len(polar))
        assert m.f1_non0 == pytest.approx(slow_f1([t for t, _ in polar], [g for _, g in polar]))
    if not math.isnan(m.r):
        assert m.r == pytest.approx(float(np.corrcoef(truth, guess)[0, 1]), abs=1e-6)


@given(pairs)
def test_sims_against_definitions(pairs: list[tuple[float, float]]) -> None:
    truth, guess = zip(*pairs, strict=True)
    m = sims_metrics(truth, guess)
    for got, edges in ((m.acc2, [0.0]), (m.acc3, [-0.1, 0.1]), (m.acc5, [-0.7, -0.1, 0.1, 0.7])):
        equal = [slow_bin(t, edges) == slow_bin(g, edges) for t, g in pairs]
        assert got == pytest.approx(sum(equal) / len(equal))


@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(pairs, random) -> None:
    shuffled = random.sample(pairs, len(pairs))
    for scoring in ("mosi", "sims", "affect"):
        one, two = (as_json(regression_metrics(scoring, *zip(*p, strict=True))) for p in (pairs, shuffled))
        assert one == {k: pytest.approx(v, abs=1e-6) for k, v in two.items()}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_classes_against_definitions(pairs: list[tuple[int, int]]) -> None:
    truth, guess = (list(side) for side in zip(*pairs, strict=True))
    m = class_metrics(truth, guess)
    recalls = [sum(g == label for t, g in pairs if t == label) / truth.count(label) for label in sorted(set(truth))]
    assert m.uar == pytest.approx(sum(recalls) / len(recalls))
    assert m.f1 == pytest.approx(slow_f1(truth, guess))
    assert weighted_f1(truth, truth) == 1


@given(pairs)
def test_concordance_is_at_most_the_correlation(pairs: list[tuple[float, float]]) -> None:
    truth, guess = (np.asarray(side, np.float32) for side in zip(*pairs, strict=True))
    r = pearson_r(truth, guess)
    if not math.isnan(r):
        assert abs(concordance(truth, guess)) <= abs(r) + 1e-9
