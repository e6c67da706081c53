"""Keeps what native libraries print off the screen. Knows nothing of the app that draws there.

mediapipe, TFLite and PortAudio write to file descriptor 2, where Textual draws as well. While the guard is held the
terminal is reached through a duplicate that only `sys.__stderr__`, and so Textual's driver, knows, and whatever is
written to descriptor 2 itself lands in a log file.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmim_live.errors import OutputError


@contextmanager
def stderr_to_log(path: Path) -> Iterator[None]:
    """Send file descriptor 2 to the end of the log at `path` while the context lasts.

    Everything is restored on the way out, also after an exception. Raises OutputError if the log cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write the log {path}: {error.strerror}; choose another place") from error
    sys.stderr.flush()
    terminal = os.dup(2)
    driver_stream = sys.__stderr__
    os.dup2(log, 2)
    os.close(log)
    with open(terminal, "w", encoding="utf-8", errors="replace") as duplicate:  # noqa: PTH123 - a descriptor, no path
        sys.__stderr__ = duplicate  # type: ignore[misc]
        try:
            yield
        finally:
            sys.__stderr__ = driver_stream  # type: ignore[misc]
            duplicate.flush()
            os.dup2(terminal, 2)
