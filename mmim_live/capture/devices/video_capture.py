"""OpenCV's side of a camera: what a name refers to, opening without hanging, and conversion of its frames."""

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

from mmim_live.capture.devices.device_number import device_number
from mmim_live.errors import DeviceError

# How long a live camera may deliver nothing before it counts as lost; stopping may have to wait this long, too.
READ_TIMEOUT_MS = 1500
OPEN_TIMEOUT_MS = 4000  # of a network camera, which may have to send a keyframe first
_POLL_S = 0.05

# For OpenCV's backends that have no other interface. Read when they are first used.
_ENVIRONMENT = {
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "1",  # seconds; the default of 10 would delay stopping
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # ffmpeg's own messages would corrupt the screen
    "OPENCV_AVFOUNDATION_SKIP_AUTH": "1",  # it can ask for permission only on the main thread; macOS asks anyway
}
_BACKENDS = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION}
_FIX = {
    "linux": "connect it, close other programs that use it, and check your permissions (sudo usermod -aG video $USER)",
    "darwin": "connect it, and allow the terminal in System Settings > Privacy & Security > Camera",
}

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraTarget:
    """What to open: a device by its index, or a stream or file by its address."""

    index: int | None
    address: str = ""

    @property
    def name(self) -> str:
        """For display; without a password, which may also stand in the query of an address."""
        if self.index is not None:
            return f"camera {self.index}"
        scheme, separator, rest = self.address.partition("://")
        host, slash, path = (rest.partition("?")[0] if separator else rest).partition("/")
        return f"camera {scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"

    @property
    def is_stream(self) -> bool:
        return "://" in self.address


def camera_target(source: int | str) -> CameraTarget:
    """An index, also as text or as /dev/videoN, is a device; anything else is an address or a path."""
    text = str(source)
    number = device_number(text.removeprefix("/dev/video"))
    return CameraTarget(number) if isinstance(number, int) else CameraTarget(None, text)


def open_capture(
    target: CameraTarget, width: int, height: int, fps: float, stop: threading.Event
) -> cv2.VideoCapture | None:
    """The opened camera; None if `stop` was set meanwhile. Opening may hang, so it runs in a thread of its own.

    Raises:
        DeviceError: it cannot be opened.
    """
    opened: Queue[cv2.VideoCapture] = Queue()
    threading.Thread(
        target=lambda: opened.put(_open(target, width, height, fps)), name="mmim-camera-opening", daemon=True
    ).start()
    capture = None
    while capture is None and not stop.is_set():
        # A capture left in the queue when nobody waits for it is released when it is garbage-collected.
        with contextlib.suppress(Empty):
            capture = opened.get(timeout=_POLL_S)
    if capture is not None and not capture.isOpened():
        fix = _FIX.get(sys.platform, "connect it, and close other programs that use it")
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
        # One thread: each further one would hold back a frame.
        return cv2.VideoCapture(target.address, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
    capture = cv2.VideoCapture(target.index, _BACKENDS.get(sys.platform, cv2.CAP_ANY))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture


def resized_rgb(bgr: Image, max_side_px: int) -> Image:
    """[height, width, 3] in RGB, scaled down to sides of at most `max_side_px`."""
    height, width = bgr.shape[:2]
    scale = max_side_px / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
