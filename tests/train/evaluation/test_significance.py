"""Summaries and paired tests, against values computed by hand."""

import numpy as np
import pytest

from mmim_train.evaluation.significance import sign_flip_p, summarize


def test_summaries_have_mean_and_sample_deviation() -> None:
    found = summarize([{"mae": 1.0, "r": None}, {"mae": 3.0, "r": 0.5}])
    assert found["mae"] == {"mean": 2.0, "sd": pytest.approx(2**0.5)}
    assert found["r"] == {"mean": None, "sd": None}
    assert summarize([{"mae": 1.0}])["mae"] == {"mean": 1.0, "sd": None}
    assert summarize([]) == {}


def test_sign_flips_are_exact_for_few_pairs() -> None:
    assert sign_flip_p([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]) == 2 / 32  # only equal signs are as extreme
    assert sign_flip_p([1, -1], [0, 0]) == 1.0
    assert sign_flip_p([], []) == 1.0
    assert sign_flip_p([0.3, 0.3], [0.3, 0.3]) == 1.0


def test_monte_carlo_sign_flips_agree_with_the_exact_test() -> None:
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1, 16)
    exact = sign_flip_p(differences, np.zeros(16))
    many = np.concatenate((differences, np.zeros(4)))  # zeros change nothing, but exceed the exact limit
    assert sign_flip_p(many, np.zeros(20)) == pytest.approx(exact, abs=0.01)


def test_under_the_null_p_is_uniform() -> None:
    rng = np.random.default_rng(2)
    found = [sign_flip_p(rng.normal(size=8), np.zeros(8)) for _ in range(300)]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09
