"""What a session yields: one meaning of time, and fields that files depend on."""

import json
from typing import get_args

import pytest

import mmim_live
from mmim_live.events import Comparison, Event, Mark, Notice
from mmim_live.output.jsonl import jsonl_formatter
from tests.tui.scripted import SESSION, SUMMARY, reading, utterance, word_heard

COMPARISON = Comparison(
    readings=0,
    readings_matched=0,
    score_mean_difference=None,
    score_largest_difference=None,
    words=0,
    words_same=None,
    utterances=0,
    utterances_matched=0,
)
TIMES: list[tuple[Event, float]] = [
    (SESSION, 0.0),
    (word_heard("good", 1.0, 1.4, 2.0, "provisional"), 1.4),
    (reading(6.5, 1.0), 6.5),
    (utterance(1.0, 2.5, "good", 1.0), 2.5),
    (Notice(3.0, "code", "message"), 3.0),
    (Mark(4.0), 4.0),
    (COMPARISON, 0.0),
    (SUMMARY, 60.0),
]
SCORE = "score low high status revision contributions agreement present latency_ms relative"


@pytest.mark.parametrize(("event", "time_s"), TIMES, ids=lambda each: getattr(each, "type", ""))
def test_the_time_of_an_event_is_when_what_it_describes_was_over(event: Event, time_s: float) -> None:
    assert event.time_s == time_s


def test_every_kind_of_event_is_covered() -> None:
    assert {type(event) for event, _ in TIMES} == set(get_args(Event))


@pytest.mark.parametrize(
    ("event", "names"),
    [
        (reading(6.5, 1.0), f"type start_s end_s {SCORE}"),
        (utterance(1.0, 2.5, "good", 1.0), f"type start_s end_s text language {SCORE}"),
        (word_heard("good", 1.0, 1.4, 2.0, "committed"), "type text start_s end_s probability status heard_s language"),
    ],
)
def test_the_fields_of_a_line_keep_their_names_and_order(event: Event, names: str) -> None:
    assert list(json.loads(jsonl_formatter()(event))) == names.split()


def test_scored_events_take_keywords_only() -> None:
    with pytest.raises(TypeError):
        mmim_live.Reading(0.0, 6.0)  # type: ignore[call-arg]  # positions are what is refused
