"""Limits how much CPU a process may use, by cpulimit."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator

MISSING = "cpulimit is missing: sudo apt-get install cpulimit"


def has_cpulimit() -> bool:
    """Whether cpulimit is installed."""
    return shutil.which("cpulimit") is not None


@contextlib.contextmanager
def cpu_limit(pid: int, share: float) -> Iterator[None]:
    """While the block runs, the process may use `share` (0 to 1) of all cores."""
    percent = round(100 * share * (os.cpu_count() or 1))
    limiter = subprocess.Popen(  # noqa: S603 (no external input)
        ["cpulimit", "-p", str(pid), "-l", str(percent), "-z"],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        limiter.terminate()  # it lets the process continue first
        limiter.wait()
