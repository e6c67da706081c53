"""The delays of words, over a hand-written session."""

import pytest

from mmim_live.bench_live import word_delays
from mmim_live.types import Agreement, Contributions, Event, Present, Reading, Status, WordHeard


def word(text: str, end_s: float, status: Status) -> WordHeard:
    return WordHeard(text, end_s - 0.2, end_s, 0.9, status, end_s + 0.3, "en")


def reading(end_s: float, revision: int = 0) -> Reading:
    unknown = (Contributions(), Agreement(), Present(), 100.0)
    return Reading(max(0.0, end_s - 6.0), end_s, 0.0, None, None, "provisional", revision, *unknown)


def test_a_word_is_read_by_the_first_window_after_it_was_told_that_reaches_over_it():
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
    to_reading, to_commitment = word_delays(events)
    assert to_reading == pytest.approx([1.6 - 1.1, 3.1 - 2.1])
    assert to_commitment == pytest.approx([2.4 - 1.1, 2.6 - 2.1])


def test_the_same_word_said_again_is_another_word():
    events: list[tuple[float, Event]] = [
        (1.0, word("no", 0.8, "committed")),
        (1.1, reading(1.0)),
        (3.0, word("no", 2.8, "committed")),
        (3.1, reading(3.0)),
    ]
    assert word_delays(events)[0] == pytest.approx([0.3, 0.3])
