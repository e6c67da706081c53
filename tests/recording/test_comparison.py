"""How far a replay differs from what was recorded."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import Event, Mark, Notice, Reading, Summary, Utterance, WordHeard
from mmim_live.recording.comparison import Comparer, compare
from mmim_live.recording.event_time import shifted
from mmim_live.wording import comparison_sentence
from tests.tui.scripted import SESSION, SUMMARY, reading, utterance, word_heard


def word(text: str, start_s: float) -> WordHeard:
    return word_heard(text, start_s, start_s + 0.3, start_s + 1, "committed")


def talk(scores: list[float | None], words: str = "so it was good") -> list[Event]:
    said = [word(text, 0.2 + 0.4 * place) for place, text in enumerate(words.split())]
    readings = [dataclasses.replace(reading(6 + k / 2, score), start_s=k / 2) for k, score in enumerate(scores)]
    return [SESSION, *said, utterance(0.2, 2.0, words, 1.0), *readings]


scores = st.lists(st.none() | st.floats(-3, 3), min_size=1, max_size=20)


@given(scores, st.floats(0, 3))
def test_the_same_differs_by_nothing(values: list[float | None], rounding_ms: float):
    events = talk(values)
    result = compare(events, [shifted(event, rounding_ms / 10_000) for event in events])
    known = sum(value is not None for value in values)
    assert (result.readings, result.readings_matched) == (len(values), known)
    assert result.score_mean_difference in ((0.0,) if known else (None,))
    assert (result.words, result.words_same) == (4, 1.0)
    assert (result.utterances, result.utterances_matched) == (1, 1)


@given(scores, st.data())
def test_differences_are_those_of_the_scores(values: list[float | None], data: st.DataObject):
    others = data.draw(st.lists(st.floats(-3, 3), min_size=len(values), max_size=len(values)))
    result = compare(talk(values), talk(list(others)))
    expected = [abs(one - other) for one, other in zip(values, others, strict=True) if one is not None]
    if expected:
        assert result.score_largest_difference == max(expected)
        assert result.score_mean_difference == pytest.approx(sum(expected) / len(expected))
    assert compare(talk(list(others)), talk(values)).score_mean_difference == result.score_mean_difference


def test_only_what_both_hold_in_full_is_compared():
    live = talk([1.0, 1.0, 1.0])
    before = dataclasses.replace(reading(3.0, -3.0), start_s=-3.0)
    tentative = dataclasses.replace(reading(6.0, -3.0, status="provisional"), start_s=0.0)
    result = compare([before, *live, tentative], talk([1.0, 1.5], "so it was bad"))
    assert (result.readings, result.readings_matched) == (2, 2)
    assert result.score_mean_difference == 0.25
    assert result.words_same == 0.75
    assert result.utterances_matched == 1
    assert "0.25 on average and by at most 0.50 (2 of 2 readings); 75% of 4 words" in comparison_sentence(result)


def test_of_nothing_nothing_is_said():
    result = Comparer([]).result()
    assert (result.readings, result.words_same, result.score_mean_difference) == (0, None, None)
    assert comparison_sentence(result) == "Nothing to compare with the live session."


@given(st.floats(0, 1000))
def test_shifting_moves_all_media_times_alike(by_s: float):
    events: list[Event] = [*talk([1.0]), Mark(3.0), Notice(4.0, "a", "b"), SUMMARY]
    for event in events:
        moved = shifted(event, -by_s)
        if event is SESSION:
            assert moved is event
            continue
        assert moved.time_s == pytest.approx(event.time_s - by_s)
        if isinstance(event, Reading | Utterance | WordHeard) and isinstance(moved, type(event)):
            assert moved.end_s - moved.start_s == pytest.approx(event.end_s - event.start_s)
        assert not isinstance(event, Summary) or moved == dataclasses.replace(event, duration_s=60.0 - by_s)
