"""Measures a live session: a silent loudspeaker speaks, and a microphone hears it. Figures, never judgements.

The sound server is one of our own, and the session a process of its own, so that its CPU time and memory are its own.
Without the app, which draws on top of that.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mmim_live.errors import DeviceError
from mmim_live.text import fold_text
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, Event, Notice, Reading, WordHeard

PAUSE_S = 1.0  # between two recordings
START_S = 10.0  # that the sound server may take
WARM_S = 120.0  # memory is compared from here on
SAME_WORD_S = 0.5  # by how much two hypotheses may differ on where a word ends


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What a live session did. Latencies of words count from their end in the air, as the recogniser places it."""

    file: str  # the camera's
    media_s: float
    face_fps: float
    reading_interval_p50_s: float
    reading_interval_p95_s: float
    reading_latency_p50_ms: float  # from the capture of a window's end
    reading_latency_p95_ms: float
    words: int
    word_to_reading_p50_s: float  # to the first reading that holds it
    word_to_reading_p95_s: float
    word_to_commitment_p50_s: float
    word_to_commitment_p95_s: float
    cpu_percent: float  # of one core, after loading
    memory_mb: float  # at the end
    memory_growth_mb: float | None  # since minute 2
    audio_lost_s: float
    drops: str
    notices: str


class Room:
    """A sound server with a loudspeaker that nobody hears, and a microphone that hears nothing else."""

    def __init__(self) -> None:
        missing = [name for name in ("pulseaudio", "paplay") if shutil.which(name) is None]
        if missing:
            install = "sudo apt-get install pulseaudio pulseaudio-utils libasound2-plugins"
            raise DeviceError(
                f"a live session is measured with a sound server: {' and '.join(missing)} missing: {install}"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="mmim-"))  # short: a socket's path may have 107 characters
        socket = self._folder / "native"
        self.environment = {"PULSE_SERVER": f"unix:{socket}", "PULSE_RUNTIME_PATH": str(self._folder)}
        (self._folder / "room.pa").write_text(
            f"load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n"
            "load-module module-null-sink sink_name=room rate=48000 channels=2\n"
            "load-module module-remap-source source_name=mouth master=room.monitor\n"
            "set-default-source mouth\n"
        )
        options = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no"
        own = {"HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        self._server = subprocess.Popen(  # noqa: S603 (nothing of a stranger's is in it)
            ["pulseaudio", *options.split(), "--high-priority=no", "-F", str(self._folder / "room.pa")],  # noqa: S607
            env=os.environ | self.environment | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_S
        while not socket.exists():
            if time.monotonic() > deadline_s or self._server.poll() is not None:
                self.close()
                raise DeviceError("a live session is measured with a sound server, and pulseaudio does not start")
            time.sleep(0.05)

    def speak(self, sound: bytes, stop: threading.Event) -> None:
        """Play 16 kHz mono, float32, to its end or until `stop` is set."""
        command = f"paplay --device=room --raw --format=float32le --rate={SAMPLE_RATE_HZ} --channels=1"
        with subprocess.Popen(  # noqa: S603
            command.split(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | self.environment
        ) as player:
            writer = threading.Thread(target=_write, args=(player, sound), daemon=True)
            writer.start()
            while player.poll() is None and not stop.wait(0.05):
                pass
            player.kill()
            writer.join()

    def close(self) -> None:
        """Stop the server."""
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _write(player: subprocess.Popen[bytes], sound: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):  # it was killed
        player.communicate(sound)


def measure_live(minutes: float, camera: str, speech: Sequence[Path], settings: dict[str, Any]) -> LiveFigures:
    """Run a session in a new process for so long, while `speech` is spoken over and over.

    Raises:
        MmimLiveError: there is no sound server, or the session cannot run.
    """
    sounds = [_sound(path) for path in speech]
    room = Room()
    stop = threading.Event()
    speaker = threading.Thread(target=_speak, args=(room, sounds, stop), daemon=True)
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            run = pool.submit(_live_figures, 60 * minutes, camera, settings, room.environment)
            speaker.start()
            return run.result()
    finally:
        stop.set()
        if speaker.is_alive():
            speaker.join()
        room.close()


def _sound(path: Path) -> bytes:
    from mmim_live.capture.recording import Recording

    with Recording(path, video=False) as source:
        blocks = iter(source.read, None)
        return b"".join(block.samples.tobytes() for block in blocks if isinstance(block, AudioBlock))


def _speak(room: Room, sounds: Sequence[bytes], stop: threading.Event) -> None:
    while not stop.is_set():
        for sound in sounds:
            room.speak(sound, stop)
            stop.wait(PAUSE_S)


# ---- in the process of the session -------------------------------------------------------------------------------


@dataclass(slots=True)
class _Log:
    """Events with the media time at which they came."""

    events: list[tuple[float, Event]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # media time, MB

    def of(self, kind: type[Any]) -> list[tuple[float, Any]]:
        return [(now_s, event) for now_s, event in self.events if isinstance(event, kind)]


def _live_figures(seconds: float, camera: str, settings: dict[str, Any], environment: dict[str, str]) -> LiveFigures:
    os.environ.update(environment)
    from mmim_live.config import load_settings
    from mmim_live.pipeline.live import Devices, open_live
    from mmim_live.stderr import native_stderr_to_log

    process, log = psutil.Process(), _Log()
    with native_stderr_to_log():
        session = open_live(Devices(camera, "pulse"), load_settings(None, settings))
        cpu_before, began_s = time.process_time(), time.monotonic()
        timer = threading.Timer(seconds, session.finish)
        timer.start()
        lost_s = 0.0
        for event in session.events():
            log.events.append((session.intake.media_s, event))
            if not log.memory or session.intake.media_s - log.memory[-1][0] >= 1.0:
                log.memory.append((session.intake.media_s, process.memory_info().rss / 1e6))
                lost_s = max((device.lost_s or 0.0 for device in session.intake.devices()), default=0.0)
        cpu_percent = 100 * (time.process_time() - cpu_before) / (time.monotonic() - began_s)
    return _figures(log, Path(camera).name, session.reader.frames, cpu_percent, lost_s, session.drops())


def _figures(
    log: _Log, camera: str, frames: int, cpu_percent: float, lost_s: float, drops: dict[str, int]
) -> LiveFigures:
    first = [(now_s, reading) for now_s, reading in log.of(Reading) if reading.revision == 0]
    intervals = [later - now for (now, _), (later, _) in itertools.pairwise(first)]
    latencies = [reading.latency_ms for _, reading in first]
    heard, committed = word_delays(log.events)
    warm = [memory for now_s, memory in log.memory if now_s >= WARM_S]
    media_s = log.events[-1][0]
    return LiveFigures(
        file=camera,
        media_s=media_s,
        face_fps=frames / media_s,
        reading_interval_p50_s=_quantile(intervals, 0.5),
        reading_interval_p95_s=_quantile(intervals, 0.95),
        reading_latency_p50_ms=_quantile(latencies, 0.5),
        reading_latency_p95_ms=_quantile(latencies, 0.95),
        words=len(committed),
        word_to_reading_p50_s=_quantile(heard, 0.5),
        word_to_reading_p95_s=_quantile(heard, 0.95),
        word_to_commitment_p50_s=_quantile(committed, 0.5),
        word_to_commitment_p95_s=_quantile(committed, 0.95),
        cpu_percent=cpu_percent,
        memory_mb=log.memory[-1][1],
        memory_growth_mb=statistics.fmean(warm[-10:]) - statistics.fmean(warm[:10]) if len(warm) >= 20 else None,
        audio_lost_s=lost_s,
        drops=", ".join(f"{count} {kind}" for kind, count in drops.items() if count) or "none",
        notices=", ".join(sorted({notice.code for _, notice in log.of(Notice)})),
    )


def word_delays(events: Sequence[tuple[float, Event]]) -> tuple[list[float], list[float]]:
    """For each committed word the seconds from its end to the first reading that holds it, and to its commitment.

    `events` come with the media time at which they came. A reading holds the words that were told before it, if its
    window does: the session tells words first, and then gives the window anew.
    """
    to_reading: list[float] = []
    to_commitment: list[float] = []
    words = [(place, now_s, event) for place, (now_s, event) in enumerate(events) if isinstance(event, WordHeard)]
    readings = [(place, now_s, event) for place, (now_s, event) in enumerate(events) if isinstance(event, Reading)]
    for place, now_s, word in words:
        if word.status != "committed":
            continue
        to_commitment.append(now_s - word.end_s)
        told = [
            (there, said)
            for there, _, said in words
            if there <= place
            and fold_text(said.text) == fold_text(word.text)
            and abs(said.end_s - word.end_s) < SAME_WORD_S
        ]
        there, said = min(told, key=lambda each: each[0])
        middle_s = (said.start_s + said.end_s) / 2
        holds = (
            came_s for at, came_s, reading in readings if at > there and reading.start_s <= middle_s < reading.end_s
        )
        if (came_s := next(holds, None)) is not None:
            to_reading.append(came_s - word.end_s)
    return to_reading, to_commitment


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
