"""Where a session's media come from, and what becomes of what nobody takes in time.

A recording waits for the slowest taker; devices do not wait, so that what is late is dropped and counted. That is the
whole difference between replay and live; the session knows it by `backpressure` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from mmim_live.events import Notice
from mmim_live.session.channel import Channel
from mmim_live.session.messages import Inbox, NoFrame
from mmim_live.session.workers import Job
from mmim_live.session_types import DeviceHealth, DeviceKind, SoundLevel
from mmim_live.types import AudioBlock, VideoFrame

Backpressure = Literal["wait", "drop"]


class MediaSource(Protocol):
    """Media on one clock, which starts at 0."""

    @property
    def backpressure(self) -> Backpressure:
        """Whether the media wait for those who take them."""
        ...

    @property
    def name(self) -> str:
        """For people: a file's name, the devices' names."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Of a recording that knows it."""
        ...

    @property
    def media_s(self) -> float:
        """The media time reached."""
        ...

    def captured_at(self, media_s: float) -> float:
        """Wall time (`time.perf_counter`) at which the media up to `media_s`, or all there is, had been captured."""
        ...

    def notices(self) -> tuple[Notice, ...]:
        """What a person should know before the start."""
        ...

    def drops(self) -> dict[str, int]:
        """What was lost so far, by kind."""
        ...

    def devices(self) -> tuple[DeviceHealth, ...]:
        """How the devices fare; none for a recording."""
        ...

    def level(self) -> SoundLevel | None:
        """How loud it is now; None where there is no sound, or none yet."""
        ...

    def use(self, kind: DeviceKind, source: int | str | None) -> bool:
        """Go on with another device of that kind, in the background; False where there is none to replace."""
        ...

    def start(self, inbox: Inbox) -> None:
        """Begin; `inbox` is for notices and the end of the media."""
        ...

    def jobs(self, sounds: Sequence[Channel[AudioBlock]]) -> dict[str, Job]:
        """What needs threads of the session, by name. They put each block into all `sounds` and close them."""
        ...

    def frames(self) -> Iterable[VideoFrame | NoFrame]:
        """The pictures, until the end."""
        ...

    def finish(self) -> None:
        """The media end here; what is on its way still comes out."""
        ...

    def stop(self) -> None:
        """Nothing is wanted any more: wake whoever waits, and begin to close. May be called twice."""
        ...

    def close(self) -> None:
        """Give everything back; after `stop`, when the jobs have ended. May be called twice."""
        ...
