"""Analyzes many recordings in worker processes: a recording that fails, or kills its process, costs only itself.

A process keeps its models from one recording to the next, and reports how far it is through a pipe of its own, which
dies with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from mmim_live.capture.files.excerpt import WHOLE, Excerpt
from mmim_live.errors import MmimLiveError
from mmim_live.events import Reading, SessionStarted, Summary
from mmim_live.parallel.processes import follow_leader
from mmim_live.session.loading import ModelStore
from mmim_live.session.runner import replay_runner
from mmim_live.settings import Settings

PROGRESS_S = 0.25  # between two reports, and between two looks for them


@dataclass(frozen=True, slots=True)
class Job:
    """A recording, and the files to write its results to."""

    name: str  # of its results
    source: str  # a path or an address
    outputs: tuple[Path, ...]
    settings: Settings = field(default_factory=Settings)
    excerpt: Excerpt = WHOLE
    scratch: Path | None = None  # where to put what comes from an address; None: where temporary files go
    is_temporary: bool = False  # the source is a copy, which results must not link


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: a share from 0 to 1, None if that is unknown."""

    activity: str
    share: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: its summary, or the reason why there is none."""

    job: Job
    summary: Summary | None
    problem: str = ""  # one line
    wall_s: float = 0.0


@dataclass(slots=True)
class _Process:
    """A worker process, and the end of its pipe that is read here."""

    pool: ProcessPoolExecutor
    reports: Connection


def analyze_all(
    jobs: Sequence[Job], workers: int, on_progress: Callable[[Job, Progress], None] = lambda _job, _progress: None
) -> Generator[Outcome]:
    """Analyze each recording at full speed, `workers` at a time; yields outcomes as they come.

    Closing the generator ends the processes; what they had not finished leaves no row, but may leave part of a file.
    """
    waiting = deque(jobs)
    idle: list[_Process] = []
    running: dict[Future[Outcome], tuple[Job, _Process]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                process = idle.pop() if idle else _start()
                job = waiting.popleft()
                running[process.pool.submit(analyze, job)] = (job, process)
            done = wait(running, timeout=PROGRESS_S, return_when=FIRST_COMPLETED).done
            for job, process in running.values():
                for progress in _reports(process.reports):
                    on_progress(job, progress)
            for future in done:
                job, process = running.pop(future)
                try:
                    yield future.result()
                    idle.append(process)
                except BrokenProcessPool:
                    process.pool.shutdown()
                    process.reports.close()
                    yield Outcome(job, None, "the process that analyzed it died (memory, or a fault in a decoder)")
    finally:
        for process in (*idle, *(process for _, process in running.values())):
            _end(process)


def analyze(job: Job) -> Outcome:
    """Analyze one recording in this process. Never raises a MmimLiveError: it is the outcome."""
    began_s = time.monotonic()
    summary: Summary | None = None
    try:
        with _local(job) as (path, is_temporary):
            runner = replay_runner(
                path,
                job.settings,
                "max",
                outputs=job.outputs,
                excerpt=job.excerpt,
                store=_models(),
                linked=not is_temporary,
            )
            runner.open(lambda activity: _report(activity, None))
            duration_s: float | None = None
            for event in runner.events():
                match event:
                    case SessionStarted():
                        duration_s = event.duration_s
                    case Reading():
                        done_s = event.end_s - job.excerpt.start_s
                        _report("analyzing", min(done_s / duration_s, 1.0) if duration_s else None)
                    case Summary():
                        summary = event
    except MmimLiveError as error:
        return Outcome(job, None, str(error), time.monotonic() - began_s)
    except OSError as error:  # no room for a copy, say
        reason = f"{error.strerror or type(error).__name__}: {error.filename}" if error.filename else str(error)
        return Outcome(job, None, reason, time.monotonic() - began_s)
    problem = "" if summary is not None else "it ended early"
    return Outcome(job, summary, problem, time.monotonic() - began_s)


@contextlib.contextmanager
def _local(job: Job) -> Iterator[tuple[Path, bool]]:
    """The recording as a file, and whether it is a copy that will go."""
    from mmim_live.capture.files.remote import fetch, is_address

    if not is_address(job.source):
        yield Path(job.source), job.is_temporary
        return
    with tempfile.TemporaryDirectory(prefix=".mmim-live-", dir=job.scratch) as folder:
        yield fetch(job.source, Path(folder), job.excerpt.end_s, lambda share: _report("downloading", share)), True


# ---- in a worker process ---------------------------------------------------------------------------------------------

_pipe: Connection | None = None
_reported_s = 0.0


@cache
def _models() -> ModelStore:
    """Those of this process."""
    return ModelStore()


def _report(activity: str, share: float | None) -> None:
    """Tell the leader, not too often. Nobody listens where there is no pipe, or the leader is gone."""
    global _reported_s
    if _pipe is not None and (share is None or time.monotonic() - _reported_s >= PROGRESS_S):
        _reported_s = time.monotonic()
        with contextlib.suppress(OSError):
            _pipe.send(Progress(activity, share))


def _begin(pipe: Connection) -> None:
    """Only the parent handles Ctrl-C, and the process exits with it. What native libraries print goes nowhere."""
    global _pipe
    _pipe = pipe
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    follow_leader()


# ---- in the leader ---------------------------------------------------------------------------------------------------


def _start() -> _Process:
    """One process. Forked children of a process with threads can hang, so it is spawned."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    return _Process(ProcessPoolExecutor(1, context, initializer=_begin, initargs=(sender,)), receiver)


def _reports(pipe: Connection) -> Iterator[Progress]:
    with contextlib.suppress(OSError, EOFError):
        while pipe.poll():
            yield pipe.recv()


def _end(process: _Process) -> None:
    children = list((process.pool._processes or {}).values())
    process.pool.shutdown(wait=False, cancel_futures=True)
    for child in children:
        child.terminate()
    process.reports.close()
