"""Which sentences of a session stand out."""

from __future__ import annotations

from mmim_live.highlights import highlights_sentence, strongest, turns
from tests.tui.scripted import TALK, utterance


def test_only_sentences_that_are_clearly_positive_or_negative_stand_out() -> None:
    spoken = [
        utterance(0, 1, "good", 1.0, low=0.2, high=1.8),
        utterance(1, 2, "best", 2.5, low=1.0, high=3.0),
        utterance(2, 3, "who knows", 2.9, low=-0.1, high=3.0),
        utterance(3, 4, "a train", 0.3, low=-0.2, high=0.4),  # neutral, and clearly so
        utterance(4, 5, "bad", -1.0),  # without intervals
        utterance(5, 6, "not yet", -3.0, status="provisional"),
        utterance(6, 7, "silence", None),
    ]
    assert [(name, each.text) for name, each in strongest(spoken)] == [("positive", "best"), ("negative", "bad")]
    assert [each.text for _, each in strongest(spoken, 3)] == ["best", "good", "bad"]
    assert strongest([]) == []


def test_turns_and_the_strongest_sentences_are_named_with_their_times() -> None:
    said = [utterance(start, end, text, score, low=score - 0.4, high=score + 0.4) for start, end, text, score in TALK]
    assert [each.start_s for each in turns(said)] == [16.2, 37.0]
    assert highlights_sentence(said) == "Most positive +2.4 at 0:05; most negative -2.5 at 0:29; turns at 0:16, 0:37."
    wide = [utterance(start, end, text, score, low=-3.0, high=3.0) for start, end, text, score in TALK]
    assert turns(wide) == turns([]) == []
    assert highlights_sentence(wide) == ""
