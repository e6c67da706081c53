"""A function in a process beside this one, so that two slow jobs of different kinds use two cores."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from typing import Any, Generic, TypeVar

from mmim_live.errors import MmimLiveError
from mmim_train.default_checkpoint.log import Log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Returned:
    value: Any


_Message = str | _Returned | MmimLiveError | None  # a log line; how the job ended; no more will come


class BackgroundJob(Generic[T]):
    """A job under way in another process."""

    def __init__(self, process: BaseProcess, messages: Queue[_Message], log: Log) -> None:
        self._process, self._messages, self._log = process, messages, log
        self._returned: _Returned | None = None
        self._failure: MmimLiveError | None = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def log(self, line: str) -> None:
        """Log a line of this process; raises what the job raised, so that no work goes on in vain."""
        self._check()
        self._log(line)

    def result(self) -> T:
        """Wait for what the job returns; raises what it raised, or MmimLiveError if its process died."""
        self._process.join()
        self.stop()
        self._check()
        assert self._returned is not None
        value: T = self._returned.value
        return value

    def stop(self) -> None:
        """End the process if it still runs, and read what it had to say."""
        self._process.kill()
        self._process.join()
        # A process that was killed while it wrote leaves a broken queue; then there is nothing to wait for.
        self._messages.cancel_join_thread()
        if self._listener.is_alive():
            self._messages.put(None)
            self._listener.join(5.0)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._process.exitcode:
            raise MmimLiveError("a background process died (out of memory?); run the same command again to resume")

    def _listen(self) -> None:
        while (message := self._messages.get()) is not None:
            if isinstance(message, str):
                self._log(message)
            elif isinstance(message, _Returned):
                self._returned = message
            else:
                self._failure = message


@contextmanager
def background(job: Callable[..., T], *arguments: object, log: Log) -> Iterator[BackgroundJob[T]]:
    """Run `job(*arguments, log)` in a process of its own while the block runs.

    `job`, its arguments and what it returns must be picklable. At the end of the block the job is waited for, and its
    failure raised, if `result` was not called. When the block fails, by Ctrl-C for instance, the process is ended.
    """
    # A forked child of a process with threads (torch) can hang, so start a fresh interpreter.
    context = multiprocessing.get_context("spawn")
    messages: Queue[_Message] = context.Queue()
    process = context.Process(target=_run, args=(messages, job, *arguments), daemon=True)
    process.start()
    running = BackgroundJob[T](process, messages, log)
    try:
        yield running
        running.result()
    finally:
        running.stop()


def _run(messages: Queue[_Message], job: Callable[..., object], *arguments: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the leading process
    try:
        messages.put(_Returned(job(*arguments, messages.put)))
    except MmimLiveError as error:
        messages.put(error)
    messages.close()
    messages.join_thread()  # everything is sent before the process ends
