"""JSON and TOML from files that anybody may have written: bounded in size, depth and digits.

Content that is refused raises ValueError with a reason of one line, a file that cannot be read OSError. The caller adds
which file it was and how to fix it.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import tomllib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 16 * 2**20  # the config.json of the shipped checkpoint has 0.1 MB
MAX_DEPTH = 32  # levels of objects and lists; our own files have 6
MAX_DIGITS = 18  # of an integer, so that it fits 64 bits
_EXCERPT = 40  # characters of the content in a reason


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading. Folders, pipes and devices, which may never end, are refused."""
    # Without O_NONBLOCK, opening a named pipe would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise ValueError("it is not a regular file")


def read_text(path: Path, max_bytes: int = MAX_BYTES) -> str:
    """The whole of a regular file as UTF-8."""
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes / 2**20:g} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 text (byte {error.start})") from error


def parse_json(text: str) -> Any:
    """The value of a JSON text, without the NaN and Infinity that Python would admit."""
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_finite, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise _too_deep() from error
    _check(value)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text."""
    try:
        table = tomllib.loads(text, parse_float=_finite)
    except RecursionError as error:
        raise _too_deep() from error
    _check(table)
    return table


def read_json_object(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The object in a JSON file."""
    value = parse_json(read_text(path, max_bytes))
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}, not an object")
    return value


def read_toml(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The table in a TOML file."""
    return parse_toml(read_text(path, max_bytes))


def _check(value: Any) -> None:
    """Depth, integers and strings of a parsed value, level by level: a deep value must not exhaust the stack here."""
    level = [value]
    for _ in range(MAX_DEPTH):
        for each in level:
            if isinstance(each, int) and abs(each) >= 10**MAX_DIGITS:
                raise ValueError(f"a number has more than {MAX_DIGITS} digits")
            if isinstance(each, str):
                _check_encodable(each)
        level = [inner for each in level for inner in _inner(each)]
        if not level:
            return
    raise _too_deep()


def _inner(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_encodable(text: str) -> None:
    r"""JSON can spell half a surrogate pair, "\ud800", which no file could be written with."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("a text holds half a surrogate pair") from error


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:_EXCERPT]} is not a finite number")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
