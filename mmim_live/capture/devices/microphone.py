"""A microphone as a source of sound that never ends: lost devices are filled with silence and opened again.

    PortAudio's thread --RingBuffer--> read(): StreamResampler --> blocks of 0.1 s
    own thread: opens, watches and closes the device, so that nothing else waits for a sound server that hangs

Knows nothing of what is done with the sound.
"""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
from numpy.typing import NDArray

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices import portaudio
from mmim_live.capture.devices.device_status import Backoff, DeviceStatus, Report
from mmim_live.capture.devices.level_meter import LevelMeter
from mmim_live.capture.devices.portaudio import MicrophoneInfo
from mmim_live.capture.devices.ring_buffer import RingBuffer
from mmim_live.capture.devices.stream_resampler import StreamResampler
from mmim_live.errors import DeviceError
from mmim_live.events import Notice
from mmim_live.session_types import DeviceHealth
from mmim_live.types import AudioBlock

BUFFER_S = 10.0  # what a starved reader may be behind before sound is lost
PIECE_S = 0.05  # resampled at once: half a block
POLL_S = 0.02
FIRST_S = 0.25  # of sound before its time is settled: the first callbacks after opening come late
STALE_S = 2.0  # without sound, and the device is lost
FIRST_SOUND_S = 4.0  # the same before the first sound: a headset switches its mode on
WATCH_S = 0.1
FILL_BEHIND_S = 0.5  # silence for a lost device ends so long ago: what a returning device gives is younger
JOIN_S = 1.5

Samples = NDArray[np.float32]


class _OpenStream:
    """What one opening of the device has given. Written by PortAudio's thread, and by the microphone's at its end."""

    def __init__(self, info: MicrophoneInfo, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.ring = RingBuffer(round(BUFFER_S * rate_hz), info.used_channels)
        self.heard_at: tuple[int, float] | None = None  # frames so far, and when (monotonic) they had come
        self.overflows = 0
        self.ended = threading.Event()  # the device stopped of its own
        self.over = False  # nothing will be written any more

    def heard(self, frames: Samples, overflow: bool) -> None:
        """PortAudio's callback: copy, and note when."""
        now_s, lost = time.monotonic(), self.ring.lost
        self.ring.write(frames)
        self.overflows += overflow or self.ring.lost > lost
        self.heard_at = (self.ring.written, now_s)


class Microphone:
    """A `Source` of sound only; see `mmim_live.capture.source`. `read` belongs to one thread, all else to any."""

    has_audio = True
    has_video = False
    duration_s = None

    def __init__(
        self,
        clock: SessionClock,
        device: str | int | None = None,
        *,
        rate_hz: int | None = None,
        report: Report = lambda _: None,
    ) -> None:
        """`device` is a name, part of one, or an index; None is the default. `report` must be quick.

        Raises DeviceError where PortAudio is missing. A device that is not there is reported as lost, and waited for.
        """
        portaudio.load_sounddevice()
        self.clock = clock
        self.name = "default" if device is None else str(device)
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._requested_rate_hz = rate_hz
        self._status = DeviceStatus("microphone", clock, report)
        self._closing = threading.Event()
        self._changed = threading.Event()  # another device is to be used
        self._openings: deque[_OpenStream] = deque()  # from the thread to `read`
        self._opening: _OpenStream | None = None  # that `read` accepts from
        self._line = StreamResampler()
        self._meter = LevelMeter()
        self._overflows = 0  # of openings that are over
        self.hung = False  # closed, but its thread did not come
        self._thread = threading.Thread(target=self._keep, name="mmim-microphone", daemon=True)

    def start(self) -> None:
        """Open the device, in the background."""
        self._thread.start()

    def read(self) -> AudioBlock | None:
        """The next block of 0.1 s, as soon as it is there; None once closed. Blocks follow one another from 0 on."""
        while not self._closing.is_set():
            block = self._line.take()
            if block is not None:
                self._meter.push(block)
                return block
            if not self._pump():
                self._closing.wait(POLL_S)
        return None

    def use(self, device: str | int | None) -> None:
        """Go on with another device, in the background; the line of sound goes on, with silence between the two."""
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self.name = "default" if device is None else str(device)
        self._changed.set()

    def notices(self) -> tuple[Notice, ...]:
        """None: what happens is reported to `report` when it happens."""
        return ()

    def close(self) -> None:
        """Give the device back; within 1.5 s. Where the sound server hangs, its thread is left behind; see `hung`."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._thread.is_alive():
            self.hung = True
            portaudio.abandon()
        self._status.state = "closed"

    def health(self) -> DeviceHealth:
        """How it fares."""
        opening = self._opening
        return DeviceHealth(
            kind="microphone",
            name=self.name,
            state=self._status.state,
            rate_hz=opening.rate_hz if opening else None,
            drops=self._overflows + (opening.overflows if opening else 0),
            lost_s=self._line.lost_s,
            drift_ppm=self._line.drift.ppm,
            level=self._meter.level if self._status.state == "open" else None,
        )

    # ---- the reader's thread -------------------------------------------------------------------------------------

    def _pump(self) -> bool:
        """Bring what is there onto the line; False where there is nothing yet."""
        if self._opening is None and self._openings:
            self._opening = self._openings.popleft()
            self._line.begin(self._opening.rate_hz)
        if self._opening is None or (self._opening.heard_at is None and not self._opening.over):
            before_s = self._line.end_s
            self._line.fill(self.clock.now_s() - FILL_BEHIND_S)
            return self._line.end_s > before_s
        opening = self._opening
        over = opening.over  # before the ring is emptied: what was written until then is in it
        self._observe(opening)
        settled = opening.ring.written >= FIRST_S * opening.rate_hz
        if over or (settled and len(opening.ring) >= PIECE_S * opening.rate_hz):
            self._line.push(opening.ring.take())
            if over:
                self._line.end()
                self._overflows += opening.overflows
                self._opening = None
            return True
        return False

    def _observe(self, opening: _OpenStream) -> None:
        if opening.heard_at is not None:
            frames, monotonic_s = opening.heard_at
            self._line.observe(frames, self.clock.media_s(monotonic_s))

    # ---- the device's thread -------------------------------------------------------------------------------------

    def _keep(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            if self._changed.is_set():
                self._changed.clear()
                self._status.state = "opening"
                backoff.reset()
            try:
                self._use(backoff)
            except DeviceError as error:
                self._status.lost(str(error))
            self._rest(backoff.next_s())

    def _rest(self, wait_s: float) -> None:
        """Wait for the next try; a device that somebody chose is tried at once."""
        deadline_s = time.monotonic() + wait_s
        while not self._changed.is_set() and (left_s := deadline_s - time.monotonic()) > 0:
            if self._closing.wait(min(WATCH_S, left_s)):
                return

    def _use(self, backoff: Backoff) -> None:
        """Open the device, and stay until it is lost or the microphone is closed. Raises DeviceError: not opened."""
        device = self._device
        info = portaudio.find_microphone(device)
        if isinstance(device, int) and self._device == device:
            self._device = info.name  # indices change with what is plugged in
        rate_hz = self._requested_rate_hz or info.rate_hz
        opening = _OpenStream(info, rate_hz)
        stream = portaudio.open_microphone(info, rate_hz, opening.heard, opening.ended.set)
        self._openings.append(opening)
        try:
            self._watch(opening, info, backoff)
        finally:
            opening.over = True
            portaudio.close_microphone(stream)

    def _watch(self, opening: _OpenStream, info: MicrophoneInfo, backoff: Backoff) -> None:
        """Stay until the device is lost, and say so before it is closed: a server that hangs hangs the closing."""
        heard_at, quiet_s = None, 0.0
        while not self._closing.is_set() and not self._changed.is_set():
            if opening.ended.wait(WATCH_S):
                self._status.lost(f"microphone {info.name!r} is gone: plug it in, or start the sound server again")
                return
            # Counted, not measured: a process that was stopped and goes on must not hold the device to be lost.
            quiet_s = quiet_s + WATCH_S if opening.heard_at == heard_at else 0.0
            heard_at = opening.heard_at
            if quiet_s > (STALE_S if heard_at else FIRST_SOUND_S):
                self._status.lost(
                    f"microphone {info.name!r} gives no sound: plug it in anew, or restart the sound server"
                )
                return
            if heard_at is not None and self._status.state != "open":
                self.name = info.name
                backoff.reset()
                self._status.open(f"microphone {info.name!r} is open: {opening.rate_hz} Hz ({info.host})")
