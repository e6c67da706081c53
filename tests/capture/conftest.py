"""Devices without hardware: a sound server of our own with a room in which to speak, and a network camera."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live.capture.devices.portaudio import load_sounddevice
from mmim_live.errors import DeviceError
from tests.capture.mjpeg import MjpegCamera

RATE_HZ = 48_000  # of the room
START_S = 10.0


def wait_until(true: Callable[[], bool], timeout_s: float) -> bool:
    """Whether it came true in time."""
    deadline_s = time.monotonic() + timeout_s
    while not (reached := true()) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return reached


class SoundServer:
    """PulseAudio with a silent loudspeaker, and as its microphone what that loudspeaker plays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "PULSE_SERVER": f"unix:{folder}/native",
            "PULSE_RUNTIME_PATH": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
        }
        (folder / "room.pa").write_text(
            f"load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1\n"
            f"load-module module-null-sink sink_name=room rate={RATE_HZ} channels=2\n"
            "load-module module-remap-source source_name=mouth master=room.monitor\n"
            "set-default-source mouth\n"
        )

    def start(self) -> None:
        command = "pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command.split(), "--high-priority=no", "-F", str(self._folder / "room.pa")],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
            )
        started = wait_until(lambda: b"mouth" in self._ask("list", "short", "sources"), START_S)
        assert started, (self._folder / "log").read_text()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def speak(self, samples: NDArray[np.int16]) -> None:
        """Play 48 kHz mono to its end."""
        command = f"paplay --device=room --raw --format=s16le --rate={RATE_HZ} --channels=1 --latency-msec=500"
        subprocess.run(command.split(), input=samples.tobytes(), env=os.environ | self.environment, check=True)

    def _ask(self, *command: str) -> bytes:
        return subprocess.run(
            ["pactl", *command], env=os.environ | self.environment, capture_output=True, check=False
        ).stdout


def _need_portaudio() -> None:
    try:
        load_sounddevice()
    except DeviceError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def sound_server() -> Iterator[SoundServer]:
    """Not started. PortAudio finds no other server than this one while the tests that use it run."""
    missing = [name for name in ("pulseaudio", "pactl", "paplay") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("needs ALSA's way to PulseAudio: apt-get install libasound2-plugins")
    folder = Path(tempfile.mkdtemp(prefix="pulse-"))  # short: a socket's path may have 107 characters
    server = SoundServer(folder)
    with pytest.MonkeyPatch.context() as patch:
        for key in ("PULSE_SERVER", "PULSE_RUNTIME_PATH"):
            patch.setenv(key, server.environment[key])
        try:
            _need_portaudio()
            yield server
        finally:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def room(sound_server: SoundServer) -> Iterator[SoundServer]:
    """The sound server, started; it is killed afterwards."""
    sound_server.start()
    yield sound_server
    sound_server.kill()


@pytest.fixture(scope="session")
def speech() -> NDArray[np.int16]:
    """Three seconds at 48 kHz: a voice where the development data are here, else noise in syllables."""
    clip = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "clips" / "jfk.flac"
    if clip.exists():
        resampler = av.AudioResampler("s16", "mono", RATE_HZ)
        with av.open(str(clip)) as container:
            pieces = [
                piece.to_ndarray().reshape(-1)
                for frame in container.decode(audio=0)
                for piece in resampler.resample(frame)
            ]
        return np.concatenate(pieces)[: 3 * RATE_HZ].astype(np.int16)
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    smooth = np.convolve(np.random.default_rng(0).standard_normal(len(t)), np.ones(16) / 16, "same")
    return (8000 * smooth * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.int16)


@pytest.fixture
def network_camera() -> Iterator[MjpegCamera]:
    """Started."""
    camera = MjpegCamera()
    camera.start()
    yield camera
    camera.stop()
