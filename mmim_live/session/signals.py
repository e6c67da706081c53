"""Lets a headless session finish on Ctrl-C, SIGTERM or a closed terminal."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from mmim_live.session.runner import FINISH_S, SessionRunner

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextlib.contextmanager
def finishing_on_signals(runner: SessionRunner) -> Iterator[threading.Event]:
    """While the block runs, a signal ends the session with its summary, within 2 s.

    Yields an event that is set once a signal has arrived.
    """
    received = threading.Event()

    def end(*_: object) -> None:
        received.set()
        # In a thread: the main thread, which runs this handler, may hold locks that `stop` needs.
        stop = threading.Thread(target=runner.stop, kwargs={"finish_s": FINISH_S}, name="mmim-ending", daemon=True)
        stop.start()

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
