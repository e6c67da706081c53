"""One recording of a running session: receives media and events from their threads, writes them on its own.

    camera --add_frame-----> |
    microphone --add_audio-> queue --> Matroska, JSON lines
    session --add_event----> |

Nobody waits for the disk: frames that find the queue full are dropped, and so is audio, though much later; both are
counted.
"""

from __future__ import annotations

import contextlib
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmim_live.errors import OutputError
from mmim_live.events import Event, Reading, SessionStarted, Summary
from mmim_live.recording.event_time import shifted
from mmim_live.recording.folder import MEDIA, RecordingFolder
from mmim_live.recording.matroska import MatroskaFile
from mmim_live.session.channel import Channel
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

MAX_QUEUED_FRAMES = 15  # one second, 14 MB
MAX_QUEUED_BLOCKS = 600  # one minute, 4 MB
COMMIT_WAIT_S = 10.0  # of media after the end, for the words of the recording to be committed
_EPSILON_S = 1e-6


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What to record, and where."""

    path: Path
    begin_s: float  # on the session's clock
    hop_s: float
    size: tuple[int, int] | None  # of the frames, width and height; None: no camera
    audio: bool
    facts: dict[str, Any]  # for settings.json


class RecordingWriter:
    """Starts at once. `add_frame`, `add_audio` and `add_event` are each called by one thread, and never wait."""

    def __init__(self, plan: RecordingPlan, session: SessionStarted | None) -> None:
        self.plan = plan
        self.frames_dropped = 0
        self.blocks_lost = 0
        self.failure: str | None = None  # one line, if it has failed
        self.path = plan.path  # the folder
        self._end_s = math.inf
        self._frames_in = self._frames_out = 0  # each counted by one thread only
        self._blocks_in = self._blocks_out = 0
        self._queue: Channel[VideoFrame | AudioBlock | Event] = Channel(0)
        if session is not None:
            self._queue.put(session)
        self._thread = threading.Thread(target=self._run, name="mmim-recorder", daemon=True)
        self._thread.start()

    # ---- from other threads --------------------------------------------------------------------------------------

    def add_frame(self, frame: VideoFrame) -> None:
        """Queue a frame."""
        if self.plan.size is None or not self.plan.begin_s <= frame.time_s < self._end_s:
            return
        if self._frames_in - self._frames_out >= MAX_QUEUED_FRAMES:
            self.frames_dropped += 1
        elif self._queue.put(frame):
            self._frames_in += 1

    def add_audio(self, block: AudioBlock) -> None:
        """Queue a block of audio."""
        cut = _between(block, self.plan.begin_s, self._end_s)
        if cut is None or not self.plan.audio:
            return
        if self._blocks_in - self._blocks_out >= MAX_QUEUED_BLOCKS:
            self.blocks_lost += 1
        elif self._queue.put(cut):
            self._blocks_in += 1

    def add_event(self, event: Event) -> None:
        """Queue an event. Ends the recording once all of its events have arrived."""
        time_s, begin_s = event.time_s, self.plan.begin_s
        if isinstance(event, Summary) or begin_s < time_s <= self._end_s:
            self._queue.put(shifted(event, -begin_s))
        hops = math.floor((self._end_s - begin_s) / self.plan.hop_s + _EPSILON_S) if self._end_s < math.inf else 0
        committed = isinstance(event, Reading) and event.status == "committed"
        if hops and (
            (committed and time_s >= begin_s + hops * self.plan.hop_s - _EPSILON_S)
            or time_s > self._end_s + COMMIT_WAIT_S
        ):
            self._queue.close()

    def end_at(self, time_s: float) -> None:
        """End the media here, but keep at least one reading."""
        self._end_s = max(time_s, self.plan.begin_s + self.plan.hop_s)

    def length_s(self, now_s: float) -> float:
        """Recorded so far."""
        return max(0.0, min(now_s, self._end_s) - self.plan.begin_s)

    def close(self, within_s: float) -> None:
        """Write what is queued, and stop."""
        self._queue.close()
        self._thread.join(within_s)

    @property
    def over(self) -> bool:
        """Whether everything is written, or writing has failed."""
        return not self._thread.is_alive()

    # ---- its own thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._write()
        except OutputError as error:
            self.failure = str(error)
        except Exception as error:  # noqa: BLE001 (an encoder's fault must not end the session)
            self.failure = f"the encoder failed ({type(error).__name__}: {error})"
        finally:
            self._queue.abandon()

    def _write(self) -> None:
        plan = self.plan
        folder = RecordingFolder(plan.path)
        self.path = folder.path
        media: MatroskaFile | None = None
        try:
            folder.describe(plan.facts)
            media = MatroskaFile(folder.path / MEDIA, plan.size, audio=plan.audio)
            for item in self._queue:
                self._put(item, folder, media)
            media.close()
            folder.describe(plan.facts | self._result(media))
            self.path = folder.finish()
        except BaseException:
            if media is not None:
                with contextlib.suppress(OutputError):
                    media.close()  # the index, if there is room for it
            if media is None or not (self._frames_out or self._blocks_out):
                folder.remove()
            raise

    def _put(self, item: VideoFrame | AudioBlock | Event, folder: RecordingFolder, media: MatroskaFile) -> None:
        begin_s = self.plan.begin_s
        match item:
            case VideoFrame():
                self._frames_out += 1
                # Without audio, the first frame defines the start of the recording: its media time must be 0.
                lone = not self.plan.audio and media.frames == 0
                media.write_frame(item, 0.0 if lone else item.time_s - begin_s)
            case AudioBlock():
                self._blocks_out += 1
                media.write_audio(item, item.start_s - begin_s)
            case _:
                folder.append(item)

    def _result(self, media: MatroskaFile) -> dict[str, Any]:
        return {
            "complete": True,
            "frames": media.frames,
            "frames_dropped": self.frames_dropped,
            "sound_blocks_lost": self.blocks_lost,
        }


def _between(block: AudioBlock, begin_s: float, end_s: float) -> AudioBlock | None:
    """The part of the block that is inside."""
    first = max(0, round((begin_s - block.start_s) * SAMPLE_RATE_HZ))
    count = len(block.samples)
    last = count if end_s >= block.end_s else round((end_s - block.start_s) * SAMPLE_RATE_HZ)
    if first == 0 and last >= count:
        return block
    if last <= first:
        return None
    return AudioBlock(block.start_s + first / SAMPLE_RATE_HZ, block.samples[first:last])
