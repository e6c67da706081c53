"""The interface of a session to its media, a file or devices.

    frames() --VideoFrame | NoFrame--> face extractor           read by the face worker
    read()   --AudioBlock--> AudioFanout --> voice, speech      run by its own worker

Both use one clock, which starts at 0. Devices can also be inspected and replaced, by `DeviceControl`.
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
    """What is known about a source before it starts."""

    name: str  # for display: the file's or the devices'
    reader: str  # the name of the worker that runs `read`
    duration_s: float | None = None  # of a recording, if stated
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
    """Passes each block to all extractors that use audio. One thread writes; any thread may read `level`."""

    def __init__(self, listeners: Sequence[Channel[AudioBlock]]) -> None:
        self._listeners = tuple(listeners)
        self._meter = LevelMeter()

    @property
    def level(self) -> SoundLevel | None:
        """The current level; None before the first block."""
        return self._meter.level

    def put(self, block: AudioBlock) -> None:
        """Pass on a block; waits for the slowest listener if its channel is bounded."""
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
        """Open the source; `inbox` receives its notices and the end of the media."""
        ...

    def read(self, audio: AudioFanout) -> None:
        """Read to the end, then close `audio`. Runs in one thread of the session."""
        ...

    def frames(self) -> Generator[VideoFrame | NoFrame]:
        """The frames up to the end. A consumer that stops early must close the generator."""
        ...

    def drops(self) -> dict[str, int]:
        """What was lost so far, by kind."""
        ...

    def finish(self) -> None:
        """End the media here; what has been captured is still delivered. Any thread may call it, more than once."""
        ...

    def close(self) -> None:
        """Release everything, after `finish`, once `read` and `frames` have returned. May be called twice."""
        ...


class DeviceControl(Protocol):
    """The devices of a live session."""

    def devices(self) -> tuple[DeviceHealth, ...]:
        """The current state of each."""
        ...

    def use(self, kind: DeviceKind, device: int | str | None) -> bool:
        """Switch to another device of that kind, in the background; False if none is in use."""
        ...
