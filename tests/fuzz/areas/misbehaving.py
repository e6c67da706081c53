"""Not a part of the program: each input does, when it is read, what the worker must catch."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from mmim_live.errors import DataError
from tests.fuzz.area import Area, Files


def seeds() -> list[Files]:
    return [{name: b""} for name in DEEDS]


def _raise() -> None:
    raise KeyError("a traceback")


def _refuse() -> None:
    raise DataError("no good")


def _refuse_in_two_lines() -> None:
    error = DataError("")
    error.args = ("one\ntwo",)
    raise error


def _refuse_at_length() -> None:
    error = DataError("")
    error.args = ("a" * 5_000,)
    raise error


def _hang() -> None:
    time.sleep(60)


def _hog() -> None:
    _ = bytearray(400 * 2**20)


def _write_outside() -> None:
    Path("/tmp/mmim-live-fuzz-must-not-exist").write_bytes(b"x")


def _rename_outside() -> None:
    Path("/tmp/mmim-live-fuzz-a").rename("/tmp/mmim-live-fuzz-b")


def _look_up() -> None:
    socket.getaddrinfo("example.invalid", 443)


def _connect() -> None:
    """And hide it, as a library that reports usage would."""
    try:
        with socket.socket() as line:
            line.connect(("127.0.0.1", 9))
    except OSError:
        pass


def _die() -> None:
    os._exit(3)


DEEDS = {
    "accept": lambda: None,
    "refuse": _refuse,
    "raise": _raise,
    "refuse_in_two_lines": _refuse_in_two_lines,
    "refuse_at_length": _refuse_at_length,
    "hang": _hang,
    "hog": _hog,
    "write_outside": _write_outside,
    "rename_outside": _rename_outside,
    "look_up": _look_up,
    "connect": _connect,
    "die": _die,
}


def read(folder: Path) -> None:
    for path in folder.iterdir():
        DEEDS[path.name]()


AREA = Area("misbehaving", seeds, read, {})
