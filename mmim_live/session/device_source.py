"""A camera and a microphone, or one of them, as a session takes them in: what is late is dropped, and counted.

Devices that are lost are waited for; what happens to them becomes notices. Knows devices and channels, not what is
made of the media.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices.device_status import Report
from mmim_live.errors import DeviceError
from mmim_live.events import Notice
from mmim_live.session.channel import Channel
from mmim_live.session.media_source import Backpressure
from mmim_live.session.messages import Inbox, MediaEnded, NoFrame
from mmim_live.session.workers import Job
from mmim_live.session_types import DeviceChange, DeviceHealth, DeviceKind, SoundLevel
from mmim_live.types import AudioBlock, VideoFrame

FRAME_WAIT_S = 0.1  # without a picture for so long, the session goes on without
FRAME_AGE_S = 0.25  # the oldest that a picture can be when it comes: grabbed, decoded, turned to RGB
CLOSE_S = 1.9


class Device(Protocol):
    """What the two have in common."""

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


class DeviceSource:
    """An `MediaSource` of devices. Each is made by a function that takes where to report changes; None: do without.

    `hear` is given every block of sound, and must be quick.
    """

    backpressure: Backpressure = "drop"
    duration_s = None

    def __init__(
        self,
        clock: SessionClock,
        make_camera: Callable[[Report], VideoDevice] | None,
        make_microphone: Callable[[Report], AudioDevice] | None,
        notices: Sequence[Notice] = (),
        hear: Callable[[AudioBlock], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._notices = tuple(notices)
        self._hear = hear
        self._inbox: Inbox = Channel(0)
        self._camera = make_camera(self._report) if make_camera else None
        self._microphone = make_microphone(self._report) if make_microphone else None
        self._devices: list[Device] = [each for each in (self._camera, self._microphone) if each is not None]
        self._closing = threading.Event()
        self._closers: list[threading.Thread] = []
        self._closing_since_s = 0.0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return " and ".join(device.name for device in self._devices)

    @property
    def media_s(self) -> float:
        return self._clock.now_s()

    def captured_at(self, media_s: float) -> float:
        return time.perf_counter() - max(0.0, self._clock.now_s() - media_s)

    def notices(self) -> tuple[Notice, ...]:
        return self._notices

    def drops(self) -> dict[str, int]:
        kinds = {"camera": "frames", "microphone": "sound_losses"}
        return {kinds[health.kind]: health.drops for health in self.devices()}

    def devices(self) -> tuple[DeviceHealth, ...]:
        return tuple(device.health() for device in self._devices)

    def level(self) -> SoundLevel | None:
        return None if self._microphone is None else self._microphone.health().level

    def use(self, kind: DeviceKind, source: int | str | None) -> bool:
        if kind == "camera" and self._camera is not None and source is not None:
            self._camera.use(source)
        elif kind == "microphone" and self._microphone is not None:
            self._microphone.use(source)
        else:
            return False
        return True

    def start(self, inbox: Inbox) -> None:
        self._inbox = inbox
        for device in self._devices:
            device.start()

    def jobs(self, sounds: Sequence[Channel[AudioBlock]]) -> dict[str, Job]:
        microphone = self._microphone
        return {} if microphone is None else {"microphone": lambda: self._listen(microphone, sounds)}

    def frames(self) -> Iterator[VideoFrame | NoFrame]:
        camera = self._camera
        while camera is not None and not self._closing.is_set():
            try:
                frame = camera.take(FRAME_WAIT_S)
            except DeviceError:  # it is away, which the camera has reported
                frame = None
            yield frame if frame is not None else NoFrame(max(0.0, self.media_s - FRAME_AGE_S))

    def finish(self) -> None:
        """Give the devices back, each on a thread of its own: either may take its time."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            self._closing_since_s = time.monotonic()
            self._inbox.put(MediaEnded(self.media_s))
            for device in self._devices:
                self._closers.append(threading.Thread(target=device.close, name="mmim-closing", daemon=True))
                self._closers[-1].start()

    def stop(self) -> None:
        self.finish()

    def close(self) -> None:
        deadline_s = self._closing_since_s + CLOSE_S
        for closer in self._closers:
            closer.join(max(0.0, deadline_s - time.monotonic()))

    def _listen(self, microphone: AudioDevice, sounds: Sequence[Channel[AudioBlock]]) -> None:
        while (block := microphone.read()) is not None:
            self._hear(block)
            for sound in sounds:
                sound.put(block)
        for sound in sounds:
            sound.close()

    def _report(self, change: DeviceChange) -> None:
        self._inbox.put(Notice(change.time_s, f"{change.kind}_{change.change}", change.message))
