"""Hands frames from the camera to their consumer: keeps only the latest, and treats missing ones as an error."""

from __future__ import annotations

import time
from threading import Condition

from mmim_live.errors import DeviceError
from mmim_live.types import VideoFrame

STALE_S = 2.0


class FrameSlot:
    """A slot for one frame. A frame not taken before the next one arrives is dropped and counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._frame: VideoFrame | None = None
        self._put_s = time.monotonic()
        self._closed = False
        self._changed = Condition()
        self.dropped = 0

    def put(self, frame: VideoFrame) -> None:
        """Store a frame, replacing the one in the slot."""
        with self._changed:
            self.dropped += self._frame is not None
            self._frame = frame
            self._put_s = time.monotonic()
            self._changed.notify_all()

    def take(self, timeout_s: float) -> VideoFrame | None:
        """The latest frame not yet taken, waiting for one; None if none came in time, or once closed.

        Raises:
            DeviceError: none came in time, and none for 2 s: the camera is lost, frozen or was never there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout_s)
            frame, self._frame = self._frame, None
            age_s = time.monotonic() - self._put_s
            if frame is None and not self._closed and age_s > STALE_S:
                raise DeviceError(
                    f"{self.name} has delivered no new frame for {age_s:.0f} s: check that it is connected and on"
                )
            return None if self._closed else frame

    def close(self) -> None:
        """Wake up waiting threads; nothing can be taken from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
