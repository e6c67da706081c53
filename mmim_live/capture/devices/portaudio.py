"""Sound cards through PortAudio: listing, opening, closing. The only module that imports sounddevice.

PortAudio may be missing, lists devices only when it starts, and may hang when a sound server does. It is therefore
imported inside functions, restarted for each look at the devices, and never called on a thread that must not hang.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DeviceError

# Of the card's buffer: long enough for a starved callback, which runs four times as often.
LATENCY_S = 0.1
ANSWER_S = 2.0  # how long another thread may be inside PortAudio before it counts as hung

_INSTALL = {
    "linux": "sudo apt-get install libportaudio2 (Fedora: portaudio, Arch: portaudio)",
    "darwin": "brew install portaudio",
}
_FIX = {
    "linux": "check the sound server (pactl list short sources) and close other programs that use it",
    "darwin": "allow the terminal in System Settings > Privacy & Security > Microphone",
}

# There is one PortAudio per process, and it must not be called from two threads at once.
Stream = Any  # sounddevice.InputStream, which is untyped
_lock = threading.Lock()
_open_streams: set[Stream] = set()


@dataclass(frozen=True, slots=True)
class MicrophoneInfo:
    """A device that records sound."""

    index: int
    name: str
    host: str  # the system's audio API: ALSA, Core Audio, ...
    channels: int
    rate_hz: int  # its native one
    default: bool

    @property
    def used_channels(self) -> int:
        """How many are recorded and mixed down to one: sound servers' devices claim to have dozens."""
        return min(self.channels, 2)


def load_sounddevice() -> ModuleType:
    """The sounddevice module. Raises DeviceError if PortAudio is missing."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        install = _INSTALL.get(sys.platform, "pip install --force-reinstall sounddevice")
        raise DeviceError(f"microphones need PortAudio, which is missing ({error}): {install}") from error
    module: ModuleType = sounddevice
    return module


def list_microphones() -> tuple[MicrophoneInfo, ...]:
    """All input devices, as of now, or, while one is open, as of its opening. Raises DeviceError."""
    with _ResponsiveLock():
        sd = load_sounddevice()
        try:
            _rescan(sd)
            return tuple(_info(sd, device) for device in sd.query_devices() if device["max_input_channels"] > 0)
        except sd.PortAudioError as error:
            raise DeviceError(f"the sound cards cannot be listed: {_reason(error)}") from error


def find_microphone(device: str | int | None) -> MicrophoneInfo:
    """The device with this index, name or part of a name; None: the default. Raises DeviceError if there is none."""
    with _ResponsiveLock():
        sd = load_sounddevice()
        try:
            _rescan(sd)
            return _info(sd, sd.query_devices(device, "input"))
        except (sd.PortAudioError, ValueError) as error:
            wanted = "no microphone found" if device is None else f"no microphone {device!r}"
            raise DeviceError(
                f"{wanted} ({_reason(error)}): connect one, or choose from `mmim-live devices`"
            ) from error


def open_microphone(
    info: MicrophoneInfo,
    rate_hz: int,
    receive: Callable[[NDArray[np.float32], bool], None],
    ended: Callable[[], None],
) -> Stream:
    """Open a microphone and start recording.

    `receive` is called on PortAudio's thread with frames [n, used channels], valid during the call, and whether audio
    was lost before them; `ended` is called when the device stopped on its own.

    Raises:
        DeviceError: it is gone, busy, forbidden or does not support the rate.
    """

    def callback(frames: NDArray[np.float32], _count: int, _time: object, flags: Any) -> None:
        receive(frames, flags.input_overflow)

    with _ResponsiveLock():
        sd = load_sounddevice()
        stream = None
        try:
            stream = sd.InputStream(
                device=info.index,
                samplerate=rate_hz,
                channels=info.used_channels,
                dtype="float32",
                latency=LATENCY_S,
                callback=callback,
                finished_callback=ended,
            )
            stream.start()
        except (sd.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close()
            fix = _FIX.get(sys.platform, "check the system's privacy settings")
            raise DeviceError(
                f"microphone {info.name!r} cannot be opened at {rate_hz} Hz ({_reason(error)}): {fix}, or choose "
                "another one from `mmim-live devices`"
            ) from error
        _open_streams.add(stream)
        return stream


def close_microphone(stream: Stream) -> None:
    """Release the device. Hangs as long as the sound server does."""
    sd = load_sounddevice()
    with _lock:
        _open_streams.discard(stream)
        # A device that is gone cannot be stopped but must still be closed.
        with contextlib.suppress(sd.PortAudioError):
            stream.abort()
        with contextlib.suppress(sd.PortAudioError):
            stream.close()


def abandon() -> None:
    """PortAudio hangs: keep it from blocking the end of the process too, when sounddevice would call it again."""
    atexit.unregister(load_sounddevice()._exit_handler)


class _ResponsiveLock:
    """The lock, or a DeviceError if another thread holds it for too long."""

    def __enter__(self) -> None:
        if not _lock.acquire(timeout=ANSWER_S):
            raise DeviceError("the sound server does not respond: restart it (systemctl --user restart pipewire)")

    def __exit__(self, *_: object) -> None:
        _lock.release()


def _rescan(sd: ModuleType) -> None:
    """Restart PortAudio so that it sees newly connected devices. Skipped while streams are open: it would end them."""
    if not _open_streams:
        while sd._initialized:
            sd._terminate()
        sd._initialize()


def _info(sd: ModuleType, device: Any) -> MicrophoneInfo:
    return MicrophoneInfo(
        index=device["index"],
        name=device["name"],
        host=sd.query_hostapis(device["hostapi"])["name"],
        channels=device["max_input_channels"],
        rate_hz=round(device["default_samplerate"]),
        default=device["index"] == sd.default.device[0],
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split()).rstrip(":")
