"""Measures a live session: a silent loudspeaker speaks, and a microphone hears it. Figures, never judgements.

The session is a process of its own, so that its CPU time and memory are its own. It runs without the app, or with the
app drawing to nobody.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from mmim_live.benchmark.metrics import LiveMetrics, live_metrics
from mmim_live.benchmark.virtual_microphone import Playback, VirtualMicrophone, play_in_loop, read_audio
from mmim_live.errors import DeviceError, MmimLiveError
from mmim_live.events import Event
from mmim_live.session_types import Health, Preview, SoundLevel

if TYPE_CHECKING:
    from mmim_live.session.open_live import Devices
    from mmim_live.session.session import Session
    from mmim_live.settings import Settings

SAMPLE_INTERVAL_S = 1.0  # memory and CPU
SIZE = (120, 40)  # of the terminal that nobody sees


def measure_live(
    minutes: float,
    camera: str,
    speech: Sequence[Path],
    settings: dict[str, Any],
    *,
    app: bool = False,
    cpu_share: float = 1.0,
) -> LiveMetrics:
    """Run a session in a new process for so long, while `speech` is spoken over and over.

    `app`: with the app. `cpu_share`: of all cores, what the process may take, by cpulimit.

    Raises:
        MmimLiveError: there is no sound server or no cpulimit, or the session cannot run.
    """
    if cpu_share < 1 and shutil.which("cpulimit") is None:
        raise DeviceError("a share of the CPU is given by cpulimit, which is missing: sudo apt-get install cpulimit")
    sounds = [read_audio(path) for path in speech]
    room = VirtualMicrophone()
    stop = threading.Event()
    plays: list[Playback] = []
    speaker = threading.Thread(target=play_in_loop, args=(room, sounds, stop, plays), daemon=True)
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            run = pool.submit(run_live, 60 * minutes, camera, settings, room.environment, app=app, cpu_share=cpu_share)
            speaker.start()
            log = run.result()
    finally:
        stop.set()
        if speaker.is_alive():
            speaker.join()
        room.close()
    return live_metrics(log, Path(camera).name, speech, plays)


@dataclass(slots=True)
class SessionLog:
    """What a session did. Events come with the media time at which they came."""

    began_s: float = 0.0  # on `time.monotonic`
    loading_s: float = 0.0
    events: list[tuple[float, Event]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # media time, MB
    frames: list[tuple[float, int]] = field(default_factory=list)  # media time, pictures looked at so far
    cpu_s: float = 0.0  # of all threads, after loading
    wall_s: float = 0.0
    cpu_by_thread_s: dict[str, float] = field(default_factory=dict)
    lost_s: float = 0.0
    drops: dict[str, int] = field(default_factory=dict)
    effort: str = ""


# ---- in the process of the session -------------------------------------------------------------------------------


def run_live(
    seconds: float, camera: str, settings: dict[str, Any], environment: dict[str, str], *, app: bool, cpu_share: float
) -> SessionLog:
    """One session of so long, to its end."""
    os.environ.update(environment)
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.open_live import Devices
    from mmim_live.settings import load_settings

    recorder = SessionProbe(time.monotonic())
    with native_stderr_to_log(), _cpu_limit(cpu_share):
        devices, loaded = Devices(camera, "pulse"), load_settings(None, settings)
        (_run_app if app else _run_alone)(seconds, devices, loaded, recorder)
    return recorder.log


def _run_alone(seconds: float, devices: Devices, settings: Settings, recorder: SessionProbe) -> None:
    from mmim_live.session.open_live import open_live

    session = recorder.begin(open_live(devices, settings))
    timer = threading.Timer(seconds, session.finish)
    timer.start()
    for event in session.events():
        recorder.take(event)
    recorder.end()


def _run_app(seconds: float, devices: Devices, settings: Settings, recorder: SessionProbe) -> None:
    from mmim_live.session.open_live import open_live
    from mmim_live.session.runner import Feed, Post
    from mmim_live.tui.app import MmimApp

    class TappedRunner(Feed):
        def start(self, post: Post) -> None:
            def both(what: Event | Health | SoundLevel | Preview | MmimLiveError) -> None:
                if not isinstance(what, Health | SoundLevel | Preview | MmimLiveError):
                    recorder.take(what)
                post(what)

            super().start(both)

    def opened(report: Any) -> Session:
        session = recorder.begin(open_live(devices, settings, report))
        timer.start()
        return session

    viewer = MmimApp(TappedRunner(opened, settings, (), live=True), title="live")
    timer = threading.Timer(seconds, lambda: viewer.call_from_thread(viewer.exit))
    viewer.run(headless=True, size=SIZE)
    timer.cancel()
    if viewer.failure is not None:
        raise viewer.failure
    recorder.end()


class SessionProbe:
    """Takes the events of a session down, with what the process used."""

    def __init__(self, started_s: float) -> None:
        self.log = SessionLog()
        self._started_s = started_s
        self._process = psutil.Process()
        self._session: Session | None = None
        self._cpu_before_s = 0.0
        self._threads_before_s: dict[int, float] = {}
        self._threads_s: dict[int, tuple[str, float]] = {}

    def begin(self, session: Session) -> Session:
        self._session = session
        self.log.began_s = time.monotonic() - session.source.media_s
        self.log.loading_s = time.monotonic() - self._started_s
        self._cpu_before_s = time.process_time()
        self._threads_before_s = {tid: used_s for tid, _, used_s in self._threads()}
        return session

    def take(self, event: Event) -> None:
        session, log = self._session, self.log
        assert session is not None
        now_s = session.source.media_s
        log.events.append((now_s, event))
        if log.memory and now_s - log.memory[-1][0] < SAMPLE_INTERVAL_S:
            return
        log.memory.append((now_s, self._process.memory_info().rss / 1e6))
        log.frames.append((now_s, session.inference.frames))
        log.lost_s = max((device.lost_s or 0.0 for device in session.source.devices()), default=0.0)
        log.effort = session.governor.effort if session.governor else ""
        for tid, name, used_s in self._threads():
            self._threads_s[tid] = (name, used_s - self._threads_before_s.get(tid, 0.0))

    def end(self) -> None:
        assert self._session is not None
        self.log.cpu_s = time.process_time() - self._cpu_before_s
        self.log.wall_s = time.monotonic() - self.log.began_s
        self.log.drops = self._session.drops()
        for name, used_s in self._threads_s.values():
            self.log.cpu_by_thread_s[name] = self.log.cpu_by_thread_s.get(name, 0.0) + used_s

    def _threads(self) -> list[tuple[int, str, float]]:
        """Id, name and CPU seconds of each thread of the process, those of native libraries included."""
        names = {thread.native_id: thread.name.removeprefix("mmim-") for thread in threading.enumerate()}
        threads = []
        for thread in self._process.threads():
            name = names.get(thread.id) or _native_name(thread.id)
            threads.append((thread.id, name, thread.user_time + thread.system_time))
        return threads


def _native_name(tid: int) -> str:
    """What the library called its thread, where the system tells."""
    try:
        name = Path(f"/proc/self/task/{tid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "native"
    return "native" if name.startswith(("python", "mmim")) else f"native {name.partition('/')[0]}"


class _cpu_limit:  # noqa: N801 (reads as a word in a with statement)
    """While the block runs, cpulimit lets this process have `share` of all cores."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._limiter: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> None:
        if self._share < 1:
            percent = round(100 * self._share * (os.cpu_count() or 1))
            self._limiter = subprocess.Popen(  # noqa: S603 (nothing of a stranger's is in it)
                ["cpulimit", "-p", str(os.getpid()), "-l", str(percent), "-z"],  # noqa: S607
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def __exit__(self, *_: object) -> None:
        if self._limiter is not None:
            self._limiter.terminate()
            self._limiter.wait()
