"""Signals that quit the app as the key does, so that the terminal is restored."""

import asyncio
import signal
import threading
from collections.abc import Callable

_STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def handle_stop_signals(stop: Callable[[], object] | None) -> None:
    """Have them call `stop` on the running loop; None restores the defaults. Does nothing where unsupported."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGHUP"):
        return
    loop = asyncio.get_running_loop()
    for name in _STOP_SIGNALS:
        if stop is not None:
            loop.add_signal_handler(getattr(signal, name), stop)
        else:
            loop.remove_signal_handler(getattr(signal, name))
