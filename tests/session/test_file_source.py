"""A recording with its marks, as a source: nobody waits for ever, and every mark comes at its time."""

import threading
from typing import Any

import numpy as np

from mmim_live.events import Event, Mark, Notice, Reading, Summary
from mmim_live.session.file_source import FileSource
from mmim_live.session.loading import Models
from mmim_live.session.policy import REPLAY
from mmim_live.session.session import Session
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, VoiceRow
from tests.session.test_live_session import Checkpoint, Predictor, Speech, Voice

WITHIN_S = 15.0
DURATION_S = 20.0


class SilentRecording:
    """Twenty seconds of silence, as fast as they are read."""

    name = "silent.wav"
    duration_s = DURATION_S
    skipped_packets = 0
    audio_finished = False

    def __init__(self) -> None:
        self._blocks = 0

    def read(self) -> AudioBlock | None:
        if self._blocks >= DURATION_S * 10:
            return None
        self._blocks += 1
        return AudioBlock((self._blocks - 1) / 10, np.zeros(1600, np.float32))

    def notices(self) -> tuple[Notice, ...]:
        return ()

    def interrupt(self) -> None:
        self._blocks = int(DURATION_S * 10)

    def close(self) -> None:
        pass


class FarAheadVoice(Voice):
    """Says after the first block that the next eleven days hold no voice."""

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        self.until_s = 1e6
        return []


def replay_with(marks: list[Mark]) -> list[Event]:
    media: Any = SilentRecording()
    parts: Any = {"predictor": Predictor(), "checkpoint": Checkpoint(), "voice": Voice(), "speech": Speech()}
    models = Models(face=None, names={"speech": "whisper-base"}, device="cpu", **parts)
    source = FileSource(media, video=False, real_time=False, marks=marks)
    session = Session(source, models, Settings(), REPLAY)
    events: list[Event] = []
    thread = threading.Thread(target=lambda: events.extend(session.events()), daemon=True)
    thread.start()
    thread.join(WITHIN_S)
    assert not thread.is_alive(), "the replay hangs"
    return events


def test_a_recording_may_hold_more_marks_than_the_inbox():
    assert REPLAY.inbox_depth < 2000
    events = replay_with([Mark(time_s=i / 100, label=f"mark {i}") for i in range(2000)])
    assert isinstance(events[-1], Summary)
    assert [event.label for event in events if isinstance(event, Mark)] == [f"mark {i}" for i in range(2000)]


def test_marks_come_right_before_the_reading_of_their_time_whatever_their_order():
    times_s = [7.25, 0.0, 3.5, 19.9, 1e9, -1.0, 3.4]
    events = replay_with([Mark(time_s=time_s, label="") for time_s in times_s])
    assert [event.time_s for event in events if isinstance(event, Mark)] == sorted(times_s)
    read_until_s = 0.0
    for event in events:
        if isinstance(event, Reading):
            read_until_s = event.end_s
        if isinstance(event, Mark) and 0 < event.time_s < DURATION_S:
            assert read_until_s < event.time_s <= read_until_s + Settings().hop


def test_a_session_stops_at_once_while_windows_of_days_are_due():
    media: Any = SilentRecording()
    parts: Any = {"predictor": Predictor(), "checkpoint": Checkpoint(), "voice": FarAheadVoice()}
    models = Models(face=None, speech=None, names={}, device="cpu", **parts)
    session = Session(FileSource(media, video=False, real_time=False), models, Settings(), REPLAY)
    events = session.events()
    assert sum(isinstance(next(events), Reading) for _ in range(500)) > 400
    assert session.stop() == []  # the names of the threads that did not end in time
