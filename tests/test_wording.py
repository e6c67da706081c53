"""Words, signs and small drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.tui.render.glyphs import gauge, large_text, signed_bar
from mmim_live.types import Agreement, Present
from mmim_live.wording import agreement_sentence, clock, score_words, sign, signed, tone

scores = st.floats(-3, 3)
TEXT = Present(text=True)


@given(scores)
def test_word_sign_and_tone_agree(score: float) -> None:
    assert tone(score) in score_words(score)
    assert sign(score, True).isascii()
    assert (tone(-score) == "neutral") == (tone(score) == "neutral")


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (3.0, "strongly positive"),
        (1.6, "positive"),
        (0.5, "weakly positive"),
        (0.49, "neutral"),
        (-0.49, "neutral"),
        (-1.49, "weakly negative"),
        (-2.5, "strongly negative"),
    ],
)
def test_names_of_the_scale(score: float, words: str) -> None:
    assert score_words(score) == words


def test_numbers_and_times() -> None:
    assert [signed(value) for value in (1.25, -0.04, 0.0, -3.0)] == ["+1.2", "+0.0", "+0.0", "-3.0"]
    assert [clock(value) for value in (0, 59.99, 61, 3661.5, -1)] == ["0:00", "0:59", "1:01", "1:01:01", "0:00"]


@pytest.mark.parametrize(
    ("agreement", "present", "sentence"),
    [
        (Agreement(voice=0.5, face=0.5), TEXT, "Voice and face fit the words."),
        (Agreement(voice=0.5, face=0.05), TEXT, "The face does not fit the words."),
        (Agreement(voice=0.05, face=0.05), TEXT, "Voice and face do not fit the words."),
        (Agreement(voice=0.05), TEXT, "The voice does not fit the words."),
        (Agreement(voice=0.5), TEXT, "The voice fits the words."),
        (Agreement(), TEXT, "Not known whether voice and face fit the words."),
        (Agreement(voice=0.05), Present(), "No words to compare with."),
    ],
)
def test_agreement_in_a_sentence(agreement: Agreement, present: Present, sentence: str) -> None:
    assert agreement_sentence(agreement, present) == sentence


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
