"""Works on many items in worker processes: each item once, results as they finish, and no loss when a worker dies.

An `Engine` says where the workers run. What they do is given by a function that makes it, called once in each worker,
so that a model is loaded once and not once per item. Each worker has one item at a time: when it dies, there is no
doubt which item it had, and no more results are in flight than there are workers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from mmim_live.errors import WorkerError

__all__ = ["MAX_DEATHS", "Died", "Engine", "Worker", "dispatch"]

Item = TypeVar("Item", bound=Hashable)
Result = TypeVar("Result")

MAX_DEATHS = 3  # of workers, until an item is given up
_MAX_FAILED_STARTS = 3  # per worker, without one that succeeds


@dataclass(frozen=True, slots=True)
class Died:
    """Takes the place of a result: every worker that had the item died of it (memory, or a fault in native code)."""


class Engine(Protocol):
    """Where work is done."""

    def run(
        self, items: Sequence[Item], make: Callable[[], Callable[[Item], Result]]
    ) -> Generator[tuple[Item, Result | Died]]:
        """Work on each item, in any order, beginning with the first; yields results as they finish.

        Args:
            items: each is pickled, and occurs once.
            make: called once in each worker; returns the work. Must be picklable.

        Raises:
            WorkerError: workers die before they get an item.
            Exception: what `make` or the work raised.
        """
        ...


class Worker(Protocol):
    """A process that works on one item at a time."""

    def start(self) -> Future[Any]:
        """Begin to load what the work needs; the result comes when it is ready."""
        ...

    def submit(self, item: Any) -> Future[Any]:
        """Begin to work on an item."""
        ...

    def close(self) -> None:
        """End the process, without waiting for what it does."""
        ...


def dispatch(
    items: Sequence[Item],
    start_worker: Callable[[], Worker],
    workers: int,
    failure: Callable[[BaseException], BaseException | None],
) -> Generator[tuple[Item, Any]]:
    """Give each worker that is free the next item, replace workers that die, and give their items to others.

    The item of a worker that died comes last in the line. After a second death it is tried once more while nothing else
    runs, in case that together the items needed too much memory.

    Args:
        items: what to work on.
        start_worker: starts one.
        workers: how many.
        failure: what to raise for an exception of a future; None if it says that the worker died.
    """
    waiting = deque(items)
    alone: list[Item] = []
    deaths: Counter[Item] = Counter()
    failed_starts = 0
    alive: set[Worker] = set()
    idle: list[Worker] = []
    working: dict[Worker, Item] = {}
    finished: SimpleQueue[tuple[Worker, Future[Any]]] = SimpleQueue()

    def follow(worker: Worker, future: Future[Any]) -> None:
        future.add_done_callback(lambda done: finished.put((worker, done)))

    def launch() -> None:
        worker = start_worker()
        alive.add(worker)
        follow(worker, worker.start())

    def assign(worker: Worker, item: Item) -> None:
        working[worker] = item
        follow(worker, worker.submit(item))

    try:
        for _ in range(min(workers, len(items))):
            launch()
        while waiting or alone or working:
            while idle and waiting:
                assign(idle.pop(), waiting.popleft())
            if idle and alone and not working:
                assign(idle.pop(), alone.pop())
            worker, future = finished.get()
            started = worker not in working
            error = future.exception()
            if error is None:
                idle.append(worker)
                if started:
                    failed_starts = 0
                else:
                    yield working.pop(worker), future.result()
                continue
            if (reason := failure(error)) is not None:
                raise reason
            worker.close()
            alive.remove(worker)
            if started:
                failed_starts += 1
            else:
                item = working.pop(worker)
                deaths[item] += 1
                if deaths[item] == MAX_DEATHS:
                    yield item, Died()
                elif deaths[item] == MAX_DEATHS - 1:
                    alone.append(item)
                else:
                    waiting.append(item)
            hopeless = failed_starts >= _MAX_FAILED_STARTS * workers
            if started and hopeless and not alive:
                raise WorkerError("worker processes die as they start (memory?); take fewer --workers") from error
            if len(alive) < min(workers, len(waiting) + len(alone) + len(working)) and not (hopeless and alive):
                launch()  # if hopeless, those that are left do the work
    finally:
        for worker in alive:
            worker.close()
