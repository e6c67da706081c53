"""What supersedes what in the stream of a session."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mmim_live.events import Event, Mark, Notice, Reading, Utterance, WordHeard
from mmim_live.session_types import Health
from mmim_live.transcript import Transcript, entry_start_s
from mmim_live.types import Status
from tests.tui.scripted import SUMMARY, reading, talk, utterance, word_heard


def word(text: str, start_s: float, heard_s: float, status: Status) -> WordHeard:
    return word_heard(text, start_s, start_s + 0.3, heard_s, status)


def texts(words: list[WordHeard]) -> list[str]:
    return [each.text for each in words]


@given(st.randoms(use_true_random=False))
def test_readings_are_in_order_and_the_last_revision_counts(chance: random.Random) -> None:
    events = [reading(end / 2, end / 20 + revision, revision=revision) for end in range(20) for revision in range(3)]
    chance.shuffle(events)
    transcript = Transcript.of(events)
    assert [each.end_s for each in transcript.readings] == [end / 2 for end in range(20)]
    assert {each.revision for each in transcript.readings} == {2}
    assert transcript.reading == transcript.readings[-1]


def test_of_equal_revisions_the_later_one_counts() -> None:
    transcript = Transcript.of([reading(1.0, 0.5), reading(1.0, -0.5)])
    assert [each.score for each in transcript.readings] == [-0.5]


def test_provisional_words_hold_until_something_later_is_heard() -> None:
    transcript = Transcript.of([word("so", 0.0, 1.0, "provisional"), word("goat", 0.4, 1.0, "provisional")])
    assert texts(transcript.provisional) == ["so", "goat"]
    transcript.apply(word("so", 0.0, 1.5, "committed"))
    assert texts(transcript.provisional) == []
    transcript.apply(word("good", 0.4, 1.5, "provisional"))
    assert (texts(transcript.committed), texts(transcript.provisional)) == (["so"], ["good"])


def test_an_utterance_takes_its_words_along() -> None:
    transcript = Transcript.of(word(str(start_s), start_s, 4.0, "committed") for start_s in (0.0, 1.0, 3.0))
    transcript.apply(word("4.0", 4.0, 4.0, "provisional"))
    transcript.apply(utterance(0.0, 2.0, "0.0 1.0", 0.5))
    assert (texts(transcript.committed), texts(transcript.provisional)) == (["3.0"], ["4.0"])


def test_a_revised_utterance_replaces_the_earlier_one() -> None:
    transcript = Transcript.of(
        [
            utterance(0.0, 2.0, "goat", -1.0, status="provisional"),
            utterance(3.0, 4.0, "other", 0.0),
            utterance(0.0, 2.1, "good", 1.0, revision=1),
            utterance(0.0, 2.0, "late", -1.0, revision=0),
        ]
    )
    assert [each.text for each in transcript.utterances] == ["good", "other"]
    assert transcript.rewrites == 1


def test_the_log_is_in_order_of_time() -> None:
    transcript = Transcript.of([Mark(5.0), utterance(1.0, 4.0, "a", 0.0), utterance(6.0, 7.0, "b", 0.0)])
    assert [entry_start_s(entry) for entry in transcript.log] == [1.0, 5.0, 6.0]
    assert transcript.rewrites == 1


def test_after_a_whole_talk_no_word_is_left_over() -> None:
    transcript = Transcript.of(event for event in talk(60, finished=True) if not isinstance(event, Health))
    assert len(transcript.utterances) == 9
    assert transcript.provisional == []
    assert transcript.committed == []
    assert [each.end_s for each in transcript.readings] == sorted({each.end_s for each in transcript.readings})


# ---- over any stream that a session could yield ---------------------------------------------------------------------

tenths = st.integers(0, 300).map(lambda number: number / 10)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Readings and log entries in any order; words in the order in which the recognizer listened."""
    events: list[Event] = []
    heard_s = 0.0
    for kind in draw(st.lists(st.sampled_from("wruml"), max_size=40)):
        at_s = draw(tenths)
        if kind == "w":
            heard_s += draw(st.sampled_from((0.0, 0.5)))
            events.append(word("w", at_s, heard_s, draw(st.sampled_from(("committed", "provisional")))))
        elif kind == "r":
            events.append(reading(at_s, draw(st.floats(-3, 3)), revision=draw(st.integers(0, 3))))
        elif kind == "u":
            events.append(utterance(at_s, at_s + draw(tenths), "u", 0.0, revision=draw(st.integers(0, 3))))
        else:
            events.append(Notice(at_s, "code", "message") if kind == "m" else Mark(at_s))
    return events


@given(streams())
def test_what_counts_is_sorted_unique_and_of_the_highest_revision(events: list[Event]) -> None:
    transcript = Transcript.of(events)
    ends = [each.end_s for each in transcript.readings]
    assert ends == sorted({each.end_s for each in events if isinstance(each, Reading)})
    starts = [entry_start_s(entry) for entry in transcript.log]
    assert starts == sorted(starts)
    assert len(transcript.utterances) == len({each.start_s for each in events if isinstance(each, Utterance)})
    for kept in transcript.readings:
        rivals = [each for each in events if isinstance(each, Reading) and each.end_s == kept.end_s]
        assert kept.revision == max(each.revision for each in rivals)
    for said in transcript.utterances:
        versions = [each for each in events if isinstance(each, Utterance) and each.start_s == said.start_s]
        assert said.revision == max(each.revision for each in versions)


@given(streams())
def test_provisional_words_are_the_last_that_were_heard(events: list[Event]) -> None:
    transcript = Transcript.of(events)
    latest_s = max((each.heard_s for each in events if isinstance(each, WordHeard)), default=0.0)
    assert all(each.heard_s == latest_s and each.status == "provisional" for each in transcript.provisional)
    assert all(each.status == "committed" for each in transcript.committed)
    transcript.apply(SUMMARY)
    assert transcript.provisional == []


@given(streams())
def test_replaying_what_counts_gives_the_same_state(events: list[Event]) -> None:
    transcript = Transcript.of(events)
    kept = [*transcript.log, *transcript.committed, *transcript.provisional, *transcript.readings]
    again = Transcript.of(kept)
    assert (again.log, again.readings) == (transcript.log, transcript.readings)
    assert (again.committed, again.provisional) == (transcript.committed, transcript.provisional)


@given(streams(), st.integers(1, 5))
def test_what_is_kept_is_the_newest(events: list[Event], count: int) -> None:
    transcript, whole = Transcript.of(events), Transcript.of(events)
    transcript.keep_last(readings=count, entries=count, words=count)
    assert transcript.readings == whole.readings[-count:]
    assert transcript.log == whole.log[-count:]
    assert transcript.committed == whole.committed[-count:]
    assert transcript.reading == whole.reading
    assert transcript.forgotten == len(whole.log) - len(transcript.log)


@given(st.integers(1, 60), st.integers(4, 20))
def test_thinning_keeps_the_first_reading_and_the_newer_half(count: int, limit: int) -> None:
    transcript = Transcript()
    for index in range(count):
        transcript.apply(reading(index / 2, 0.0))
        transcript.thin_readings(limit)
        ends = [each.end_s for each in transcript.readings]
        assert len(ends) <= limit
        assert ends[0] == 0.0
        kept = min(index + 1, limit // 2)
        assert ends[-kept:] == [newest / 2 for newest in range(index + 1 - kept, index + 1)]
