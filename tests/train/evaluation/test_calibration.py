"""Calibration: conformal intervals cover, AUC matches known values, quantile tables ascend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_train.evaluation.calibration import abstention, auc, coverage, half_width, quantile_table


@given(st.lists(st.floats(0, 6), min_size=10, max_size=200), st.floats(0.5, 0.95))
def test_half_widths_cover_at_least_the_level(errors: list[float], level: float) -> None:
    values = np.array(errors)
    width = half_width(values, level)
    assert (values <= width).mean() >= level - 1e-9
    assert width in values


def test_fresh_errors_are_covered_at_the_level() -> None:
    draw = np.random.default_rng(0)
    inside = [
        float((np.abs(draw.normal(size=200)) <= half_width(np.abs(draw.normal(size=199)), 0.9)).mean())
        for _ in range(300)
    ]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.01)


def test_coverage_holds_out_whole_groups() -> None:
    # All errors of a group are equal, so an interval computed with the group included would cover all of it.
    groups = np.repeat(np.arange(10), 20)
    errors = np.repeat(np.arange(10.0), 20)
    found = coverage(np.zeros(200), {"text": errors}, groups, level=0.95)
    assert found == {"text": 0.9}


def test_auc_of_known_orders() -> None:
    assert auc(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1.0
    assert auc(np.array([1.0]), np.array([2.0, 3.0])) == 0.0
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 2.0])) == 0.5
    draw = np.random.default_rng(0)
    high, low = draw.normal(1, 1, 4000), draw.normal(0, 1, 3000)
    assert auc(high, low) == pytest.approx(0.7602, abs=0.02)  # Phi(1 / sqrt 2)


def test_the_quantile_table_describes_the_distribution() -> None:
    table = quantile_table(np.random.default_rng(0).normal(size=5000))
    assert list(table) == sorted(table)
    assert table[50] == pytest.approx(0, abs=0.05)
    assert len(table) == 101


def test_predictions_without_text_abstain_where_they_are_uninformative() -> None:
    draw = np.random.default_rng(0)
    truth = draw.uniform(-3, 3, 4000)
    # A weak prediction is noise around 0.1, the prediction without input; a strong one is exact.
    strong = (draw.uniform(size=4000) < 0.7) & (np.abs(truth) > 1)
    score = np.where(strong, truth, 0.1 + draw.uniform(-0.3, 0.3, 4000))
    found = abstention(truth, {"": np.full(4000, 0.1), "face": score, "text": score})
    assert set(found.threshold) == {"face"}
    assert 0.1 < found.threshold["face"] < 0.6
    assert found.share["face"] == pytest.approx(0.53, abs=0.1)
    assert found.error_kept["face"] < 0.4 * found.error["face"]
    sure = abstention(truth, {"": np.full(4000, 0.1), "voice": truth})
    assert (sure.threshold, sure.share) == ({"voice": 0.0}, {"voice": 0.0})
