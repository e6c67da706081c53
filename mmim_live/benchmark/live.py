"""Benchmarks a live session, with recordings played into a virtual microphone.

The session runs in its own process, so that CPU time and memory can be attributed to it; without the app, or with the
app running headless.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmim_live.benchmark.metrics import LiveMetrics, live_metrics
from mmim_live.benchmark.session_probe import SessionLog, SessionProbe
from mmim_live.benchmark.virtual_microphone import Playback, VirtualMicrophone, play_in_loop, read_audio
from mmim_live.errors import DeviceError

if TYPE_CHECKING:
    from mmim_live.session.session import Session

SIZE = (120, 40)  # of the simulated terminal, columns and rows


def measure_live(
    minutes: float,
    camera: str,
    speech: Sequence[Path],
    settings: dict[str, Any],
    *,
    app: bool = False,
    cpu_share: float = 1.0,
) -> LiveMetrics:
    """Run a session of `minutes` in a new process while `speech` is played in a loop.

    `app`: run the app as well. `cpu_share`: the share of all cores that the process may use, enforced by cpulimit.

    Raises:
        MmimLiveError: PulseAudio or cpulimit is missing, or the session cannot run.
    """
    if cpu_share < 1 and shutil.which("cpulimit") is None:
        raise DeviceError("limiting the CPU share needs cpulimit: sudo apt-get install cpulimit")
    recordings = [read_audio(path) for path in speech]
    microphone = VirtualMicrophone()
    stop = threading.Event()
    plays: list[Playback] = []
    player = threading.Thread(target=play_in_loop, args=(microphone, recordings, stop, plays), daemon=True)
    try:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            run = pool.submit(
                run_live, 60 * minutes, camera, settings, microphone.environment, app=app, cpu_share=cpu_share
            )
            player.start()
            log = run.result()
    finally:
        stop.set()
        if player.is_alive():
            player.join()
        microphone.close()
    return live_metrics(log, Path(camera).name, speech, plays)


# ---- in the process of the session -------------------------------------------------------------------------------


def run_live(
    seconds: float, camera: str, settings: dict[str, Any], environment: dict[str, str], *, app: bool, cpu_share: float
) -> SessionLog:
    """Run one session of the given length to its end."""
    os.environ.update(environment)
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.open_live import Devices, open_live
    from mmim_live.session.runner import SessionRunner
    from mmim_live.settings import load_settings
    from mmim_live.tui.app import MmimApp

    loaded = load_settings(None, settings)
    probe = SessionProbe(time.monotonic())

    def open_session(report: Callable[[str], None]) -> Session:
        session = open_live(Devices(camera, "pulse"), loaded, report)
        probe.attach(session)
        timer.start()
        return session

    runner = SessionRunner(open_session, live=True, sinks=[probe])
    with native_stderr_to_log(), _cpu_limit(cpu_share):
        if app:
            viewer = MmimApp(runner, title="live")
            timer = threading.Timer(seconds, lambda: viewer.call_from_thread(viewer.exit))
            viewer.run(headless=True, size=SIZE)
            if viewer.failure is not None:
                raise viewer.failure
        else:
            timer = threading.Timer(seconds, runner.finish)
            runner.run(lambda _: None)
        timer.cancel()
    return probe.log


@contextlib.contextmanager
def _cpu_limit(share: float) -> Iterator[None]:
    """While the block runs, cpulimit lets this process use `share` of all cores."""
    if share >= 1:
        yield
        return
    percent = round(100 * share * (os.cpu_count() or 1))
    limiter = subprocess.Popen(  # noqa: S603 (no external input)
        ["cpulimit", "-p", str(os.getpid()), "-l", str(percent), "-z"],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        limiter.terminate()
        limiter.wait()
