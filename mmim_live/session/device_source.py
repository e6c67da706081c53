"""A camera, a microphone or both as a `MediaSource`: frames that are not taken in time are dropped and counted.

A lost device may return; every change of a device's state becomes a notice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.device_status import Report
from mmim_live.errors import DeviceError
from mmim_live.events import Notice
from mmim_live.session.channel import Channel
from mmim_live.session.media_source import AudioFanout, SourceInfo
from mmim_live.session.messages import Inbox, MediaEnded, NoFrame
from mmim_live.session_types import DeviceChange, DeviceHealth, DeviceKind
from mmim_live.types import AudioBlock, VideoFrame

FRAME_WAIT_S = 0.1  # after this long without a frame, the session continues without one
FRAME_AGE_S = 0.25  # the greatest age of a frame on arrival: grabbed, decoded, converted to RGB
CLOSE_S = 1.9


class Device(Protocol):
    """What a camera and a microphone have in common."""

    @property
    def name(self) -> str: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def health(self) -> DeviceHealth: ...


class VideoDevice(Device, Protocol):
    """`mmim_live.capture.devices.camera.Camera`."""

    def take(self, timeout_s: float) -> VideoFrame | None: ...

    def use(self, source: int | str) -> None: ...


class AudioDevice(Device, Protocol):
    """`mmim_live.capture.devices.microphone.Microphone`."""

    def read(self) -> AudioBlock | None: ...

    def use(self, device: int | str | None) -> None: ...


class DeviceClock:
    """The session's clock; devices deliver in real time, so wall time follows from media time."""

    def __init__(self, clock: SessionClock) -> None:
        self._clock = clock

    def now_s(self) -> float:
        return self._clock.now_s()

    def captured_at(self, media_s: float) -> float:
        return time.perf_counter() - max(0.0, self._clock.now_s() - media_s)


class DeviceSource:
    """Reads devices for a session; also its `DeviceControl`.

    Each device is created by a function that takes the callback for its state changes; None: no such device.
    `on_audio` receives every block of audio and must be fast.
    """

    def __init__(
        self,
        clock: SessionClock,
        make_camera: Callable[[Report], VideoDevice] | None,
        make_microphone: Callable[[Report], AudioDevice] | None,
        notices: Sequence[Notice] = (),
        on_audio: Callable[[AudioBlock], None] = lambda _: None,
    ) -> None:
        self.clock = DeviceClock(clock)
        self._notices = tuple(notices)
        self._on_audio = on_audio
        self._inbox: Inbox = Channel(0)
        self._camera = make_camera(self._report) if make_camera else None
        self._microphone = make_microphone(self._report) if make_microphone else None
        self._devices: list[Device] = [each for each in (self._camera, self._microphone) if each is not None]
        self._closing = threading.Event()
        self._closers: list[threading.Thread] = []
        self._closing_since_s = 0.0
        self._lock = threading.Lock()

    @property
    def info(self) -> SourceInfo:
        name = " and ".join(device.name for device in self._devices)
        return SourceInfo(name=name, reader="microphone", notices=self._notices)

    def start(self, inbox: Inbox) -> None:
        self._inbox = inbox
        for device in self._devices:
            device.start()

    def read(self, audio: AudioFanout) -> None:
        while self._microphone is not None and (block := self._microphone.read()) is not None:
            self._on_audio(block)
            audio.put(block)
        audio.close()

    def frames(self) -> Generator[VideoFrame | NoFrame]:
        camera = self._camera
        while camera is not None and not self._closing.is_set():
            try:
                frame = camera.take(FRAME_WAIT_S)
            except DeviceError:  # the camera is lost, which it has reported
                frame = None
            yield frame if frame is not None else NoFrame(max(0.0, self.clock.now_s() - FRAME_AGE_S))

    def drops(self) -> dict[str, int]:
        kinds = {"camera": "frames", "microphone": "sound_losses"}
        return {kinds[health.kind]: health.drops for health in self.devices()}

    def finish(self) -> None:
        """Close the devices, each in its own thread, since either may take a while."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            self._closing_since_s = time.monotonic()
            self._inbox.put(MediaEnded(self.clock.now_s()))
            for device in self._devices:
                self._closers.append(threading.Thread(target=device.close, name="mmim-closing", daemon=True))
                self._closers[-1].start()

    def close(self) -> None:
        deadline_s = self._closing_since_s + CLOSE_S
        for closer in self._closers:
            closer.join(max(0.0, deadline_s - time.monotonic()))

    # ---- DeviceControl -------------------------------------------------------------------------------------------

    def devices(self) -> tuple[DeviceHealth, ...]:
        return tuple(device.health() for device in self._devices)

    def use(self, kind: DeviceKind, device: int | str | None) -> bool:
        if kind == "camera" and self._camera is not None and device is not None:
            self._camera.use(device)
        elif kind == "microphone" and self._microphone is not None:
            self._microphone.use(device)
        else:
            return False
        return True

    def _report(self, change: DeviceChange) -> None:
        self._inbox.put(Notice(change.time_s, f"{change.kind}_{change.change}", change.message))
