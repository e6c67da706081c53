"""Starts and stops recordings of a live session on request, and reports how they ended.

Until the first one starts, nothing is written and no folder is created.
"""

from __future__ import annotations

import math
import platform
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mmim_live.events import Event, Notice, SessionStarted, Summary
from mmim_live.recording.folder import new_recording, recordings_place
from mmim_live.recording.writer import RecordingPlan, RecordingWriter
from mmim_live.session_types import DeviceHealth, RecordingHealth
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, VideoFrame

CLOSE_S = 1.0
USUAL_SIZE = (640, 480)  # until the camera delivers its first frame
_FACTS_OF_A_DEVICE = ("kind", "name", "rate_hz")


class Recorder:
    """`toggle` may be called from any thread. `add_frame` belongs to the camera's, `add_audio` to the microphone's."""

    def __init__(
        self,
        now_s: Callable[[], float],
        settings: Settings,
        devices: Callable[[], tuple[DeviceHealth, ...]],
        *,
        video: bool,
        audio: bool,
        decode_interval_s: float,
        folder: Path | None = None,
    ) -> None:
        """`now_s` is media time. `folder`: record into it from the beginning of the session."""
        self._now_s = now_s
        self._settings = settings
        self._devices = devices
        self._video, self._audio = video, audio
        self._decode_interval_s = decode_interval_s
        self._folder = folder
        self._size = USUAL_SIZE
        self._session: SessionStarted | None = None
        self._lock = threading.Lock()
        self._current: RecordingWriter | None = None
        self._writers: tuple[RecordingWriter, ...] = ()  # including those waiting for their last words
        self._notices: deque[Notice] = deque()
        self._ended = False

    def add_frame(self, frame: VideoFrame) -> None:
        """Record a frame."""
        self._size = (frame.image.shape[1], frame.image.shape[0])
        for writer in self._writers:
            writer.add_frame(frame)

    def add_audio(self, block: AudioBlock) -> None:
        """Record a block of audio."""
        for writer in self._writers:
            writer.add_audio(block)

    def toggle(self, folder: Path | None = None) -> bool:
        """Start a recording, in `folder` or the default place, or stop the current one. False: too late."""
        with self._lock:
            if self._ended:
                return False
            now_s = self._now_s()
            if self._current is not None and not self._current.over:
                self._current.end_at(now_s)
                self._current = None
                self._notices.append(Notice(now_s, "recording_ended", "recording stopped; waiting for its last words"))
                return True
            hop_s = self._settings.hop
            place = recordings_place(self._settings.record_to)
            # On the grid of the readings, so that a replay gives readings for the same times.
            self._begin(folder or new_recording(place, datetime.now().astimezone()), math.ceil(now_s / hop_s) * hop_s)
            return True

    def health(self) -> RecordingHealth | None:
        """The health of the current recording."""
        writer = self._current
        if writer is None or writer.over:
            return None
        return RecordingHealth(
            str(writer.plan.path), writer.length_s(self._now_s()), writer.frames_dropped, 0.1 * writer.blocks_lost
        )

    def follow(self, event: Event) -> Iterator[Event]:
        """Record an event of the session; yields the notices that precede it."""
        if isinstance(event, SessionStarted):
            with self._lock:
                self._session = event
                if self._folder is not None:
                    self._begin(self._folder, 0.0)
        for writer in self._writers:
            writer.add_event(event)
        if isinstance(event, Summary):
            self.close()
        self._report_finished()
        while self._notices and not isinstance(event, SessionStarted):  # which comes first
            yield self._notices.popleft()

    def close(self, within_s: float = CLOSE_S) -> None:
        """Write what is queued, and stop."""
        with self._lock:
            self._ended = True
        for writer in self._writers:
            writer.close(within_s)

    def _begin(self, path: Path, begin_s: float) -> None:
        facts = {
            "complete": False,
            "began_s": round(begin_s, 3),  # on the clock of the session
            "began_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": self._settings.model_dump(),
            "listen_every_s": self._decode_interval_s,
            "models": self._session.models if self._session else {},
            "devices": [
                {key: value for key, value in asdict(device).items() if key in _FACTS_OF_A_DEVICE}
                for device in self._devices()
            ],
            "versions": {name: version(name) for name in ("mmim-live", "av", "torch", "mediapipe", "faster-whisper")}
            | {"python": platform.python_version()},
        }
        plan = RecordingPlan(
            path=path,
            begin_s=begin_s,
            hop_s=self._settings.hop,
            size=self._size if self._video else None,
            audio=self._audio,
            facts=facts,
        )
        self._current = RecordingWriter(plan, self._session)
        self._writers += (self._current,)
        message = f"recording to {path}; nothing leaves this machine"
        self._notices.append(Notice(begin_s, "recording_began", message))

    def _report_finished(self) -> None:
        """Queue a notice for each recording that has finished."""
        for writer in self._writers:
            if not writer.over:
                continue
            self._writers = tuple(each for each in self._writers if each is not writer)
            if writer is self._current:
                self._current = None
            self._notices.append(self._outcome(writer))

    def _outcome(self, writer: RecordingWriter) -> Notice:
        now_s = self._now_s()
        length_s = writer.length_s(now_s)
        if writer.failure is not None:
            kept = f"; {length_s:.0f} s kept in {writer.path}" if writer.path.exists() else ""
            return Notice(now_s, "recording_failed", f"the recording stopped: {writer.failure}{kept}")
        lost = [
            f"{count} {what}"
            for count, what in (
                (writer.frames_dropped, "frames"),
                (writer.blocks_lost, "tenths of a second of audio"),
            )
            if count
        ]
        without = f", except {' and '.join(lost)} that could not be written in time" if lost else ""
        return Notice(now_s, "recording_saved", f"{length_s:.1f} s recorded in {writer.path}{without}")
