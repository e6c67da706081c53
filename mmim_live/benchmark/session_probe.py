"""Logs the events and resource usage of a live session, from within its process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from mmim_live.events import Event

if TYPE_CHECKING:
    from mmim_live.session.session import Session

SAMPLE_INTERVAL_S = 1.0  # of memory and CPU


@dataclass(slots=True)
class SessionLog:
    """The events and resource usage of a session. Events are paired with the media time at which they arrived."""

    began_s: float = 0.0  # on `time.monotonic`
    loading_s: float = 0.0
    events: list[tuple[float, Event]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # media time, MB
    frames: list[tuple[float, int]] = field(default_factory=list)  # media time, frames processed so far
    cpu_s: float = 0.0  # of all threads, after loading
    wall_s: float = 0.0
    cpu_by_thread_s: dict[str, float] = field(default_factory=dict)
    lost_s: float = 0.0
    drops: dict[str, int] = field(default_factory=dict)
    effort: str = ""


class SessionProbe:
    """A sink that logs a session's events and the resource usage of the process."""

    def __init__(self, started_s: float) -> None:
        """`started_s`: when the process started, on `time.monotonic`."""
        self.log = SessionLog()
        self._started_s = started_s
        self._process = psutil.Process()
        self._session: Session | None = None
        self._cpu_before_s = 0.0
        self._threads_before_s: dict[int, float] = {}
        self._threads_s: dict[int, tuple[str, float]] = {}

    def attach(self, session: Session) -> None:
        """Call when the session is open and about to start."""
        self._session = session
        self.log.began_s = time.monotonic() - session.media_s
        self.log.loading_s = time.monotonic() - self._started_s
        self._cpu_before_s = time.process_time()
        self._threads_before_s = {tid: used_s for tid, _, used_s in self._threads()}

    def write(self, event: Event) -> None:
        """Log an event and, once per second, a sample of memory and CPU."""
        session, log = self._session, self.log
        assert session is not None
        now_s = session.media_s
        log.events.append((now_s, event))
        if log.memory and now_s - log.memory[-1][0] < SAMPLE_INTERVAL_S:
            return
        log.memory.append((now_s, self._process.memory_info().rss / 1e6))
        log.frames.append((now_s, session.inference.frames))
        log.lost_s = max((device.lost_s or 0.0 for device in session.devices()), default=0.0)
        log.effort = session.governor.effort if session.governor else ""
        for tid, name, used_s in self._threads():
            self._threads_s[tid] = (name, used_s - self._threads_before_s.get(tid, 0.0))

    def close(self) -> None:
        """The session has ended: record the totals."""
        assert self._session is not None
        self.log.cpu_s = time.process_time() - self._cpu_before_s
        self.log.wall_s = time.monotonic() - self.log.began_s
        self.log.drops = self._session.drops()
        for name, used_s in self._threads_s.values():
            self.log.cpu_by_thread_s[name] = self.log.cpu_by_thread_s.get(name, 0.0) + used_s

    def discard(self) -> None:
        """Does nothing: there is no file to remove."""

    def _threads(self) -> list[tuple[int, str, float]]:
        """Id, name and CPU seconds of each thread of the process, including those of native libraries."""
        names = {thread.native_id: thread.name.removeprefix("mmim-") for thread in threading.enumerate()}
        threads = []
        for thread in self._process.threads():
            name = names.get(thread.id) or _native_name(thread.id)
            threads.append((thread.id, name, thread.user_time + thread.system_time))
        return threads


def _native_name(tid: int) -> str:
    """The name that a library gave its thread, if the system provides it."""
    try:
        name = Path(f"/proc/self/task/{tid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "native"
    return "native" if name.startswith(("python", "mmim")) else f"native {name.partition('/')[0]}"
