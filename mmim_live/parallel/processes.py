"""Worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from mmim_live.parallel.engine import Died, Item, Result, dispatch

__all__ = ["WORKER_BYTES", "Processes", "default_workers", "follow_leader"]

WORKER_BYTES = 1.2e9  # torch, mediapipe and Whisper base, with room for a long clip; 0.95e9 was seen


@dataclass(frozen=True, slots=True)
class Processes:
    """An engine of processes; None: as many as cores and memory allow; 0: this process alone."""

    workers: int | None = None

    def run(
        self, items: Sequence[Item], make: Callable[[], Callable[[Item], Result]]
    ) -> Generator[tuple[Item, Result | Died]]:
        """See `Engine`."""
        if not items:
            return
        if self.workers == 0:
            work = make()
            yield from ((item, work(item)) for item in items)
            return
        yield from dispatch(items, partial(_Process, make), self.workers or default_workers(), _failure)


def default_workers() -> int:
    """One per core, but no more than fit into free memory."""
    return max(1, min(os.cpu_count() or 1, int(psutil.virtual_memory().available / WORKER_BYTES)))


def follow_leader() -> None:
    """In a worker: only the parent handles Ctrl-C, and this process ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_leader, daemon=True).start()


def _end_with_the_leader() -> None:
    leader = multiprocessing.parent_process()
    if leader is not None:
        leader.join()
        signal.raise_signal(signal.SIGTERM)


def _failure(error: BaseException) -> BaseException | None:
    return None if isinstance(error, BrokenProcessPool) else error


class _Process:
    """A pool of one: the standard library knows how to talk to a process, and when it has died."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        # Forked children of a process with threads (torch, mediapipe) can hang, so spawn it.
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=follow_leader)
        self._make = make

    def start(self) -> Future[Any]:
        return self._pool.submit(_prepare, self._make)

    def submit(self, item: Any) -> Future[Any]:
        try:
            return self._pool.submit(_work_on, item)
        except BrokenProcessPool as error:  # it died while it was idle
            broken: Future[Any] = Future()
            broken.set_exception(error)
            return broken

    def close(self) -> None:
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()


_work: Callable[[Any], Any] | None = None  # of this worker process


def _prepare(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    _work = make()


def _work_on(item: Any) -> Any:
    assert _work is not None
    return _work(item)
