"""Digits, bars and the gauge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.tui.render.glyphs import gauge, large_text, signed_bar


@given(st.floats(-10, 10), st.integers(2, 60), st.booleans())
def test_bars_keep_their_width_and_side(value: float, width: int, ascii_only: bool) -> None:
    left, right = signed_bar(value, 2.0, width, ascii_only=ascii_only)
    assert len(left) == len(right) == width // 2
    assert not left.strip() or value < 0
    assert not right.strip() or value > 0
    if abs(value) >= 2.0:
        assert len((left + right).strip()) == width // 2


@given(st.floats(-4, 4), st.floats(0, 3), st.integers(7, 60), st.booleans())
def test_the_gauge_marks_the_score_inside_its_interval(score: float, half: float, width: int, ascii_only: bool) -> None:
    line = gauge(score, score - half, score + half, width, ascii_only=ascii_only)
    mark, span = ("#", "=") if ascii_only else ("◆", "━")
    assert len(line) == width
    assert line.count(mark) == 1
    covered = [index for index, character in enumerate(line) if character == span]
    if covered:
        assert covered[0] - 2 <= line.index(mark) <= covered[-1] + 2  # the zero may hide a cell


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_large_digits_are_rectangles_and_all_different(large: bool, ascii_only: bool) -> None:
    drawn = {character: large_text(character, large=large, ascii_only=ascii_only) for character in "0123456789+-."}
    assert len({tuple(lines) for lines in drawn.values()}) == len(drawn)
    for lines in (*drawn.values(), large_text("+1.8", large=large, ascii_only=ascii_only)):
        assert len({len(line) for line in lines}) == 1
        assert len(lines) == (5 if large or ascii_only else 3)
        assert not ascii_only or "".join(lines).isascii()
