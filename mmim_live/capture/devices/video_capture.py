"""OpenCV's side of a camera: what a name means, opening it without hanging, and pictures as the session wants them.

Knows nothing of threads that watch, of clocks or of what becomes of the pictures.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import dataclass
from queue import Empty, Queue

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DeviceError

# The longest that a live camera may be silent before it counts as lost; also how long stopping may have to wait.
READ_TIMEOUT_MS = 1500
OPEN_TIMEOUT_MS = 4000  # of a network camera, which may have to send a key frame first
_POLL_S = 0.05

# For OpenCV's backends that know no other way. Read when they are first used.
_ENVIRONMENT = {
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "1",  # seconds; 10 would hold up stopping
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # ffmpeg's own lines would destroy the screen
    "OPENCV_AVFOUNDATION_SKIP_AUTH": "1",  # asking for permission works on the main thread only; macOS asks anyway
}
_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION}
_FIX = {
    "linux": "plug it in, close other programs that use it, and see that you may use it (sudo usermod -aG video $USER)",
    "darwin": "plug it in, and allow the terminal in System Settings > Privacy & Security > Camera",
}

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraTarget:
    """What to open: a device by its index, or a stream or file by its address."""

    index: int | None
    address: str = ""

    @property
    def name(self) -> str:
        """For people; without a password."""
        if self.index is not None:
            return f"camera {self.index}"
        scheme, separator, rest = self.address.partition("://")
        host, slash, path = rest.partition("/")
        return f"camera {scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"

    @property
    def is_stream(self) -> bool:
        return "://" in self.address


def camera_target(source: int | str) -> CameraTarget:
    """An index, also as text or as /dev/videoN, is a device; all else an address or a path."""
    text = str(source)
    number = text.removeprefix("/dev/video")
    return CameraTarget(int(number)) if number.isdecimal() else CameraTarget(None, text)


def open_capture(
    target: CameraTarget, width: int, height: int, fps: float, stop: threading.Event
) -> cv2.VideoCapture | None:
    """The opened camera; None where `stop` was set meanwhile. Opening may hang and happens in a thread of its own.

    Raises:
        DeviceError: it cannot be opened.
    """
    opened: Queue[cv2.VideoCapture] = Queue()
    threading.Thread(
        target=lambda: opened.put(_open(target, width, height, fps)), name="mmim-camera-opening", daemon=True
    ).start()
    capture = None
    while capture is None and not stop.is_set():
        # Whatever is left in the queue when nobody waits any more is given back as it is forgotten.
        with contextlib.suppress(Empty):
            capture = opened.get(timeout=_POLL_S)
    if capture is not None and not capture.isOpened():
        fix = _FIX.get(sys.platform, "plug it in, and close other programs that use it")
        if target.index is None:
            fix = "start the server, or check the address" if target.is_stream else "check the path"
        raise DeviceError(f"{target.name} cannot be opened: {fix}")
    return capture


def _open(target: CameraTarget, width: int, height: int, fps: float) -> cv2.VideoCapture:
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if target.index is None:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
        # One thread: more would each hold back a picture.
        return cv2.VideoCapture(target.address, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
    capture = cv2.VideoCapture(target.index, _BACKENDS.get(sys.platform, cv2.CAP_ANY))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def resized_rgb(bgr: Image, max_side_px: int) -> Image:
    """[height, width, 3] in RGB, scaled down so that no side is longer than `max_side_px`."""
    height, width = bgr.shape[:2]
    scale = max_side_px / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
