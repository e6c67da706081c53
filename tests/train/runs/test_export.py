"""Conformal calibration of an exported checkpoint."""

import numpy as np
import pytest

from mmim_train.runs.export import conformal_quantile


def test_intervals_have_the_promised_coverage() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        old, new = np.abs(rng.normal(size=(2, 50)))
        covered.append(np.mean(new <= conformal_quantile(old, 0.9)))
    assert np.mean(covered) == pytest.approx(46 / 51, abs=0.01)  # ceil(0.9 (n + 1)) of n + 1
    assert conformal_quantile(np.ones(5), 0.9) == float("inf")
