"""A microphone as an endless source of audio: gaps are filled with silence, and a lost device is reopened.

PortAudio's thread --RingBuffer--> read(): StreamResampler --> blocks of 0.1 s
own thread: opens, monitors and closes the device, so that nothing else waits for a sound server that hangs
"""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np
from numpy.typing import NDArray

from mmim_live.capture.clock import SessionClock
from mmim_live.capture.devices import portaudio
from mmim_live.capture.devices.device_number import device_number
from mmim_live.capture.devices.device_status import Backoff, DeviceStatus, Report
from mmim_live.capture.devices.level_meter import LevelMeter
from mmim_live.capture.devices.portaudio import MicrophoneInfo
from mmim_live.capture.devices.ring_buffer import RingBuffer
from mmim_live.capture.devices.stream_resampler import StreamResampler
from mmim_live.errors import DeviceError
from mmim_live.events import Notice
from mmim_live.session_types import DeviceHealth
from mmim_live.types import AudioBlock

BUFFER_S = 10.0  # how far a starved reader may lag before audio is lost
PIECE_S = 0.05  # resampled at a time: half a block
POLL_S = 0.02
WARM_UP_S = 0.25  # of audio before its timing is reliable: the first callbacks of a stream come late
STALE_S = 2.0  # without audio before a device counts as lost
FIRST_AUDIO_S = 4.0  # the same, before the first audio: a headset has to switch modes
WATCH_S = 0.1
FILL_BEHIND_S = 0.5  # silence for a lost device stays this far behind the present: a returning device is not
JOIN_S = 1.5

Samples = NDArray[np.float32]


class _OpenStream:
    """What the device delivered since it was opened. Written by PortAudio's thread; its end, by the microphone's."""

    def __init__(self, info: MicrophoneInfo, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.ring = RingBuffer(round(BUFFER_S * rate_hz), info.used_channels)
        self.heard_at: tuple[int, float] | None = None  # frames so far, and when (monotonic) they had arrived
        self.overflows = 0
        self.ended = threading.Event()  # the device stopped on its own
        self.over = False  # nothing more will be written

    def receive(self, frames: Samples, overflow: bool) -> None:
        """PortAudio's callback: copy the frames and note the time."""
        now_s, lost = time.monotonic(), self.ring.lost
        self.ring.write(frames)
        self.overflows += overflow or self.ring.lost > lost
        self.heard_at = (self.ring.written, now_s)


class Microphone:
    """An audio-only `Source`; see `mmim_live.capture.source`. `read` belongs to one thread, the rest to any."""

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

        Raises DeviceError if PortAudio is missing. A missing device is reported as lost, then waited for.
        """
        portaudio.load_sounddevice()
        self.clock = clock
        self.name = "default" if device is None else str(device)
        self._device = device_number(device)
        self._requested_rate_hz = rate_hz
        self._status = DeviceStatus("microphone", clock, report)
        self._closing = threading.Event()
        self._changed = threading.Event()  # switch to another device
        self._streams: deque[_OpenStream] = deque()  # from the device's thread to `read`
        self._stream: _OpenStream | None = None  # that `read` is consuming
        self._resampler = StreamResampler()
        self._meter = LevelMeter()
        self._overflows = 0  # of streams that are over
        self.hung = False  # closed, but its thread did not end
        self._thread = threading.Thread(target=self._run, name="mmim-microphone", daemon=True)

    def start(self) -> None:
        """Open the device, in the background."""
        self._thread.start()

    def read(self) -> AudioBlock | None:
        """The next block of 0.1 s as soon as it is available; None once closed. Blocks are contiguous from 0 on."""
        while not self._closing.is_set():
            block = self._resampler.take()
            if block is not None:
                self._meter.push(block)
                return block
            if not self._pump():
                self._closing.wait(POLL_S)
        return None

    def use(self, device: str | int | None) -> None:
        """Switch to another device, in the background; audio continues, with silence between the two."""
        self._device = device_number(device)
        self.name = "default" if device is None else str(device)
        self._changed.set()

    def notices(self) -> tuple[Notice, ...]:
        """Always empty: changes go to `report` as they happen."""
        return ()

    def close(self) -> None:
        """Release the device within 1.5 s. If the sound server hangs, its thread is left behind; see `hung`."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._thread.is_alive():
            self.hung = True
            portaudio.abandon()
        self._status.state = "closed"

    def health(self) -> DeviceHealth:
        """The microphone's state."""
        stream = self._stream
        return DeviceHealth(
            kind="microphone",
            name=self.name,
            state=self._status.state,
            rate_hz=stream.rate_hz if stream else None,
            drops=self._overflows + (stream.overflows if stream else 0),
            lost_s=self._resampler.lost_s,
            drift_ppm=self._resampler.drift.ppm,
            level=self._meter.level if self._status.state == "open" else None,
        )

    # ---- the reader's thread -------------------------------------------------------------------------------------

    def _pump(self) -> bool:
        """Feed the available audio to the resampler; False if there is none yet."""
        if self._stream is None and self._streams:
            self._stream = self._streams.popleft()
            self._resampler.begin(self._stream.rate_hz)
        if self._stream is None or (self._stream.heard_at is None and not self._stream.over):
            before_s = self._resampler.end_s
            self._resampler.fill(self.clock.now_s() - FILL_BEHIND_S)
            return self._resampler.end_s > before_s
        stream = self._stream
        over = stream.over  # read before the ring is emptied: the ring holds everything written by then
        self._observe(stream)
        warmed_up = stream.ring.written >= WARM_UP_S * stream.rate_hz
        if over or (warmed_up and len(stream.ring) >= PIECE_S * stream.rate_hz):
            self._resampler.push(stream.ring.take())
            if over:
                self._resampler.end()
                self._overflows += stream.overflows
                self._stream = None
            return True
        return False

    def _observe(self, stream: _OpenStream) -> None:
        if stream.heard_at is not None:
            frames, monotonic_s = stream.heard_at
            self._resampler.observe(frames, self.clock.media_s(monotonic_s))

    # ---- the device's thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            if self._changed.is_set():
                self._changed.clear()
                self._status.state = "opening"
                backoff.reset()
            try:
                self._open_and_monitor(backoff)
            except DeviceError as error:
                self._status.lost(str(error))
            self._wait(backoff.next_s())

    def _wait(self, wait_s: float) -> None:
        """Wait before the next attempt; a newly chosen device is tried at once."""
        deadline_s = time.monotonic() + wait_s
        while not self._changed.is_set() and (left_s := deadline_s - time.monotonic()) > 0:
            if self._closing.wait(min(WATCH_S, left_s)):
                return

    def _open_and_monitor(self, backoff: Backoff) -> None:
        """Open the device and stay until it is lost or the microphone is closed. Raises DeviceError: cannot open."""
        device = self._device
        info = portaudio.find_microphone(device)
        if isinstance(device, int) and self._device == device:
            self._device = info.name  # indices change with what is connected
        rate_hz = self._requested_rate_hz or info.rate_hz
        stream = _OpenStream(info, rate_hz)
        handle = portaudio.open_microphone(info, rate_hz, stream.receive, stream.ended.set)
        self._streams.append(stream)
        try:
            self._monitor(stream, info, backoff)
        finally:
            stream.over = True
            portaudio.close_microphone(handle)

    def _monitor(self, stream: _OpenStream, info: MicrophoneInfo, backoff: Backoff) -> None:
        """Stay until the device is lost, and report it before closing: a server that hangs blocks the closing."""
        heard_at, quiet_s = None, 0.0
        while not self._closing.is_set() and not self._changed.is_set():
            if stream.ended.wait(WATCH_S):
                self._status.lost(f"microphone {info.name!r} is gone: reconnect it, or restart the sound server")
                return
            # Counted, not measured: a process that was suspended must not take the device for lost when it continues.
            quiet_s = quiet_s + WATCH_S if stream.heard_at == heard_at else 0.0
            heard_at = stream.heard_at
            if quiet_s > (STALE_S if heard_at else FIRST_AUDIO_S):
                self._status.lost(
                    f"microphone {info.name!r} delivers no audio: reconnect it, or restart the sound server"
                )
                return
            if heard_at is not None and self._status.state != "open":
                self.name = info.name
                backoff.reset()
                self._status.open(f"microphone {info.name!r} is open: {stream.rate_hz} Hz ({info.host})")
