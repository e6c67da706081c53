"""Keeps the output of native libraries off the terminal.

mediapipe and TFLite write their logs directly to file descriptor 2, bypassing Python. While a block runs, descriptor 2
points to a log file; our own output goes to a duplicate of the real one.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import TextIO

_CHATTER = re.compile(rb"[IW]\d{4} |INFO: |WARNING: Logging before InitGoogle")  # of glog, absl and TFLite
_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def without_native_chatter() -> Iterator[None]:
    """Suppress informational messages of mediapipe and TFLite on descriptor 2 while the block runs.

    Everything else written meanwhile, including their errors, is printed at the end of the block.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as caught:
        try:
            real = os.dup(2)
        except OSError:  # it is closed: nothing can get through
            yield
            return
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)
            caught.seek(0)
            for line in caught:
                if not _CHATTER.match(line):
                    os.write(2, line)


@contextlib.contextmanager
def native_stderr_to_log(drawing: int = 2) -> Iterator[TextIO]:
    """Point descriptor 2 at a temporary file while the block runs; yield a stream to the real terminal.

    Meanwhile `sys.stderr` and `sys.__stderr__` are that stream, so that code that draws on them (Textual does) reaches
    the terminal. `drawing` is the descriptor behind it: 2, or 1 if standard error is redirected.
    """
    sys.stderr.flush()
    real, screen = os.dup(2), os.dup(drawing)
    before = (sys.stderr, sys.__stderr__)
    terminal = open(screen, "w", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115 (a descriptor; closed below)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        sys.stderr = sys.__stderr__ = terminal  # type: ignore[misc]
        try:
            yield terminal
        finally:
            sys.stderr, sys.__stderr__ = before  # type: ignore[misc]
            os.dup2(real, 2)
            os.close(real)
            with contextlib.suppress(OSError):  # its window is gone, along with any unwritten output
                terminal.close()
