"""Benchmarks a replay on this machine.

Each replay runs in its own process, so that startup, memory and CPU time can be attributed to it.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmim_live.benchmark.long_media import repeated
from mmim_live.benchmark.measured_process import measured_process
from mmim_live.benchmark.periods import Period, PeriodReporter, growth_mb_per_hour
from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog
from mmim_live.benchmark.session_probe import SessionProbe
from mmim_live.events import Reading, Summary
from mmim_live.session.open_replay import media_path

if TYPE_CHECKING:
    from mmim_live.session.session import Session


@dataclass(frozen=True, slots=True)
class ReplayMetrics:
    """The cost of one replay at full speed."""

    file: str
    media_s: float
    start_to_reading_s: float  # from the start of the process to its first reading
    loading_s: float  # of that, until the threads started
    real_time_factor: float  # wall seconds per media second, after loading
    cpu_factor: float  # CPU seconds per media second, after loading; 2.0 is two busy cores
    peak_memory_mb: float
    memory_growth_mb_per_hour: float | None  # of wall time, since minute 5
    latency_p50_ms: float
    latency_p95_ms: float


def measure_replay(
    file: Path,
    settings: dict[str, Any],
    *,
    minutes: float | None = None,
    on_period: Callable[[Period], None] = lambda _: None,
) -> ReplayMetrics:
    """Replay `file` at full speed in a new process.

    `minutes`: its media are repeated to this length, as one file. `on_period` receives a row every five minutes.

    Raises:
        MmimLiveError: as a replay does.
    """
    with contextlib.ExitStack() as stack:
        media = file
        if minutes is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmim-")))
            media = repeated(media_path(file), 60 * minutes, folder)
        process = stack.enter_context(measured_process(run_replay, media, settings))
        reporter = PeriodReporter(process.log, on_period)
        for _ in process.watch():
            reporter.tick()
        reporter.end()
    return _replay_metrics(file.name, process.log)


def run_replay(probe: SessionProbe, file: Path, settings: dict[str, Any]) -> None:
    """Replay to the end; called in the measured process."""
    from mmim_live.session.open_replay import open_replay
    from mmim_live.session.runner import SessionRunner
    from mmim_live.settings import load_settings

    loaded = load_settings(None, settings)

    def open_session(report: Callable[[str], None]) -> Session:
        session = open_replay(file, loaded, "max", report)
        probe.attach(session)
        return session

    SessionRunner(open_session, live=False, sinks=[probe]).run(lambda _: None)


def _replay_metrics(name: str, log: SessionLog) -> ReplayMetrics:
    opened, totals = log.opened, log.totals
    assert opened is not None
    assert totals is not None
    readings = [(time_s, event) for time_s, event in log.events if isinstance(event, Reading)]
    latencies_ms = [event.latency_ms for _, event in readings]
    summary = log.events[-1][1]
    assert isinstance(summary, Summary)
    first_s = readings[0][0] if readings else totals.wall_s
    return ReplayMetrics(
        file=name,
        media_s=summary.duration_s,
        start_to_reading_s=opened.loading_s + first_s,
        loading_s=opened.loading_s,
        real_time_factor=summary.real_time_factor,
        cpu_factor=totals.cpu_s / summary.duration_s,
        peak_memory_mb=totals.peak_memory_mb,
        memory_growth_mb_per_hour=growth_mb_per_hour(log),
        latency_p50_ms=quantile(latencies_ms, 0.5),
        latency_p95_ms=quantile(latencies_ms, 0.95),
    )
