"""A recording as a `MediaSource`: all of it, at full speed or in real time."""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Sequence

from mmim_live.alignment import HISTORY_S
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.events import Mark, Notice
from mmim_live.session.channel import Channel
from mmim_live.session.media_source import AudioFanout, SourceInfo
from mmim_live.session.messages import Inbox, MediaEnded, NoFrame
from mmim_live.types import AudioBlock, VideoFrame

FRAMES_DEPTH = 8  # about half a second
FRAME_GAP_S = 0.3  # after this long without a frame, the face worker is notified that time has passed
MARKS_AHEAD_S = 1.0  # marks are passed on this much before the media of their time
TRAILING_S = 1.0  # a container may end this much after its last item; more means that its duration is wrong


class CaptureClock:
    """The wall time at which each stretch of media was read. Written by the reader, read by inference."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque()  # (media time reached, wall time)
        self._media_s = 0.0

    def now_s(self) -> float:
        return self._media_s

    def mark(self, media_s: float) -> None:
        if media_s > self._media_s or not self._marks:
            self._media_s = max(self._media_s, media_s)
            self._marks.append((self._media_s, time.perf_counter()))
            while self._marks[0][0] < self._media_s - HISTORY_S:  # no window reaches further back
                self._marks.popleft()

    def captured_at(self, media_s: float) -> float:
        """Wall time at which the media up to `media_s` (or, past the end, all of it) had been read."""
        marks = tuple(self._marks)  # a copy: the reader keeps adding
        if not marks:
            return time.perf_counter()
        return marks[min(bisect_left(marks, (media_s,)), len(marks) - 1)][1]


class FileSource:
    """Reads a file for a session. `video`: whether anyone iterates over `frames`.

    A recorded session also has a name, notices for the start, and marks, which are emitted at their times.
    """

    def __init__(
        self,
        media: MediaFile,
        *,
        video: bool,
        real_time: bool,
        name: str | None = None,
        notices: Sequence[Notice] = (),
        marks: Sequence[Mark] = (),
    ) -> None:
        self.info = SourceInfo(name or media.name, "capture", media.duration_s, (*notices, *media.notices()))
        self.clock = CaptureClock()
        self._media = media
        self._marks = deque(sorted(marks, key=lambda mark: mark.time_s))
        self._real_time = real_time
        self._frames: Channel[VideoFrame | NoFrame] | None = Channel(FRAMES_DEPTH) if video else None
        self._inbox: Inbox = Channel(0)
        self._finishing = threading.Event()  # to stop before the end of the file

    def start(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def frames(self) -> Generator[VideoFrame | NoFrame]:
        if self._frames is None:
            return
        try:
            yield from self._frames
        finally:
            self._frames.abandon()  # the reader must not wait for a consumer that is gone

    def drops(self) -> dict[str, int]:
        return {"packets": self._media.skipped_packets}

    def finish(self) -> None:
        self._finishing.set()
        self._media.interrupt()

    def close(self) -> None:
        self._media.close()

    def read(self, audio: AudioFanout) -> None:
        """Read the file, waiting for the slowest stage and, at real-time speed, for the wall clock."""
        began_s = time.perf_counter()
        reached_s = frames_until_s = 0.0
        known = self._media.notices()
        while not self._finishing.is_set():
            item = self._media.read()
            if item is None:
                if not self._finishing.is_set():
                    reached_s = self._end_s(reached_s)
                break
            reached_s = max(reached_s, item.time_s if isinstance(item, VideoFrame) else item.end_s)
            if self._real_time and self._finishing.wait(max(0.0, began_s + reached_s - time.perf_counter())):
                break
            self.clock.mark(reached_s)
            self._put_marks(reached_s + MARKS_AHEAD_S)
            if isinstance(item, AudioBlock):
                audio.put(item)
                if self._frames is not None and item.end_s > frames_until_s + FRAME_GAP_S:
                    frames_until_s = item.end_s
                    self._frames.put(NoFrame(frames_until_s))  # items come in order: no earlier frame is left
            elif self._frames is not None:
                frames_until_s = item.time_s
                self._frames.put(item)
            if self._media.audio_finished:  # the video may be much longer: nobody should wait for more audio
                audio.close()
        self._put_marks(math.inf)
        for notice in self._media.notices():
            if notice not in known:
                self._inbox.put(notice)
        if self._finishing.is_set():
            self._inbox.put(Notice(reached_s, "interrupted", f"interrupted at {reached_s:.1f} s, before the end"))
        self._inbox.put(MediaEnded(reached_s))
        audio.close()
        if self._frames is not None:
            self._frames.close()

    def _put_marks(self, until_s: float) -> None:
        """Pass on the marks up to `until_s`. Only as needed: a recording may have more than the inbox can hold."""
        while self._marks and self._marks[0].time_s <= until_s:
            self._inbox.put(self._marks.popleft())

    def _end_s(self, reached_s: float) -> float:
        """The end of the media, given the end of the last item: the stated duration, unless that is wrong."""
        duration_s = self._media.duration_s
        if duration_s is None or duration_s <= reached_s:
            return reached_s
        if duration_s < reached_s + TRAILING_S:
            return duration_s
        message = f"{self.info.name} ends at {reached_s:.1f} s, although its stated duration is {duration_s:.1f} s"
        self._inbox.put(Notice(reached_s, "ends_early", message))
        return reached_s
