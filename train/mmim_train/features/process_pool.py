"""Processes clips in parallel. A process that dies costs its clip, not the run."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

import psutil

from mmim_live.errors import DataError
from mmim_train.features.clip_features import Task, extract_into, start_worker_process

Job = Callable[[Task], str | None]

_PROCESS_BYTES = 1.2e9  # torch, mediapipe and Whisper base, with room for a long clip; 0.95e9 was seen


def extract_all(
    tasks: Sequence[Task], workers: int | None, job: Job = extract_into
) -> Iterator[tuple[Task, str | None]]:
    """Run each task, in any order; yields its problem, or None.

    Args:
        tasks: the clips.
        workers: number of processes; None: as many as cores and memory allow; 0: only this process.
        job: what to do with a task; must be picklable.

    Raises:
        DataError: processes die although no clip is being processed.
    """
    if workers == 0 or not tasks:
        yield from ((task, job(task)) for task in tasks)
        return
    waiting = list(tasks)
    while waiting:
        done: set[Task] = set()
        try:
            for task, problem in _in_pool(waiting, workers or default_workers(), job):
                done.add(task)
                yield task, problem
            return
        except BrokenProcessPool as error:
            waiting = [task for task in waiting if task not in done]
            suspects = [task for task in waiting if task.begun.exists()]
            if not suspects:
                raise DataError("the measuring processes die (memory?); take fewer --workers") from error
        # One of these was the cause, or together they needed too much memory: run one by one, it shows.
        for task in suspects:
            yield task, _alone(task, job)
        waiting = [task for task in waiting if task not in suspects]


def default_workers() -> int:
    """One per core, but no more than fit into free memory."""
    return max(1, min(os.cpu_count() or 1, int(psutil.virtual_memory().available / _PROCESS_BYTES)))


def _alone(task: Task, job: Job) -> str | None:
    try:
        return next(_in_pool([task], 1, job))[1]
    except BrokenProcessPool:
        task.begun.unlink(missing_ok=True)
        return "the process that measured it died (memory, or a fault in a decoder)"


def _in_pool(tasks: Sequence[Task], workers: int, job: Job) -> Iterator[tuple[Task, str | None]]:
    # Forked children of a process with threads (torch, mediapipe) can hang, so spawn them.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), context, initializer=start_worker_process) as pool:
        futures: dict[Future[str | None], Task] = {pool.submit(job, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)
