"""Word latencies of a hand-written session."""

import pytest

from mmim_live.benchmark.metrics import PART_S, WordTrace, lag_by_part, trace_words
from mmim_live.events import Event, Reading, WordHeard
from mmim_live.types import Status
from tests.tui.scripted import reading as scored
from tests.tui.scripted import word_heard


def word(text: str, end_s: float, status: Status) -> WordHeard:
    return word_heard(text, end_s - 0.2, end_s, end_s + 0.3, status)


def reading(end_s: float, revision: int = 0) -> Reading:
    return scored(end_s, 0.0, status="provisional", revision=revision)


def test_the_first_reading_of_a_word_comes_after_its_event_and_covers_it():
    events: list[tuple[float, Event]] = [
        (1.1, reading(1.0)),
        (1.3, word("Good", 1.2, "provisional")),
        (1.35, reading(1.0, 1)),  # ends before the word
        (1.6, reading(1.5)),
        (2.4, word("good,", 1.1, "committed")),
        (2.5, reading(2.0)),
        (2.6, word("day", 2.1, "committed")),
        (3.1, reading(2.5)),
    ]
    good, day = trace_words(events)
    assert good == WordTrace(end_s=1.1, listened_s=1.5, reported_s=1.3, read_s=1.6, committed_s=2.4)
    assert day == WordTrace(end_s=2.1, listened_s=2.1 + 0.3, reported_s=2.6, read_s=3.1, committed_s=2.6)


def test_the_same_word_said_again_is_another_word():
    events: list[tuple[float, Event]] = [
        (1.0, word("no", 0.8, "committed")),
        (1.1, reading(1.0)),
        (3.0, word("no", 2.8, "committed")),
        (3.1, reading(3.0)),
    ]
    assert [trace.to_reading_s for trace in trace_words(events)] == pytest.approx([0.3, 0.3])


def test_the_lag_is_reported_per_half_minute():
    def trace(end_s: float, late_s: float | None) -> WordTrace:
        return WordTrace(end_s, end_s, end_s, None if late_s is None else end_s + late_s, end_s)

    traces = [trace(1.0, 0.5), trace(2.0, None), trace(2 * PART_S + 1, 2.0)]
    assert lag_by_part(traces) == "0.50 - 2.00"
    assert lag_by_part([]) == ""
