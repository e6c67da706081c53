"""What every source of media has in common, be it a recording, a camera or a microphone.

Knows nothing of containers, devices or threads. A source is read by one thread, the one that closes it.
"""

from __future__ import annotations

from typing import Protocol

from mmim_live.events import Notice
from mmim_live.types import AudioBlock, VideoFrame


class Source(Protocol):
    """Sound and pictures on one clock of media time, which starts at 0."""

    @property
    def name(self) -> str:
        """For people: a file's name, a device's name."""
        ...

    @property
    def has_audio(self) -> bool:
        """Whether `read` gives sound."""
        ...

    @property
    def has_video(self) -> bool:
        """Whether `read` gives pictures."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Media seconds from the first item to the end; None where nobody knows, as for a device."""
        ...

    def read(self) -> AudioBlock | VideoFrame | None:
        """The next item, as soon as it is there; None at the end and ever after.

        Items come in the order in which a device would have given them: a picture at its time, a block of sound when
        its last sample has been heard. The blocks follow one another without a gap from 0 on, and the times of the
        pictures rise strictly.
        """
        ...

    def notices(self) -> tuple[Notice, ...]:
        """What a person should know so far: a missing track, damage. Grows while the source is read."""
        ...

    def close(self) -> None:
        """Gives the file or device back; may be called twice."""
        ...
