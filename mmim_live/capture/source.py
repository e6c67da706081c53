"""What all sources of media have in common: recordings, cameras and microphones.

A source is read by one thread, which also closes it.
"""

from __future__ import annotations

from typing import Protocol

from mmim_live.events import Notice
from mmim_live.types import AudioBlock, VideoFrame


class Source(Protocol):
    """Audio and video frames on one clock of media time, which starts at 0."""

    @property
    def name(self) -> str:
        """For display: the name of the file or device."""
        ...

    @property
    def has_audio(self) -> bool:
        """Whether `read` returns audio."""
        ...

    @property
    def has_video(self) -> bool:
        """Whether `read` returns video frames."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Media seconds from the first item to the end; None if unknown, as for a device."""
        ...

    def read(self) -> AudioBlock | VideoFrame | None:
        """The next item as soon as it is available; None at the end and from then on.

        Items come in the order in which a device would have delivered them: a frame at its time, an audio block once
        its last sample has been recorded. Blocks are contiguous from 0 on, and frame times are strictly increasing.
        """
        ...

    def notices(self) -> tuple[Notice, ...]:
        """What the user should know so far: a missing track, damage. Grows while the source is read."""
        ...

    def close(self) -> None:
        """Release the file or device; may be called twice."""
        ...
