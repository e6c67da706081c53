"""Keeps what native libraries print off the terminal.

mediapipe and TFLite write their log to file descriptor 2, past Python. While the block runs, descriptor 2 is a log
file; our own words go to a duplicate of the real one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO


@contextlib.contextmanager
def native_stderr_to_log(drawing: int = 2) -> Iterator[TextIO]:
    """Point descriptor 2 at a temporary file for the length of the block; yield a stream to a real terminal.

    `sys.stderr` and `sys.__stderr__` are that stream meanwhile, so that whoever draws on them (Textual does) reaches
    the terminal. `drawing` is the descriptor it stands for: 2, or 1 where standard error is redirected.
    """
    sys.stderr.flush()
    real, screen = os.dup(2), os.dup(drawing)
    before = (sys.stderr, sys.__stderr__)
    with tempfile.TemporaryFile() as log, open(screen, "w", encoding="utf-8", buffering=1) as terminal:  # noqa: PTH123 (a descriptor)
        os.dup2(log.fileno(), 2)
        sys.stderr = sys.__stderr__ = terminal  # type: ignore[misc]
        try:
            yield terminal
        finally:
            sys.stderr, sys.__stderr__ = before  # type: ignore[misc]
            os.dup2(real, 2)
            os.close(real)
