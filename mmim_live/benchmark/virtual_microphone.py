"""A virtual microphone that hears only the recordings played to it, using a private PulseAudio server."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmim_live.errors import DeviceError
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock

PAUSE_S = 1.0  # between two recordings
START_S = 10.0  # timeout for the start of the sound server


@dataclass(frozen=True, slots=True)
class Playback:
    """One recording, played to its end; times on `time.monotonic`."""

    number: int
    began_s: float
    ended_s: float


class VirtualMicrophone:
    """A PulseAudio server with a null sink, and a microphone that hears only that sink."""

    def __init__(self) -> None:
        missing = [name for name in ("pulseaudio", "paplay") if shutil.which(name) is None]
        if missing:
            install = "sudo apt-get install pulseaudio pulseaudio-utils libasound2-plugins"
            raise DeviceError(
                f"benchmarking a live session needs a sound server; missing {' and '.join(missing)}: {install}"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="mmim-"))  # short: a socket's path is limited to 107 characters
        socket = self._folder / "native"
        self.environment = {"PULSE_SERVER": f"unix:{socket}", "PULSE_RUNTIME_PATH": str(self._folder)}
        (self._folder / "room.pa").write_text(
            f"load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n"
            "load-module module-null-sink sink_name=room rate=48000 channels=2\n"
            "load-module module-remap-source source_name=mouth master=room.monitor\n"
            "set-default-source mouth\n"
        )
        self._socket = socket
        self._server: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server, always at the same address. Raises DeviceError if it does not start."""
        options = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no"
        own = {"HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        self._server = subprocess.Popen(  # noqa: S603 (no external input)
            ["pulseaudio", *options.split(), "--high-priority=no", "-F", str(self._folder / "room.pa")],  # noqa: S607
            env=os.environ | self.environment | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_S
        while not self._socket.exists():
            if time.monotonic() > deadline_s or self._server.poll() is not None:
                self.close()
                raise DeviceError("benchmarking a live session needs a sound server, but pulseaudio does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill the server, as a crash would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
        self._socket.unlink(missing_ok=True)  # or `start` would take it for the new server's

    def play(self, audio: bytes, stop: threading.Event) -> bool:
        """Play 16 kHz mono float32 audio until its end, or until `stop` is set; return whether it was all played."""
        command = f"paplay --device=room --raw --format=float32le --rate={SAMPLE_RATE_HZ} --channels=1"
        with subprocess.Popen(  # noqa: S603
            command.split(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | self.environment
        ) as player:
            writer = threading.Thread(target=_write, args=(player, audio), daemon=True)
            writer.start()
            while player.poll() is None and not stop.wait(0.05):
                pass
            player.kill()
            writer.join()
        return player.returncode == 0

    def close(self) -> None:
        """Stop the server and remove its files."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _write(player: subprocess.Popen[bytes], audio: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):  # the player was killed
        player.communicate(audio)


def read_audio(path: Path) -> bytes:
    """The whole audio of a recording: 16 kHz mono, float32. Raises MediaError."""
    from mmim_live.capture.files.media_file import MediaFile

    with MediaFile(path, video=False) as source:
        blocks = iter(source.read, None)
        return b"".join(block.samples.tobytes() for block in blocks if isinstance(block, AudioBlock))


def play_in_loop(
    microphone: VirtualMicrophone, recordings: Sequence[bytes], stop: threading.Event, plays: list[Playback]
) -> None:
    """Play one after the other, with pauses, until `stop` is set; `plays` receives those played to their end."""
    while not stop.is_set():
        for number, audio in enumerate(recordings):
            began_s = time.monotonic()
            played = microphone.play(audio, stop)
            stop.wait(PAUSE_S)
            if stop.is_set():
                return
            if played:
                plays.append(Playback(number, began_s, time.monotonic()))
