"""Benchmarks a live session, with recordings played into a virtual microphone.

The session runs in its own process, so that CPU time and memory can be attributed to it; without the app, or with the
app running headless. Faults can be injected while it runs.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmim_live.benchmark.cpu_limit import MISSING, cpu_limit, has_cpulimit
from mmim_live.benchmark.fault_injection import FaultInjector, FaultOutcome
from mmim_live.benchmark.faults import Stage, clock_environment, every_fault
from mmim_live.benchmark.measured_process import measured_process
from mmim_live.benchmark.metrics import LiveMetrics, live_metrics
from mmim_live.benchmark.network_camera import NetworkCamera, video_camera
from mmim_live.benchmark.periods import Period, PeriodReporter
from mmim_live.benchmark.session_probe import SessionProbe
from mmim_live.benchmark.virtual_microphone import Playback, VirtualMicrophone, play_in_loop, read_audio
from mmim_live.errors import DeviceError

if TYPE_CHECKING:
    from mmim_live.session.session import Session

SIZE = (120, 40)  # of the simulated terminal, columns and rows


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What a benchmark of a live session found."""

    metrics: LiveMetrics
    periods: tuple[Period, ...]
    faults: tuple[FaultOutcome, ...]


def measure_live(
    minutes: float,
    camera: str,
    speech: Sequence[Path],
    settings: dict[str, Any],
    *,
    app: bool = False,
    cpu_share: float = 1.0,
    faults: bool = False,
    on_period: Callable[[Period], None] = lambda _: None,
    on_fault: Callable[[FaultOutcome], None] = lambda _: None,
) -> LiveReport:
    """Run a session of `minutes` in a new process while `speech` is played in a loop.

    `app`: run the app as well. `cpu_share`: the share of all cores that the process may use, enforced by cpulimit.
    `faults`: inject faults, evenly over the session; a camera that is a video is then served over HTTP. `on_period`
    receives a row every five minutes, `on_fault` what came of each fault.

    Raises:
        MmimLiveError: PulseAudio or cpulimit is missing, or the session cannot run or did not survive.
    """
    if cpu_share < 1 and not has_cpulimit():
        raise DeviceError(f"limiting the CPU share: {MISSING}")
    recordings = [read_audio(path) for path in speech]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmim-")))
        network_camera = stack.enter_context(_served(camera)) if faults and Path(camera).is_file() else None
        microphone = VirtualMicrophone()
        stack.callback(microphone.close)
        plays = stack.enter_context(_playing(microphone, recordings))
        source = camera if network_camera is None else network_camera.url
        environment = microphone.environment | (clock_environment(folder) if faults else {})
        with _environment(environment):  # what preloads a library must be there when the process starts
            process = stack.enter_context(measured_process(run_live, 60 * minutes, source, settings, app=app))
        if cpu_share < 1:
            stack.enter_context(cpu_limit(process.pid, cpu_share))
        stage = Stage(process, folder, microphone, network_camera)
        injector = FaultInjector(every_fault(stage) if faults else (), process.log, 60 * minutes, on_fault)
        stack.callback(injector.close)
        reporter = PeriodReporter(process.log, on_period)
        for _ in process.watch():
            reporter.tick()
            injector.tick(process.log.now_s())
        reporter.end()
    name = Path(camera).name
    return LiveReport(
        metrics=live_metrics(process.log, name, speech, plays),
        periods=tuple(reporter.periods),
        faults=tuple(injector.outcomes),
    )


@contextlib.contextmanager
def _served(video: str) -> Iterator[NetworkCamera]:
    camera = video_camera(Path(video))
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()


@contextlib.contextmanager
def _playing(microphone: VirtualMicrophone, recordings: Sequence[bytes]) -> Iterator[list[Playback]]:
    """While the block runs, the recordings are played in a loop; yields the list of those played to their end."""
    stop = threading.Event()
    plays: list[Playback] = []
    player = threading.Thread(target=play_in_loop, args=(microphone, recordings, stop, plays), daemon=True)
    player.start()
    try:
        yield plays
    finally:
        stop.set()
        player.join()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """While the block runs, new processes get these environment variables too."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---- in the process of the session -------------------------------------------------------------------------------


def run_live(probe: SessionProbe, seconds: float, camera: str, settings: dict[str, Any], *, app: bool) -> None:
    """Run one session of the given length to its end."""
    from mmim_live.session.open_live import Devices, open_live
    from mmim_live.session.runner import SessionRunner
    from mmim_live.settings import load_settings
    from mmim_live.tui.app import MmimApp

    loaded = load_settings(None, settings)

    def open_session(report: Callable[[str], None]) -> Session:
        session = open_live(Devices(camera, "pulse"), loaded, report)
        probe.attach(session)
        timer.start()
        return session

    runner = SessionRunner(open_session, live=True, sinks=[probe])
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
