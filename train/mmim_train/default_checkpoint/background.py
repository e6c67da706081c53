"""A function in a process beside this one, so that two slow things of different kinds use two cores."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

from mmim_live.errors import MmimLiveError

Log = Callable[[str], None]
_Told = str | MmimLiveError | None  # a line; why it failed; that it is done


@contextmanager
def background(job: Callable[..., None], *arguments: object, log: Log) -> Iterator[Log]:
    """Do `job(*arguments, log)` in a process of its own while the block runs; then wait for it.

    `job` and its arguments must be such as can be pickled. What it says, `say` says here. Whatever MmimLiveError it
    raises, or that it died, is raised here: at the end of the block, or when the block next calls what this gives,
    which is `say` but for that. When the block fails, by Ctrl-C for instance, the process is ended.
    """
    # A forked child of a process with threads (torch) can hang, so start afresh.
    context = multiprocessing.get_context("spawn")
    told: Queue[_Told] = context.Queue()
    failures: list[MmimLiveError] = []
    process = context.Process(target=_do, args=(told, job, *arguments), daemon=True)

    def listen() -> None:
        while (found := told.get()) is not None:
            if isinstance(found, str):
                log(found)
            else:
                failures.append(found)

    def check() -> None:
        if failures:
            raise failures[0]
        if process.exitcode:
            raise MmimLiveError("a process of this run died (out of memory?); the same command goes on where it was")

    def log_unless_failed(line: str) -> None:
        check()
        log(line)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    process.start()
    try:
        yield log_unless_failed
        process.join()
    finally:
        process.kill()
        process.join()
        # A process that was killed while it wrote leaves a queue of no use; then there is nothing to wait for.
        told.cancel_join_thread()
        told.put(None)
        listener.join(5.0)
    check()


def _do(told: Queue[_Told], job: Callable[..., None], *arguments: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that leads
    try:
        job(*arguments, told.put)
    except MmimLiveError as error:
        told.put(error)
    told.close()
    told.join_thread()  # all is told before the process ends
