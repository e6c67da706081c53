"""What a session needs of its media, be they a file or devices.

    frames() --VideoFrame | NoFrame--> face extractor           read by the face worker
    read()   --AudioBlock--> AudioFanout --> voice, speech      run by a worker of its own

Both run on one clock, which starts at 0. Devices can also be looked at and replaced: that is `DeviceControl`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mmim_live.capture.devices.level_meter import LevelMeter
from mmim_live.events import Notice
from mmim_live.session.channel import Channel
from mmim_live.session.messages import Inbox, NoFrame
from mmim_live.session_types import DeviceHealth, DeviceKind, SoundLevel
from mmim_live.types import AudioBlock, VideoFrame


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known of a source before it starts."""

    name: str  # for people: the file's or the devices'
    reader: str  # the worker that runs `read`
    duration_s: float | None = None  # of a recording that states it
    notices: tuple[Notice, ...] = ()


class MediaClock(Protocol):
    """Media time, tied to the wall clock for measuring latency."""

    def now_s(self) -> float:
        """The media time reached."""
        ...

    def captured_at(self, media_s: float) -> float:
        """Wall time (`time.perf_counter`) at which the media up to `media_s` had been captured."""
        ...


class AudioFanout:
    """Gives every block to all extractors that listen. One thread writes; `level` may be read by any."""

    def __init__(self, listeners: Sequence[Channel[AudioBlock]]) -> None:
        self._listeners = tuple(listeners)
        self._meter = LevelMeter()

    @property
    def level(self) -> SoundLevel | None:
        """How loud it is now; None before the first block."""
        return self._meter.level

    def put(self, block: AudioBlock) -> None:
        """Wait for the slowest listener, where its channel is bounded."""
        self._meter.push(block)
        for listener in self._listeners:
            listener.put(block)

    def close(self) -> None:
        """No more audio will come. May be called twice."""
        for listener in self._listeners:
            listener.close()


class MediaSource(Protocol):
    """Audio, video or both, on one clock."""

    @property
    def info(self) -> SourceInfo: ...

    @property
    def clock(self) -> MediaClock: ...

    def start(self, inbox: Inbox) -> None:
        """Open what takes time to open; `inbox` is for notices and the end of the media."""
        ...

    def read(self, audio: AudioFanout) -> None:
        """Read until the end, and close `audio` there. Runs in one thread of the session."""
        ...

    def frames(self) -> Generator[VideoFrame | NoFrame]:
        """The frames until the end. Whoever leaves early must close the generator."""
        ...

    def drops(self) -> dict[str, int]:
        """What was lost so far, by kind."""
        ...

    def finish(self) -> None:
        """End the media here; what was captured still comes out. Any thread may call it, more than once."""
        ...

    def close(self) -> None:
        """Release everything, after `finish`, once `read` and `frames` have returned. May be called twice."""
        ...


class DeviceControl(Protocol):
    """The devices of a live session."""

    def devices(self) -> tuple[DeviceHealth, ...]:
        """One look at each."""
        ...

    def use(self, kind: DeviceKind, device: int | str | None) -> bool:
        """Switch to another device of that kind, in the background; False: there is none to replace."""
        ...
