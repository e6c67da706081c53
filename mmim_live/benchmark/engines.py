"""What it costs to have work done in other processes: items per second, overhead per item, memory of the leader.

The work is to sleep, so that all that is measured is the engine's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import psutil

from mmim_live.errors import ConfigError, WorkerError
from mmim_live.parallel.engine import Died, Engine
from mmim_live.parallel.processes import Processes
from mmim_live.parallel.ray_actors import RayActors

ENGINES: dict[str, Callable[[int], Engine]] = {"processes": Processes, "ray": RayActors}


@dataclass(frozen=True, slots=True)
class EngineMetrics:
    """One engine with one number of workers."""

    file: str  # engine and workers; named as in the other benchmarks, whose columns are files
    items: int
    start_s: float  # until the first result, less its work
    per_second: float  # results, from the first to the last
    overhead_ms: float  # worker time per item beyond its work
    memory_first_mb: float  # of this process, after the first tenth of the items
    memory_last_mb: float  # after the last


def measure_engine(name: str, workers: int, items: int, work_s: float) -> EngineMetrics:
    """Run `items` items of `work_s` seconds each."""
    engine = ENGINES[name](workers)
    process = psutil.Process()
    memory: list[float] = []
    began_s = time.monotonic()
    ends_s = []
    for _, result in engine.run(range(items), partial(_make_sleep, work_s)):
        if isinstance(result, Died):
            raise WorkerError("a worker died of sleeping: something ends the processes of this benchmark")
        ends_s.append(time.monotonic())
        if len(ends_s) * 10 % items < 10:
            memory.append(process.memory_info().rss / 1e6)
    duration_s = ends_s[-1] - ends_s[0]
    per_second = (items - 1) / duration_s
    return EngineMetrics(
        file=f"{name}, {workers}",
        items=items,
        start_s=ends_s[0] - began_s - work_s,
        per_second=per_second,
        overhead_ms=1000 * (workers / per_second - work_s),
        memory_first_mb=memory[0],
        memory_last_mb=memory[-1],
    )


def measure_engines(names: list[str], workers: list[int], items: int, work_s: float) -> Iterator[EngineMetrics]:
    """Each engine with each number of workers. Raises ConfigError for an unknown engine."""
    if unknown := [name for name in names if name not in ENGINES]:
        raise ConfigError(f"unknown engine {unknown[0]!r}: choose from {', '.join(ENGINES)}")
    for name in names:
        for count in workers:
            yield measure_engine(name, count, items, work_s)


def _make_sleep(seconds: float) -> Callable[[int], None]:
    return partial(_sleep, seconds)


def _sleep(seconds: float, _item: int) -> None:
    time.sleep(seconds)
