"""The state of the app, from events and health."""

from mmim_live.session_types import Health
from mmim_live.tui.state import SessionState
from tests.tui.scripted import SESSION, SUMMARY, health, reading, talk, word_heard


def test_time_only_advances_and_the_summary_is_kept() -> None:
    state = SessionState()
    for event in (health(4.0), reading(3.0, 0.0), SESSION, SUMMARY):
        state.take(event)
    assert state.now_s == 60.0
    assert state.summary == SUMMARY
    assert state.session == SESSION


def test_a_word_advances_the_time_to_where_the_recognizer_is() -> None:
    state = SessionState()
    state.take(word_heard("good", 1.0, 1.4, 2.0, "provisional"))
    assert state.now_s == 2.0


def test_a_whole_session_is_collected() -> None:
    state = SessionState()
    events = list(talk(60, finished=True))
    for event in events:
        state.take(event)
    assert len(state.transcript.utterances) == 9
    assert state.readings_received == sum(not isinstance(event, Health) and event.type == "reading" for event in events)
    assert state.health == [event for event in events if isinstance(event, Health)][-1]


def test_progress_is_a_fraction_of_the_duration() -> None:
    assert Health(30.0, duration_s=60.0).progress == 0.5
    assert Health(70.0, duration_s=60.0).progress == 1.0
    assert Health(70.0).progress is None
    assert Health(0.0, duration_s=0.0).progress is None
