"""The state that the overlay page receives."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import Event, Notice
from mmim_live.serve.overlay import OverlayView, overlay_line, overlay_view
from mmim_live.serve.snapshot import Snapshot
from mmim_live.session_types import Health
from tests.tui.scripted import SESSION, SUMMARY, health, reading, utterance, word_heard


def view_of(*events: Event | Health, lines: int = 4) -> OverlayView:
    snapshot = Snapshot()
    for event in events:
        snapshot.apply(event)
    return overlay_view(snapshot, lines)


def test_a_score_becomes_number_sign_words_and_positions() -> None:
    score = view_of(SESSION, reading(6.0, -1.5, width=0.75, status="provisional")).score
    assert (score.tone, score.sign, score.number, score.words) == ("negative", "▼", "−1.5", "negative")
    assert (score.marker, score.interval_start, score.interval_width) == (25.0, 12.5, 25.0)
    assert score.detail == "−2.2 to −0.8 · provisional"
    assert score.status == "provisional"


def test_unknown_values_are_omitted() -> None:
    alone = view_of(reading(6.0, 1.0, width=None)).score
    assert (alone.detail, alone.interval_start, alone.interval_width) == ("committed", None, None)
    abstained = view_of(reading(6.0, None)).score
    assert (abstained.number, abstained.sign, abstained.marker) == ("–", "", None)
    assert abstained.words == "not enough to read"
    assert view_of().score.words == "no reading yet"


def test_lines_are_the_last_utterances() -> None:
    said = [utterance(number, number + 0.5, str(number), None if number == 9 else 1.8) for number in range(10)]
    view = view_of(*said, lines=2)
    assert [(line.tone, line.label, line.text) for line in view.lines] == [
        ("positive", "▲ +1.8", "8"),
        ("neutral", "–", "9"),
    ]
    assert view_of(*said, lines=0).lines == ()


@pytest.mark.parametrize(("language", "text"), [("en", "so good"), ("ja", "sogood")])
def test_words_are_spaced_as_their_language_is_written(language: str, text: str) -> None:
    words = [word_heard(word, start_s, start_s + 0.3, 2.0, "committed") for start_s, word in enumerate(("so", "good"))]
    view = view_of(*[dataclasses.replace(word, language=language) for word in words])
    assert (view.committed, view.provisional) == (text, "")


def test_an_audience_sees_no_diagnostics() -> None:
    assert view_of(SUMMARY).status == "ended"
    plain = view_of(SESSION, reading(6.0, 1.0))
    assert plain.status == ""
    noted = view_of(health(0.0), SESSION, reading(6.0, 1.0), Notice(6.0, "camera_lost", "the camera is lost"))
    assert noted == plain
    assert view_of(health(0.0)) == view_of()


@given(st.floats(-3.5, 3.5), st.none() | st.floats(0, 6))
def test_positions_lie_on_the_scale(score: float, width: float | None) -> None:
    message = json.loads(overlay_line(view_of(reading(6.0, score, width=width))))
    assert message["type"] == "overlay"
    shown = message["score"]
    assert 0 <= shown["marker"] <= 100
    if width is not None:
        assert 0 <= shown["interval_start"] <= shown["interval_start"] + shown["interval_width"] <= 100.01
