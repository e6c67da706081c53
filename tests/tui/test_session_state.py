"""How events become what is shown."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import Notice, WordHeard
from mmim_live.session_types import Health
from mmim_live.tui.state import SessionState, began_s
from mmim_live.types import Status
from tests.tui.scripted import SESSION, SUMMARY, health, reading, talk, utterance, word_heard


def word(text: str, start_s: float, heard_s: float, status: Status) -> WordHeard:
    return word_heard(text, start_s, start_s + 0.3, heard_s, status)


def texts(words: list[WordHeard]) -> list[str]:
    return [each.text for each in words]


@given(st.randoms(use_true_random=False))
def test_readings_are_in_order_and_the_last_revision_counts(chance: random.Random) -> None:
    events = [reading(end / 2, end / 20 + revision, revision=revision) for end in range(20) for revision in range(3)]
    chance.shuffle(events)
    state = SessionState()
    for event in events:
        state.take(event)
    assert [each.end_s for each in state.readings] == [end / 2 for end in range(20)]
    assert {each.revision for each in state.readings} == {2}
    assert state.reading == state.readings[-1]


def test_provisional_words_stand_until_something_later_is_heard() -> None:
    state = SessionState()
    state.take(word("so", 0.0, 1.0, "provisional"))
    state.take(word("goat", 0.4, 1.0, "provisional"))
    assert texts(state.tentative) == ["so", "goat"]
    state.take(word("so", 0.0, 1.5, "committed"))
    assert texts(state.tentative) == []
    state.take(word("good", 0.4, 1.5, "provisional"))
    assert (texts(state.settled), texts(state.tentative)) == (["so"], ["good"])


def test_an_utterance_takes_its_words_along() -> None:
    state = SessionState()
    for start_s in (0.0, 1.0, 3.0):
        state.take(word(str(start_s), start_s, 4.0, "committed"))
    state.take(word("4.0", 4.0, 4.0, "provisional"))
    state.take(utterance(0.0, 2.0, "0.0 1.0", 0.5))
    assert (texts(state.settled), texts(state.tentative)) == (["3.0"], ["4.0"])


def test_a_revised_utterance_replaces_the_earlier_one() -> None:
    state = SessionState()
    state.take(utterance(0.0, 2.0, "goat", -1.0, status="provisional"))
    state.take(utterance(3.0, 4.0, "other", 0.0))
    state.take(utterance(0.0, 2.1, "good", 1.0, revision=1))
    state.take(utterance(0.0, 2.0, "late", -1.0, revision=0))
    assert [each.text for each in state.utterances] == ["good", "other"]
    assert state.log_rewrites == 1


def test_the_log_is_in_order_of_time() -> None:
    state = SessionState()
    state.take(Notice(5.0, "x", "y"))
    state.take(utterance(1.0, 4.0, "a", 0.0))
    state.take(utterance(6.0, 7.0, "b", 0.0))
    assert [began_s(entry) for entry in state.log] == [1.0, 5.0, 6.0]


def test_time_runs_forth_and_the_end_is_kept() -> None:
    state = SessionState()
    for event in (health(4.0), reading(3.0, 0.0), SESSION, SUMMARY):
        state.take(event)
    assert state.now_s == 60.0
    assert state.summary == SUMMARY
    assert state.session == SESSION


def test_a_whole_talk() -> None:
    state = SessionState()
    for event in talk(60, finished=True):
        state.take(event)
    assert len(state.utterances) == 9
    assert state.tentative == []
    assert state.settled == []
    assert [each.end_s for each in state.readings] == sorted({each.end_s for each in state.readings})


def test_progress_is_a_share() -> None:
    assert Health(30.0, duration_s=60.0).progress == 0.5
    assert Health(70.0, duration_s=60.0).progress == 1.0
    assert Health(70.0).progress is None
    assert Health(0.0, duration_s=0.0).progress is None
