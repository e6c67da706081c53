"""The whole session in one line."""

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.tui.render.sparkline import bar, bin_scores
from tests.tui.scripted import reading


@given(st.lists(st.tuples(st.floats(0, 100), st.none() | st.floats(-3, 3)), max_size=50), st.integers(1, 40))
def test_each_stretch_has_the_mean_of_its_scores(known: list[tuple[float, float | None]], bins: int) -> None:
    means = bin_scores([reading(end_s, score) for end_s, score in known], 100.0, bins)
    assert len(means) == bins
    assert all(mean is None or -3 <= mean <= 3 for mean in means)
    assert any(mean is not None for mean in means) == any(score is not None for _, score in known)


def test_gaps_of_two_seconds_are_bridged_and_longer_ones_are_not() -> None:
    means = bin_scores([reading(0.5, 1.0), reading(2.5, 3.0), reading(5.5, -1.0)], 7.0, 7)
    assert means == [1.0, 2.0, 3.0, None, None, -1.0, None]


def test_higher_scores_have_higher_bars() -> None:
    for ascii_only in (False, True):
        bars = [bar(score / 10, ascii_only=ascii_only) for score in range(-30, 31)]
        assert len(set(bars)) == 8
        assert bars[0] != bars[-1]
        assert bar(None, ascii_only=ascii_only) == " "
    assert (bar(-3.0, ascii_only=False), bar(9.0, ascii_only=False)) == ("▁", "█")
