"""Words and signs for scores, times and judgments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.types import Agreement, Present
from mmim_live.wording import (
    agreement_sentence,
    clock,
    counted,
    headline,
    score_words,
    shown_sign,
    shown_tone,
    sign,
    signed,
    tone,
)

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
    assert [counted(value, "word") for value in (0, 1, 2)] == ["0 words", "1 word", "2 words"]
    assert [clock(value) for value in (0, 59.99, 61, 3661.5, -1)] == ["0:00", "0:59", "1:01", "1:01:01", "0:00"]


@pytest.mark.parametrize(
    ("agreement", "present", "sentence"),
    [
        (Agreement(voice=0.5, face=0.5), TEXT, "Voice and face match the words."),
        (Agreement(voice=0.5, face=0.05), TEXT, "The face does not match the words."),
        (Agreement(voice=0.05, face=0.05), TEXT, "Voice and face do not match the words."),
        (Agreement(voice=0.05), TEXT, "The voice does not match the words."),
        (Agreement(voice=0.5), TEXT, "The voice matches the words."),
        (Agreement(), TEXT, "Unknown whether voice and face match the words."),
        (Agreement(voice=0.05), Present(), "No words to compare with."),
    ],
)
def test_agreement_in_a_sentence(agreement: Agreement, present: Present, sentence: str) -> None:
    assert agreement_sentence(agreement, present) == sentence


@pytest.mark.parametrize(
    ("low", "high", "words", "leaning"),
    [
        (0.1, 2.0, "weakly positive", ""),
        (-0.1, 2.0, "unclear", "leans positive"),
        (0.0, 2.0, "unclear", "leans positive"),
        (None, None, "weakly positive", ""),
    ],
)
def test_a_score_whose_interval_includes_zero_is_unclear(
    low: float | None, high: float | None, words: str, leaning: str
) -> None:
    assert headline(1.0, low, high) == (words, leaning)
    assert (shown_sign(1.0, low, high, ascii_only=True) == "?") is bool(leaning)
    assert (shown_tone(1.0, low, high) == "neutral") is bool(leaning)


def test_a_narrow_interval_around_zero_is_known_to_be_neutral() -> None:
    assert headline(0.1, -0.3, 0.4) == ("neutral", "")
    assert headline(0.1, -0.3, 0.6) == ("unclear", "near zero")
