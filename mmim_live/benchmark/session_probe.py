"""Reports the events and resource usage of a session to the measuring process, and carries out its requests."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import psutil

from mmim_live.benchmark.session_log import Message, Observed, Opened, Totals, Usage
from mmim_live.events import Event
from mmim_live.session_types import Health, ToggleRecording

if TYPE_CHECKING:
    from mmim_live.session.session import Session

WorkerName = Literal["face", "voice", "speech", "predictor"]


@dataclass(frozen=True, slots=True)
class RaiseOnce:
    """A request: the next call of this worker's stage fails."""

    worker: WorkerName


Request = RaiseOnce | ToggleRecording


class InjectedError(Exception):
    """Raised on request, to see that the session survives it."""


class SessionProbe:
    """A sink that sends what happens to the measuring process."""

    def __init__(self, connection: Connection, started_s: float) -> None:
        """`started_s`: when the process started, on `time.monotonic`."""
        self._connection = connection
        self._started_s = started_s
        self._sending = threading.Lock()  # events and health come from two threads
        self._process = psutil.Process()
        self._session: Session | None = None
        self._began_s = 0.0
        self._cpu_before_s = 0.0
        self._threads_before_s: dict[int, float] = {}
        self._threads_s: dict[int, tuple[str, float]] = {}

    def attach(self, session: Session) -> None:
        """Call when the session is open and about to start."""
        self._session = session
        now_s = time.monotonic()
        self._began_s = now_s - session.media_s
        self._cpu_before_s = time.process_time()
        self._threads_before_s = {tid: used_s for tid, _, used_s in self._threads()}
        self._send(Opened(self._began_s, now_s - self._started_s))

    def write(self, event: Event) -> None:
        """Report an event."""
        self._send(Observed(time.monotonic() - self._began_s, event))

    def write_health(self, health: Health) -> None:
        """Report the state of the session, and carry out what was requested."""
        session = self._session
        if session is None:
            return  # still loading
        for tid, name, used_s in self._threads():
            self._threads_s[tid] = (name, used_s - self._threads_before_s.get(tid, 0.0))
        self._send(
            Usage(
                time_s=time.monotonic() - self._began_s,
                clock_s=time.time(),
                frames=session.inference.frames,
                audio_lost_s=sum(device.lost_s or 0.0 for device in health.devices),
                drops=session.drops(),
                effort=health.asr_model,
            )
        )
        while self._connection.poll():
            self._carry_out(self._connection.recv(), session)

    def close(self) -> None:
        """The session has ended: report the totals."""
        assert self._session is not None
        by_thread_s: dict[str, float] = {}
        for name, used_s in self._threads_s.values():
            by_thread_s[name] = by_thread_s.get(name, 0.0) + used_s
        self._send(
            Totals(
                cpu_s=time.process_time() - self._cpu_before_s,
                wall_s=time.monotonic() - self._began_s,
                cpu_by_thread_s=by_thread_s,
                drops=self._session.drops(),
                peak_memory_mb=_peak_memory_mb(),
            )
        )

    def discard(self) -> None:
        """Does nothing: there is no file to remove."""

    def _send(self, message: Message) -> None:
        with self._sending:
            self._connection.send(message)

    def _carry_out(self, request: Request, session: Session) -> None:
        match request:
            case RaiseOnce(worker):
                models = session.models
                stages: dict[WorkerName, tuple[Any, str]] = {
                    "face": (models.face, "push"),
                    "voice": (models.voice, "push"),
                    "speech": (models.speech, "push"),
                    "predictor": (models.predictor, "predict"),
                }
                _fail_once(*stages[worker])
            case ToggleRecording():
                session.send(request)

    def _threads(self) -> list[tuple[int, str, float]]:
        """Id, name and CPU seconds of each thread of the process, including those of native libraries."""
        names = {thread.native_id: thread.name.removeprefix("mmim-") for thread in threading.enumerate()}
        threads = []
        for thread in self._process.threads():
            name = names.get(thread.id) or _native_name(thread.id)
            threads.append((thread.id, name, thread.user_time + thread.system_time))
        return threads


def _fail_once(stage: Any, method: str) -> None:
    """Make the next call of a method fail; the one after it finds everything as before."""

    def fail(*_: object, **__: object) -> None:
        delattr(stage, method)
        raise InjectedError(f"{method} failed on request")

    setattr(stage, method, fail)


def _peak_memory_mb() -> float:
    """The peak resident memory of this process."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _native_name(tid: int) -> str:
    """The name that a library gave its thread, if the system provides it."""
    try:
        name = Path(f"/proc/{os.getpid()}/task/{tid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "native"
    return "native" if name.startswith(("python", "mmim")) else f"native {name.partition('/')[0]}"
