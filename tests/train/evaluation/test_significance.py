"""Spread and paired tests, against values known by hand."""

import numpy as np
import pytest

from mmim_train.evaluation.significance import sign_flip_p, summarize
from mmim_train.reporting.markdown_tables import figure, metrics_table


def test_summary() -> None:
    found = summarize([{"mae": 1.0, "r": None}, {"mae": 3.0, "r": 0.5}])
    assert found["mae"] == {"mean": 2.0, "sd": pytest.approx(2**0.5)}
    assert found["r"] == {"mean": None, "sd": None}
    assert summarize([{"mae": 1.0}])["mae"] == {"mean": 1.0, "sd": None}
    assert summarize([]) == {}


def test_sign_flips_exact() -> None:
    assert sign_flip_p([1, 2, 3, 4, 5], [0, 0, 0, 0, 0]) == 2 / 32  # only all signs alike are as extreme
    assert sign_flip_p([1, -1], [0, 0]) == 1.0
    assert sign_flip_p([], []) == 1.0
    assert sign_flip_p([0.3, 0.3], [0.3, 0.3]) == 1.0


def test_sign_flips_by_chance_agree_with_the_exact_ones() -> None:
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1, 16)
    exact = sign_flip_p(differences, np.zeros(16))
    many = np.concatenate((differences, np.zeros(4)))  # zeros change nothing, but take it past the exact limit
    assert sign_flip_p(many, np.zeros(20)) == pytest.approx(exact, abs=0.01)


def test_under_the_null_p_is_uniform() -> None:
    rng = np.random.default_rng(2)
    found = [sign_flip_p(rng.normal(size=8), np.zeros(8)) for _ in range(300)]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.09


def test_figures_are_printed_as_papers_do() -> None:
    assert figure("acc7", 0.4665) == "46.65"
    assert figure("mae", 0.7, 0.0123) == "0.7000 ± 0.0123"
    assert figure("f1_non0", 0.86, 0.01) == "86.00 ± 1.00"
    assert figure("valence.mae", None) == "-"
    assert metrics_table({"a": {"mae": 1.0, "count": 3}}).splitlines()[0].split() == ["|", "|", "mae", "|"]
