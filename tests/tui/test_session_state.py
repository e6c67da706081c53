"""The state of the app, from events and health."""

from mmim_live.session_types import Health
from mmim_live.tui.state import MAX_ENTRIES, MAX_READINGS, MAX_WORDS, SessionState
from tests.tui.scripted import SESSION, SUMMARY, health, reading, talk, utterance, word_heard


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


def test_what_is_kept_of_a_session_of_days_is_bounded_and_still_covers_all_of_it() -> None:
    state = SessionState()
    count = 4 * MAX_READINGS
    for index in range(count):
        state.take(reading(index / 2, 0.0))
    ends = [each.end_s for each in state.transcript.readings]
    assert len(ends) <= MAX_READINGS
    assert ends == sorted(ends)
    assert ends[0] == 0.0
    assert ends[-MAX_READINGS // 4 :] == [index / 2 for index in range(count - MAX_READINGS // 4, count)]
    assert state.readings_counted == count
    for index in range(MAX_WORDS + 10):
        state.take(word_heard("la", index, index + 1, index + 1, "committed"))
    assert len(state.transcript.committed) == MAX_WORDS


def test_utterances_that_are_no_longer_kept_still_count_in_the_mean() -> None:
    state = SessionState()
    assert state.utterance_scores() is None
    for index in range(2 * MAX_ENTRIES):
        state.take(utterance(index, index + 1, "so", 2.0 if index < MAX_ENTRIES else -1.0))
    assert len(state.transcript.log) == MAX_ENTRIES
    assert state.utterance_scores() == (2 * MAX_ENTRIES, 0.5)
