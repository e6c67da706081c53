"""The prediction stage: what a failure of the predictor may cost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live.alignment import Aligner
from mmim_live.events import Mark
from mmim_live.session.messages import Finished, MediaEnded, Message, VoiceRows
from mmim_live.session.prediction import PredictionStage


class FaultyInference:
    """Names the items it is given; fails at one of them."""

    def __init__(self, fails_at: int) -> None:
        self.baseline = None
        self.seen: list[Any] = []
        self._fails_at = fails_at

    def read(self, item: Any) -> list[Any]:
        self.seen.append(item)
        if len(self.seen) - 1 == self._fails_at:
            raise RuntimeError("broken once")
        return [item]

    def count(self, name: str, more: int = 1) -> None:
        pass


def stage(inference: Any) -> PredictionStage:
    return PredictionStage(Aligner(2.0, 0.5, {"voice"}, wait_for_speech=False), inference, skips_superseded=True)


@given(fails_at=st.integers(0, 9))
def test_a_failure_in_the_last_batch_loses_only_the_item_at_hand(fails_at: int):
    last: list[Message] = [Mark(time_s=0.3, label="a"), VoiceRows((), 5.0), Finished("voice"), MediaEnded(5.0)]
    whole: list[Any] = list(stage(FaultyInference(-1)).process(last))
    assert len(whole) > 10
    inference = FaultyInference(fails_at)
    faulty = stage(inference)
    with pytest.raises(RuntimeError):
        list(faulty.process(last))
    if fails_at < len(whole) - 1:
        assert not faulty.finished
    events: list[Any] = [*inference.seen[:fails_at], *faulty.process(())]
    assert faulty.finished
    assert len(events) == len(whole) - 1
    assert events == [item for number, item in enumerate(inference.seen) if number != fails_at]
