"""A slow client of a replay slows the replay down: nothing piles up, and nothing is lost."""

import time
from typing import Any

import numpy as np

from mmim_live.events import Mark, Notice, Reading, Summary
from mmim_live.session.file_source import FileSource
from mmim_live.session.loading import Models
from mmim_live.session.policy import REPLAY
from mmim_live.session.session import EVENTS_DEPTH, Session
from mmim_live.session_types import MarkMoment
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock
from tests.capture.conftest import wait_until
from tests.session.test_live_session import Checkpoint, Predictor, Speech, Voice

DURATION_S = 600.0
BLOCK_S = 0.1


class LongRecording:
    """Ten minutes of silence, as quick as it is read."""

    name = "long.wav"
    duration_s = DURATION_S
    skipped_packets = 0
    audio_finished = False

    def __init__(self) -> None:
        self.read_blocks = 0

    def read(self) -> AudioBlock | None:
        if self.read_blocks * BLOCK_S >= DURATION_S:
            return None
        self.read_blocks += 1
        return AudioBlock((self.read_blocks - 1) * BLOCK_S, np.zeros(1600, np.float32))

    def notices(self) -> tuple[Notice, ...]:
        return ()

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_replay_waits_for_a_slow_client() -> None:
    recording: Any = LongRecording()
    parts: Any = {"predictor": Predictor(), "checkpoint": Checkpoint(), "voice": Voice(), "speech": Speech()}
    models = Models(face=None, names={"speech": "whisper-base"}, device="cpu", **parts)
    session = Session(FileSource(recording, video=False, real_time=False), models, Settings(), REPLAY)
    events = session.events()
    told = [next(events)]

    def stands_still() -> bool:
        before = recording.read_blocks
        time.sleep(0.3)
        return bool(before and recording.read_blocks == before)

    assert wait_until(stands_still, 20.0)
    # A reading and a word every half second fill what the listener has not taken; the rest is on its way.
    ahead_s = EVENTS_DEPTH * Settings().hop + (REPLAY.inbox_depth + 2 * REPLAY.audio_depth) * BLOCK_S
    assert recording.read_blocks * BLOCK_S < ahead_s < DURATION_S
    assert session.send(MarkMoment("while it stands still"))  # by the listener itself: it is not held up
    told += events
    assert isinstance(told[-1], Summary)
    assert [event.label for event in told if isinstance(event, Mark)] == ["while it stands still"]
    ends = [event.end_s for event in told if isinstance(event, Reading)]
    assert len(ends) == DURATION_S / Settings().hop
