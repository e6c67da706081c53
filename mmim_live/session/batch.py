"""Analyzes many recordings in worker processes: a recording that fails, or kills its process, costs only itself."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from mmim_live.errors import MmimLiveError
from mmim_live.events import Summary
from mmim_live.session.runner import replay_runner
from mmim_live.settings import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """A recording, and the files to write its results to."""

    name: str  # of its results
    source: Path
    outputs: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its summary, or the reason why there is none."""

    job: Job
    summary: Summary | None
    problem: str = ""  # one line
    wall_s: float = 0.0


def analyze_all(jobs: Sequence[Job], settings: Settings, workers: int) -> Generator[Outcome]:
    """Analyze each recording at full speed, `workers` at a time; yields outcomes as they come.

    Closing the generator ends the processes; what they had not finished leaves no row, but may leave part of a file.
    """
    waiting = deque(jobs)
    idle: list[ProcessPoolExecutor] = []
    running: dict[Future[Outcome], tuple[Job, ProcessPoolExecutor]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                pool = idle.pop() if idle else _process()
                job = waiting.popleft()
                running[pool.submit(analyze, job, settings)] = (job, pool)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, pool = running.pop(future)
                try:
                    yield future.result()
                    idle.append(pool)
                except BrokenProcessPool:
                    pool.shutdown()
                    yield Outcome(job, None, "the process that analyzed it died (memory, or a fault in a decoder)")
    finally:
        for pool in (*idle, *(pool for _, pool in running.values())):
            _end(pool)


def analyze(job: Job, settings: Settings) -> Outcome:
    """Analyze one recording in this process. Never raises a MmimLiveError: it is the outcome."""
    began_s = time.monotonic()
    summary: Summary | None = None
    try:
        for event in replay_runner(job.source, settings, "max", outputs=job.outputs).events():
            if isinstance(event, Summary):
                summary = event
    except MmimLiveError as error:
        return Outcome(job, None, str(error), time.monotonic() - began_s)
    problem = "" if summary is not None else "it ended early"
    return Outcome(job, summary, problem, time.monotonic() - began_s)


def _process() -> ProcessPoolExecutor:
    """One process. Forked children of a process with threads can hang, so it is spawned."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """Only the parent handles Ctrl-C, and the process exits with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_leader, daemon=True).start()


def _end_with_the_leader() -> None:
    leader = multiprocessing.parent_process()
    if leader is not None:
        leader.join()
        signal.raise_signal(signal.SIGTERM)


def _end(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
