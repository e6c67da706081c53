"""A function in a process beside this one, so that two slow things of different kinds use two cores."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.queues import Queue
from typing import Any

from mmim_train.measure import begin_process

_said: Queue[str | None]


@contextmanager
def beside(job: Callable[..., None], *arguments: object, say: Callable[[str], None]) -> Iterator[Future[None]]:
    """Do `job(*arguments, say)` in a process of its own, on one thread, while the block runs; then wait for it.

    `job` and its arguments must be such as can be pickled. What it says, `say` says here. Whatever it raises is raised
    at the end of the block, or where the block asks for its result.
    """
    # A forked child of a process with threads (torch) can hang, so start afresh.
    context = multiprocessing.get_context("spawn")
    said: Queue[str | None] = context.Queue()

    def tell() -> None:
        for line in iter(said.get, None):
            say(line)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        with ProcessPoolExecutor(1, context, initializer=_begin, initargs=(said,)) as pool:
            done = pool.submit(_do, job, *arguments)
            yield done
            done.result()
    finally:
        said.put(None)
        teller.join(5.0)


def _begin(said: Queue[str | None]) -> None:
    global _said
    _said = said
    begin_process()


def _do(job: Callable[..., None], *arguments: Any) -> None:
    job(*arguments, _said.put)
