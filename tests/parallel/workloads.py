"""Work for engines that fails in all the ways there are. Worker processes import it, so it needs nothing heavy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def make_double() -> Callable[[int], int]:
    return lambda item: 2 * item


def make_name_of_process() -> Callable[[int], int]:
    return lambda _: os.getpid()


def make_sleep() -> Callable[[float], float]:
    return sleep


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def make_deadly() -> Callable[[tuple[str, Path]], str]:
    return deadly


def deadly(item: tuple[str, Path]) -> str:
    """Dies as native code does: of "bad" always, of "once" the first time, of "crowd" while "crowd" works elsewhere."""
    name, folder = item
    if name.startswith("bad"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("once"):
        mark = folder / name
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return name


def make_refusing() -> Callable[[int], int]:
    return refuse


def refuse(item: int) -> int:
    raise LookupError(f"cannot work on {item}")


def make_nothing() -> Callable[[int], int]:
    raise LookupError("cannot be made")


def die_at_once() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
