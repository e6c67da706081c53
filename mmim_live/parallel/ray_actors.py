"""Workers on Ray: actors on this machine, or on the nodes of a cluster.

Ray finds a place for each actor, watches over processes and nodes, and reports what died. An actor is never restarted
in place, since its node may be gone for good: a new one is asked for, and its item goes to whichever is free first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmim_live.errors import ConfigError
from mmim_live.parallel.engine import Died, Item, Result, dispatch
from mmim_live.parallel.processes import WORKER_BYTES, default_workers

__all__ = ["RayActors"]

_ANSWER_S = 10.0  # within which a cluster accepts a connection
_OBJECT_STORE_BYTES = 100_000_000  # only paths and short messages pass; Ray wants 75 MB at least


@dataclass(frozen=True, slots=True)
class RayActors:
    """An engine of Ray actors.

    Without an `address`, Ray runs on this machine and ends with the work. With one ("auto", or HOST:PORT), a running
    cluster is used; each of its nodes needs mmim-live, and sees files under the same paths.
    """

    workers: int | None = None  # None: as many as fit
    address: str | None = None

    def run(
        self, items: Sequence[Item], make: Callable[[], Callable[[Item], Result]]
    ) -> Generator[tuple[Item, Result | Died]]:
        """See `Engine`. Raises ConfigError too: Ray is not installed, or there is no cluster at the address."""
        if not items:
            return
        with _connected(self.address, self.workers or default_workers()) as ray:
            workers = self.workers or _room(ray)
            reserved = {"memory": int(WORKER_BYTES)} if self.address is not None else {}
            actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0, **reserved)(_Actor)
            yield from dispatch(items, partial(_RayWorker, ray, actor, make), workers, _failure)


@contextlib.contextmanager
def _connected(address: str | None, cpus: int) -> Iterator[Any]:
    # Ray reports usage to its makers unless this says otherwise; nothing leaves this machine unasked.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray reads the token once in a process; one that has used Ray before goes on with the token in its user's home.
    if address is None and "ray" not in sys.modules:
        _prepare_environment()
    try:
        import ray
    except ImportError as error:
        raise ConfigError("the engine ray is not installed: pip install 'mmim-live[cluster]'") from error
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": cpus, "object_store_memory": _OBJECT_STORE_BYTES, "include_dashboard": False}
    try:
        if address is not None:
            _check_answers(address)
        ray.init(address or "local", **options)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        where = "on this machine" if address is None else f"at {address}"
        raise ConfigError(
            f"no Ray cluster {where}: start one with `ray start --head`, or leave out --address ({error})"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _prepare_environment() -> None:
    """What a Ray that is started here reads, unless the user has set it."""
    # It listens on all interfaces and runs what it is told to: nobody else may have the token, which is new each time.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # Its workers would run at niceness 15: beside other programs, at half the speed of our own processes.
    os.environ.setdefault("RAY_worker_niceness", "0")


def _check_answers(address: str) -> None:
    """Raise OSError if nothing listens there: Ray itself would try for five minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()


def _room(ray: Any) -> int:
    """How many workers the cluster has room for now."""
    resources = ray.cluster_resources()
    return max(1, int(min(resources.get("CPU", 1), resources.get("memory", 0) / WORKER_BYTES)))


def _failure(error: BaseException) -> BaseException | None:
    from ray.exceptions import RayError, RayTaskError

    if isinstance(error, RayTaskError):  # raised by the work itself
        return error.cause or error
    return None if isinstance(error, RayError) else error


class _Actor:
    """Runs in a process of Ray's."""

    def prepare(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._work = make()

    def work_on(self, item: Any) -> Any:
        return self._work(item)


class _RayWorker:
    def __init__(self, ray: Any, actor: Any, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._ray, self._make = ray, make
        self._actor = actor.remote()

    def start(self) -> Future[Any]:
        future: Future[Any] = self._actor.prepare.remote(self._make).future()
        return future

    def submit(self, item: Any) -> Future[Any]:
        future: Future[Any] = self._actor.work_on.remote(item).future()
        return future

    def close(self) -> None:
        self._ray.kill(self._actor)
