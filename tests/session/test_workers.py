"""Notices that workers give."""

from collections.abc import Iterator

import numpy as np
import pytest

from mmim_live.events import Notice
from mmim_live.session.channel import Channel
from mmim_live.session.messages import Inbox
from mmim_live.session.workers import recognize_speech
from mmim_live.types import AudioBlock, SpeechUpdate


class Soft:
    """A recognizer that has heard speech of one level from its third block on."""

    def __init__(self, level_dbfs: float) -> None:
        self.softest_dbfs: float | None = None
        self._level_dbfs = level_dbfs
        self._blocks = 0

    def push(self, block: AudioBlock, *, more: bool = False) -> list[SpeechUpdate]:
        self._blocks += 1
        if self._blocks == 3:
            self.softest_dbfs = self._level_dbfs
        return []

    def flush(self) -> list[SpeechUpdate]:
        return []


def notices(level_dbfs: float) -> list[Notice]:
    def audio() -> Iterator[AudioBlock]:
        for index in range(10):
            yield AudioBlock(index / 10, np.zeros(1600, np.float32))

    inbox: Inbox = Channel(0)
    recognize_speech(Soft(level_dbfs), audio(), inbox)  # type: ignore[arg-type]  # a fake of what it uses
    inbox.close()
    return [message for batch in inbox.batches() for message in batch if isinstance(message, Notice)]


def test_one_notice_says_that_speech_is_too_quiet() -> None:
    (notice,) = notices(-57.0)
    assert notice.code == "too_quiet"
    assert notice.time_s == pytest.approx(0.3)
    assert "-57 dB" in notice.message
    assert notices(-45.0) == []
