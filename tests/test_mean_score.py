"""The mean of a session."""

import pytest

from mmim_live.mean_score import MeanScore
from tests.tui.scripted import utterance


def test_utterances_weigh_as_much_as_they_last() -> None:
    mean = MeanScore()
    assert mean.value is None
    mean.add(utterance(0.0, 1.0, "good", 2.0))
    mean.add(utterance(1.0, 4.0, "bad", -2.0))
    assert mean.value == pytest.approx(-1.0)
    mean.add(utterance(4.0, 9.0, "unread", None))
    mean.add(utterance(4.0, 9.0, "early", 3.0, status="provisional"))
    assert mean.count == 2
    assert mean.value == pytest.approx(-1.0)


def test_an_utterance_without_a_length_counts() -> None:
    mean = MeanScore()
    mean.add(utterance(1.0, 1.0, "oh", 1.0))
    assert mean.value == pytest.approx(1.0)
