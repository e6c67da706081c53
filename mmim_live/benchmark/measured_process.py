"""Runs a session in a process of its own, and samples that process from outside."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Concatenate, ParamSpec

import psutil

from mmim_live.benchmark.session_log import Sample, SessionLog
from mmim_live.benchmark.session_probe import Request, SessionProbe
from mmim_live.errors import MmimLiveError, WorkerError

SAMPLE_INTERVAL_S = 1.0
WAIT_S = 0.25  # for a report, before the next look at the clock
END_S = 5.0  # for a process that was asked to end

Arguments = ParamSpec("Arguments")
Run = Callable[Concatenate[SessionProbe, Arguments], None]


@dataclass(frozen=True, slots=True)
class MeasuredProcess:
    """A running session, seen from the measuring process."""

    pid: int
    log: SessionLog
    _process: BaseProcess
    _connection: Connection

    def request(self, request: Request) -> None:
        """Send a request, which the session carries out within a second."""
        with contextlib.suppress(BrokenPipeError):  # it has ended, which `watch` reports
            self._connection.send(request)

    def watch(self) -> Iterator[None]:
        """Keep the log until the session ends; yields about four times per second, for whatever else is to be done.

        Raises:
            MmimLiveError: the session cannot be opened, or failed.
        """
        system = psutil.Process(self.pid)
        next_sample_s = 0.0
        while True:
            try:
                if self._connection.poll(WAIT_S):
                    message = self._connection.recv()
                    if isinstance(message, BaseException):
                        raise message
                    self.log.take(message)
            except (EOFError, ConnectionResetError):
                break
            if self.log.opened is not None and self.log.totals is None and time.monotonic() >= next_sample_s:
                next_sample_s = time.monotonic() + SAMPLE_INTERVAL_S
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.log.samples.append(_sample(system, self.log.now_s()))
            yield
        self._process.join(END_S)
        if self.log.totals is None:
            raise WorkerError(f"the process of the session died (exit status {self._process.exitcode})")


@contextlib.contextmanager
def measured_process(
    run: Run[Arguments], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Iterator[MeasuredProcess]:
    """Call `run(probe, ...)` in a new process; `run` attaches the probe to its session. It is ended with the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, time.monotonic(), run, args, kwargs), daemon=True)
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        yield MeasuredProcess(process.pid, SessionLog(), process, ours)
    finally:
        ours.close()
        process.terminate()
        process.join(END_S)
        process.kill()
        process.join()


def _sample(process: psutil.Process, time_s: float) -> Sample:
    with process.oneshot():
        used = process.cpu_times()
        return Sample(
            time_s=time_s,
            memory_mb=process.memory_info().rss / 1e6,
            descriptors=_descriptors(process),
            threads=process.num_threads(),
            cpu_s=used.user + used.system,
        )


def _descriptors(process: psutil.Process) -> int:
    if sys.platform == "win32":
        return process.num_handles()
    return process.num_fds()


def _run(
    connection: Connection, started_s: float, run: Run[...], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    """In the new process: run the session, and report an error instead of printing it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both processes: the measuring one ends this one
    from mmim_live.native_stderr import native_stderr_to_log

    try:
        with native_stderr_to_log():
            run(SessionProbe(connection, started_s), *args, **kwargs)
    except MmimLiveError as error:
        connection.send(error)
    except Exception as error:  # noqa: BLE001 (the measuring process must learn of any error)
        connection.send(WorkerError(f"the session stopped: {type(error).__name__}: {error}"))
