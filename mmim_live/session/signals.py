"""Lets a session without a screen come to its end when the system asks for it. Knows no devices."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmim_live.session.runner import FINISH_S, STOP_S

if TYPE_CHECKING:
    from mmim_live.session.session import Session

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@contextlib.contextmanager
def finishing_on_signals(session: Session) -> Iterator[threading.Event]:
    """While the block runs, Ctrl-C, SIGTERM and a closed terminal end `session` with its summary, within 2 s.

    Yields what tells whether one of them came.
    """
    came = threading.Event()

    def end(*_: object) -> None:
        came.set()
        # Not here: the main thread, which runs this, may hold the very locks that are needed.
        threading.Thread(target=_end, args=(session,), name="mmim-ending", daemon=True).start()

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(session: Session) -> None:
    session.finish()
    time.sleep(FINISH_S)
    session.stop(STOP_S - FINISH_S)
