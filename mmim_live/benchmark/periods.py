"""The log of a session -> a row for every five minutes, and how fast its memory grows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog
from mmim_live.events import Reading

PERIOD_S = 300.0
SETTLED_S = 300.0  # memory growth is measured from here on
MIN_GROWTH_S = 300.0  # and over at least this long


@dataclass(frozen=True, slots=True)
class Period:
    """Five minutes of a session, or what there is of them."""

    from_s: float  # since the session began
    to_s: float
    memory_mb: float  # mean resident memory over the last half minute, 10^6 bytes
    descriptors: int  # the most at any time
    threads: int  # the same
    cpu_percent: float  # of one core
    readings: int
    lag_p50_ms: float  # from the capture of a window's end to its first reading
    lag_p95_ms: float
    lag_max_ms: float
    frames: int
    drops: int
    audio_lost_s: float


HEADER = "minutes     memory  files  threads    CPU  readings   lag p50     p95      max  frames/s   drops  audio lost"


def period(log: SessionLog, from_s: float, to_s: float) -> Period | None:
    """The row from `from_s` to `to_s`; None if nothing was sampled."""
    samples = [sample for sample in log.samples if from_s <= sample.time_s < to_s]
    if not samples:
        return None
    first = [
        event.latency_ms
        for time_s, event in log.events
        if from_s <= time_s < to_s and isinstance(event, Reading) and event.revision == 0
    ]
    before = [usage for usage in log.usage if usage.time_s < from_s]
    until = [usage for usage in log.usage if usage.time_s < to_s]
    lost = until[-1].audio_lost_s if until else 0.0
    drops = sum(until[-1].drops.values()) if until else 0
    frames = until[-1].frames if until else 0
    if before:
        lost -= before[-1].audio_lost_s
        drops -= sum(before[-1].drops.values())
        frames -= before[-1].frames
    elapsed_s = samples[-1].time_s - samples[0].time_s
    used_s = samples[-1].cpu_s - samples[0].cpu_s
    return Period(
        from_s=from_s,
        to_s=samples[-1].time_s,
        memory_mb=statistics.fmean(sample.memory_mb for sample in samples[-30:]),
        descriptors=max(sample.descriptors for sample in samples),
        threads=max(sample.threads for sample in samples),
        cpu_percent=100 * used_s / elapsed_s if elapsed_s else 0.0,
        readings=len(first),
        lag_p50_ms=quantile(first, 0.5),
        lag_p95_ms=quantile(first, 0.95),
        lag_max_ms=max(first, default=float("nan")),
        frames=frames,
        drops=drops,
        audio_lost_s=lost,
    )


def row(period: Period) -> str:
    """The period as a line under `HEADER`."""
    return (
        f"{period.from_s / 60:3.0f}-{period.to_s / 60:3.0f} {period.memory_mb:7.0f} MB {period.descriptors:6d} "
        f"{period.threads:8d} {period.cpu_percent:4.0f} % {period.readings:9d} {period.lag_p50_ms:6.0f} ms "
        f"{period.lag_p95_ms:4.0f} ms {period.lag_max_ms:5.0f} ms "
        f"{period.frames / (period.to_s - period.from_s):9.1f} {period.drops:7d} {period.audio_lost_s:9.1f} s"
    )


def growth_mb_per_hour(log: SessionLog) -> float | None:
    """The slope of the memory after minute 5, by least squares; None if there is too little of it."""
    settled = [sample for sample in log.samples if sample.time_s >= SETTLED_S]
    if not settled or settled[-1].time_s - settled[0].time_s < MIN_GROWTH_S:
        return None
    slope = statistics.linear_regression(
        [sample.time_s for sample in settled], [sample.memory_mb for sample in settled]
    ).slope
    return 3600 * slope


class PeriodReporter:
    """Computes the row of each period as soon as it is over."""

    def __init__(self, log: SessionLog, on_period: Callable[[Period], None]) -> None:
        self.periods: list[Period] = []
        self._log = log
        self._on_period = on_period

    def tick(self) -> None:
        """Call at least once per second."""
        until_s = PERIOD_S * (len(self.periods) + 1)
        if self._log.samples and self._log.samples[-1].time_s >= until_s:
            self._add(until_s)

    def end(self) -> None:
        """The session is over: the rest is a period too."""
        self._add(math.inf)

    def _add(self, until_s: float) -> None:
        found = period(self._log, PERIOD_S * len(self.periods), until_s)
        if found is not None:
            self.periods.append(found)
            self._on_period(found)
