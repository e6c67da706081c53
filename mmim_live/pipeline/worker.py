"""The threads of a session. Each takes items from one channel and passes what it made to the next.

A worker that fails hands its error to the session instead of dying silently. Workers know the extractors and the
aligner's messages, nothing of files, screens or the command line.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from mmim_live.align import Stream
from mmim_live.capture.recording import Recording
from mmim_live.extract.face import FaceExtractor
from mmim_live.extract.speech import SpeechRecognizer
from mmim_live.extract.voice import VoiceExtractor
from mmim_live.pipeline.buffers import Channel
from mmim_live.types import AudioBlock, FaceRow, Notice, SpeechUpdate, VideoFrame, VoiceRow

SECOND_FACE_REMINDER_S = 30.0


@dataclass(frozen=True, slots=True)
class FaceRows:
    """What one frame gave; no row before `until_s` is to come."""

    rows: tuple[FaceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class VoiceRows:
    """What one block of sound gave; no row before `until_s` is to come."""

    rows: tuple[VoiceRow, ...]
    until_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more will come of this stream."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class MediaEnded:
    """The source is exhausted."""

    duration_s: float


Message = FaceRows | VoiceRows | SpeechUpdate | Finished | MediaEnded | Notice
Inbox = Channel[Message]


class Worker(threading.Thread):
    """A thread with a name and one job. `failed` is called with the error if the job raises."""

    def __init__(self, name: str, job: Callable[[], None], failed: Callable[[str, Exception], None]) -> None:
        super().__init__(name=f"mmim-{name}", daemon=True)
        self._job = job
        self._failed = failed

    def run(self) -> None:
        """Do the job once."""
        try:
            self._job()
        except Exception as error:  # noqa: BLE001 (whatever it was, the session must hear of it)
            self._failed(self.name, error)


class CaptureClock:
    """When each stretch of media was captured, by the wall clock. Written by capture, read by the predictor."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (media time reached, wall time)
        self.media_s = 0.0

    def mark(self, media_s: float) -> None:
        if media_s > self.media_s or not self._marks:
            self.media_s = max(self.media_s, media_s)
            self._marks.append((self.media_s, time.perf_counter()))

    def captured_at(self, media_s: float) -> float:
        """Wall time at which the media up to `media_s` (or, past the end, all of it) had been captured."""
        while len(self._marks) > 1 and self._marks[0][0] < media_s:
            self._marks.popleft()
        return self._marks[0][1] if self._marks else time.perf_counter()


def capture(
    source: Recording,
    frames: Channel[VideoFrame] | None,
    sounds: tuple[Channel[AudioBlock], ...],
    inbox: Inbox,
    clock: CaptureClock,
    stop: threading.Event,
    real_time: bool,
) -> None:
    """Read the source to its end, waiting for the slowest taker and, in real time, for the wall clock."""
    began = time.perf_counter()
    reached_s = 0.0
    told = source.notices()
    while not stop.is_set():
        item = source.read()
        if item is None:
            break
        reached_s = max(reached_s, item.time_s if isinstance(item, VideoFrame) else item.end_s)
        if real_time and stop.wait(max(0.0, began + reached_s - time.perf_counter())):
            break
        clock.mark(reached_s)
        if isinstance(item, AudioBlock):
            for sound in sounds:
                sound.put(item)
        elif frames is not None:
            frames.put(item)
    for notice in source.notices():
        if notice not in told:
            inbox.put(notice)
    inbox.put(MediaEnded(max(reached_s, source.duration_s or 0.0)))
    for channel in (*sounds, *((frames,) if frames is not None else ())):
        channel.close()


def read_faces(extractor: FaceExtractor, frames: Channel[VideoFrame], inbox: Inbox) -> None:
    """Frames -> face rows. A second face is noted when it appears, and again at most every half minute."""
    noted_s: float | None = None
    for frame in frames:
        row = extractor.push(frame)
        if extractor.faces_in_frame > 1 and (noted_s is None or frame.time_s - noted_s >= SECOND_FACE_REMINDER_S):
            noted_s = frame.time_s
            inbox.put(Notice(frame.time_s, "second_face", "more than one face: the largest is read"))
        inbox.put(FaceRows(() if row is None else (row,), frame.time_s))
    inbox.put(Finished("face"))


def read_voice(extractor: VoiceExtractor, sounds: Channel[AudioBlock], inbox: Inbox) -> None:
    """Sound -> voice rows."""
    for block in sounds:
        rows = extractor.push(block)
        inbox.put(VoiceRows(tuple(rows), extractor.until_s))
    inbox.put(VoiceRows(tuple(extractor.flush()), extractor.until_s))
    inbox.put(Finished("voice"))


def read_speech(recognizer: SpeechRecognizer, sounds: Channel[AudioBlock], inbox: Inbox) -> None:
    """Sound -> words."""
    for block in sounds:
        for update in recognizer.push(block):
            inbox.put(update)
    for update in recognizer.flush():
        inbox.put(update)
    inbox.put(Finished("speech"))
