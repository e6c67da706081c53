"""A recording as a session takes it in: all of it, at full speed or at the speed of the wall clock.

Knows recordings and channels, not what is made of the media.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence

from mmim_live.alignment import HISTORY_S
from mmim_live.capture.devices.level_meter import LevelMeter
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.events import Mark, Notice
from mmim_live.session.channel import Channel
from mmim_live.session.media_source import Backpressure
from mmim_live.session.messages import Inbox, MediaEnded, NoFrame
from mmim_live.session.workers import Job
from mmim_live.session_types import DeviceHealth, DeviceKind, SoundLevel
from mmim_live.types import AudioBlock, VideoFrame

FRAMES_DEPTH = 8  # about half a second of pictures
PICTURE_GAP_S = 0.3  # after so long without a picture the face is told that time goes on
TRAILING_S = 1.0  # a container may end this much after its last item; more is a wrong duration


class CaptureClock:
    """When each stretch of media was captured, by the wall clock. Written by capture, read by the predictor."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (media time reached, wall time)
        self.media_s = 0.0

    def mark(self, media_s: float) -> None:
        if media_s > self.media_s or not self._marks:
            self.media_s = max(self.media_s, media_s)
            self._marks.append((self.media_s, time.perf_counter()))
            while self._marks[0][0] < self.media_s - HISTORY_S:  # no window reaches further back
                self._marks.popleft()

    def captured_at(self, media_s: float) -> float:
        """Wall time at which the media up to `media_s` (or, past the end, all of it) had been captured."""
        marks = tuple(self._marks)  # a copy: capture goes on adding
        if not marks:
            return time.perf_counter()
        return marks[min(bisect_left(marks, (media_s,)), len(marks) - 1)][1]


class FileSource:
    """An `MediaSource` of a recording. `pictures`: whether somebody takes them.

    Of a recorded session there is more to say: its name, notices at the start, and marks in their places.
    """

    backpressure: Backpressure = "wait"

    def __init__(
        self,
        source: MediaFile,
        *,
        pictures: bool,
        real_time: bool,
        name: str | None = None,
        notices: Sequence[Notice] = (),
        marks: Sequence[Mark] = (),
    ) -> None:
        self.name = name or source.name
        self._own_notices = tuple(notices)
        self._marks = tuple(marks)
        self.duration_s = source.duration_s
        self._source = source
        self._real_time = real_time
        self._clock = CaptureClock()
        self._frames: Channel[VideoFrame | NoFrame] | None = Channel(FRAMES_DEPTH) if pictures else None
        self._inbox: Inbox = Channel(0)
        self._meter = LevelMeter()
        self._stop = threading.Event()
        self._finishing = False  # before its end

    @property
    def media_s(self) -> float:
        return self._clock.media_s

    def captured_at(self, media_s: float) -> float:
        return self._clock.captured_at(media_s)

    def notices(self) -> tuple[Notice, ...]:
        return (*self._own_notices, *self._source.notices())

    def drops(self) -> dict[str, int]:
        return {"packets": self._source.skipped_packets}

    def devices(self) -> tuple[DeviceHealth, ...]:
        return ()

    def level(self) -> SoundLevel | None:
        return self._meter.level

    def use(self, kind: DeviceKind, source: int | str | None) -> bool:  # noqa: ARG002 (nothing to replace)
        return False

    def start(self, inbox: Inbox) -> None:
        self._inbox = inbox
        for mark in self._marks:
            inbox.put(mark)

    def jobs(self, sounds: Sequence[Channel[AudioBlock]]) -> dict[str, Job]:
        return {"capture": lambda: self._read(sounds)}

    def frames(self) -> Iterable[VideoFrame | NoFrame]:
        return self._frames if self._frames is not None else ()

    def finish(self) -> None:
        self._finishing = True
        self._stop.set()

    def stop(self) -> None:
        self._stop.set()
        if self._frames is not None:
            self._frames.abandon()

    def close(self) -> None:
        self._source.close()

    def _read(self, sounds: Sequence[Channel[AudioBlock]]) -> None:
        """Read the source to its end, waiting for the slowest taker and, in real time, for the wall clock."""
        began = time.perf_counter()
        reached_s = seen_s = 0.0
        told = self._source.notices()
        while not self._stop.is_set():
            item = self._source.read()
            if item is None:
                if self.duration_s is not None and reached_s < self.duration_s < reached_s + TRAILING_S:
                    reached_s = self.duration_s
                elif self.duration_s is not None and self.duration_s >= reached_s + TRAILING_S:
                    message = f"{self.name} ends at {reached_s:.1f} s, though it promises {self.duration_s:.1f} s"
                    self._inbox.put(Notice(reached_s, "ends_early", message))
                break
            reached_s = max(reached_s, item.time_s if isinstance(item, VideoFrame) else item.end_s)
            if self._real_time and self._stop.wait(max(0.0, began + reached_s - time.perf_counter())):
                break
            self._clock.mark(reached_s)
            if isinstance(item, AudioBlock):
                self._meter.push(item)
                for sound in sounds:
                    sound.put(item)
                if self._frames is not None and item.end_s > seen_s + PICTURE_GAP_S:
                    seen_s = item.end_s
                    self._frames.put(NoFrame(seen_s))  # the source gives items in order: no earlier picture can come
            elif self._frames is not None:
                seen_s = item.time_s
                self._frames.put(item)
            if (
                self._source.audio_finished
            ):  # pictures may go on for long: whoever waits for sound must not wait for them
                for sound in sounds:
                    sound.close()
        for notice in self._source.notices():
            if notice not in told:
                self._inbox.put(notice)
        if self._finishing:
            self._inbox.put(Notice(reached_s, "interrupted", f"interrupted at {reached_s:.1f} s, before the end"))
        self._inbox.put(MediaEnded(reached_s))
        for sound in sounds:
            sound.close()
        if self._frames is not None:
            self._frames.close()
