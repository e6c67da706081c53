"""A camera as an endless source of frames: when lost or frozen, it is reopened until it returns.

    own thread: open, grab every frame, decode at most 15 per second --FrameSlot--> take()

Every frame is grabbed, so that none grows old in a buffer; only those that are handed out are decoded.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.device_status import Backoff, DeviceStatus, Report
from mmim_live.capture.devices.frame_slot import FrameSlot
from mmim_live.capture.devices.video_capture import CameraTarget, Image, camera_target, open_capture, resized_rgb
from mmim_live.capture.files.media_file import MAX_FPS, MAX_SIDE_PX
from mmim_live.errors import DeviceError
from mmim_live.session_types import DeviceHealth
from mmim_live.types import VideoFrame

WIDTH_PX, HEIGHT_PX, FPS = 640, 480, 30.0  # requested from a device: what every webcam delivers uncompressed
WARM_UP_S = 0.4  # frames after opening are discarded: dark, or from a network camera's buffer
FROZEN_S = 3.0  # with bit-identical frames; a real sensor has noise
CATCH_UP_FRAMES = 2
RATE_S = 2.0  # window over which the frame rate is reported
LATE_S = 1.0  # how much delay a file catches up on when it starts over
JOIN_S = 1.8


@dataclass(slots=True)
class _RateLimiter:
    """Accepts one frame per `interval_s` at most, in the long run, and all frames of a camera that is no faster.

    A frame may be early by a quarter interval, so that jitter costs no frames of a camera at exactly this rate; up to
    `CATCH_UP_FRAMES` late or missing frames are made up for by the next ones.
    """

    interval_s: float
    _due_s: float = 0.0

    def accepts(self, time_s: float) -> bool:
        if time_s < self._due_s - self.interval_s / 4:
            return False
        self._due_s = max(self._due_s, time_s - CATCH_UP_FRAMES * self.interval_s) + self.interval_s
        return True


class Camera:
    """Frames of a device, a stream or a file; a file is paced as recorded and starts over at its end."""

    def __init__(
        self,
        clock: SessionClock,
        source: int | str = 0,
        *,
        width: int = WIDTH_PX,
        height: int = HEIGHT_PX,
        fps: float = FPS,
        max_fps: float = MAX_FPS,
        max_side_px: int = MAX_SIDE_PX,
        report: Report = lambda _: None,
        on_frame: Callable[[VideoFrame], None] = lambda _: None,
    ) -> None:
        """`source` is an index, /dev/videoN, an address (http, rtsp) or a path. `report` and `on_frame` must be quick.

        A device is asked for `width`, `height` and `fps` but may deliver others; `max_fps` and `max_side_px` apply to
        the frames handed out. `on_frame` receives each of these, even one that is never taken. A missing device is
        reported as lost, then waited for.
        """
        self.clock = clock
        self._target = camera_target(source)
        self._chosen: deque[CameraTarget] = deque()  # targets to switch to
        self.name = self._target.name
        self._requested = (width, height, fps)
        self._max_side_px = max_side_px
        self._pace = _RateLimiter(1 / max_fps)
        self._slot = FrameSlot(self.name)
        self._on_frame = on_frame
        self._status = DeviceStatus("camera", clock, report)
        self._stop = threading.Event()
        self._leave = threading.Event()  # leave the open camera: for another one, or for good
        self._last: Image | None = None  # as decoded; kept while the camera is away
        self._fresh_s = 0.0  # when a frame last differed from the one before (monotonic)
        self._times: deque[float] = deque(maxlen=round(RATE_S * 120))  # of the last frames, media time
        self._backoff = Backoff()
        self.hung = False  # closed, but its thread did not end
        self._thread = threading.Thread(target=self._run, name="mmim-camera", daemon=True)

    def start(self) -> None:
        """Open the camera, in the background."""
        self._thread.start()

    def take(self, timeout_s: float = 0.5) -> VideoFrame | None:
        """The latest frame not yet taken, waiting for one; None if none came in time, or once closed.

        Raises:
            DeviceError: there has been no new frame for 2 s.
        """
        return self._slot.take(timeout_s)

    def use(self, source: int | str) -> None:
        """Switch to another camera, in the background."""
        self._chosen.append(camera_target(source))
        self._leave.set()

    def close(self) -> None:
        """Release the camera within 2 s. If the driver hangs, its thread is left behind; see `hung`."""
        self._stop.set()
        self._leave.set()
        self._slot.close()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        self.hung = self._thread.is_alive()
        self._status.state = "closed"

    def health(self) -> DeviceHealth:
        """The camera's state. The rate counts all frames that arrive, before any are left out."""
        now_s = self.clock.now_s()
        recent = sum(time_s > now_s - RATE_S for time_s in tuple(self._times))
        return DeviceHealth("camera", self.name, self._status.state, recent / RATE_S, self._slot.dropped)

    # ---- the camera's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        cv2.setNumThreads(1)
        while not self._stop.is_set():
            self._switch()
            try:
                self._open_and_read()
            except DeviceError as error:
                self._status.lost(str(error))
            self._leave.wait(self._backoff.next_s())

    def _switch(self) -> None:
        """Switch to the camera that was chosen last, if any."""
        self._leave.clear()
        if self._stop.is_set():
            self._leave.set()
        while self._chosen:
            self._target, self._last = self._chosen.popleft(), None
            self.name = self._slot.name = self._target.name
            self._status.state = "opening"
            self._backoff.reset()

    def _open_and_read(self) -> None:
        """Open the camera and stay until it is frozen, at the end of its file, or lost (raises DeviceError)."""
        capture = open_capture(self._target, *self._requested, self._leave)
        if capture is None:
            return
        try:
            if capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
                self._play(capture)
            else:
                self._watch(capture)
        finally:
            capture.release()

    def _watch(self, capture: cv2.VideoCapture) -> None:
        """Read a live camera, which sets the pace."""
        opened_s = time.monotonic()
        self._fresh_s = opened_s + WARM_UP_S
        while not self._leave.is_set():
            if not capture.grab():
                raise DeviceError(f"{self.name} delivers no frames: reconnect it, or check its server and network")
            now_s = time.monotonic()
            self._times.append(self.clock.media_s(now_s))
            if now_s - opened_s < WARM_UP_S or not self._pace.accepts(self.clock.media_s(now_s)):
                continue
            image = _decode(capture)
            if image is not None and not self._same(image):
                self._fresh_s = now_s
                self._hand_out(image, now_s)
            elif now_s - self._fresh_s > FROZEN_S:
                self._status.frozen(
                    f"{self.name} is frozen (same frame for {FROZEN_S:.0f} s): reopening; if that fails, reconnect it"
                )
                return

    def _play(self, capture: cv2.VideoCapture) -> None:
        """Play a file in a loop, paced by the timestamps of its frames."""
        began_s = time.monotonic()
        while not self._leave.is_set():
            delivered, length_s = 0, 0.0
            while not self._leave.is_set() and capture.grab():
                stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                length_s = max(length_s, stamp_s + 1 / (capture.get(cv2.CAP_PROP_FPS) or FPS))
                if self._leave.wait(max(0.0, began_s + stamp_s - time.monotonic())):
                    return
                now_s = time.monotonic()
                self._times.append(self.clock.media_s(now_s))
                if self._pace.accepts(self.clock.media_s(now_s)):
                    image = _decode(capture)
                    if image is not None:
                        delivered += 1
                        self._hand_out(image, now_s)
            if not delivered and not self._leave.is_set():
                raise DeviceError(f"{self.name} has no readable frames: convert it with `ffmpeg -i FILE out.mp4`")
            if not capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
                return  # it will be reopened
            began_s = max(began_s + length_s, time.monotonic() - LATE_S)

    def _same(self, image: Image) -> bool:
        """Whether the image is identical to the last one, bit by bit. One row is enough to tell most others apart."""
        last = self._last
        if last is None or last.shape != image.shape:
            return False
        middle = len(image) // 2
        return np.array_equal(last[middle], image[middle]) and np.array_equal(last, image)

    def _hand_out(self, image: Image, now_s: float) -> None:
        self._last = image
        height, width = image.shape[:2]
        self._status.open(f"{self.name} is open: {width}x{height}")
        self._backoff.reset()
        frame = VideoFrame(self.clock.media_s(now_s), resized_rgb(image, self._max_side_px))
        self._slot.put(frame)
        self._on_frame(frame)


def _decode(capture: cv2.VideoCapture) -> Image | None:
    found, image = capture.retrieve()
    return image.astype(np.uint8, copy=False) if found and image is not None else None
