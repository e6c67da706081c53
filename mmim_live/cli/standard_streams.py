"""Standard input, output and error as a command may find them: closed, full, or unable to encode a character."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

_STREAMS = ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w"))


def prepare_streams() -> None:
    """Open what is closed on the null device, and escape characters that the encoding of the output lacks.

    A closed stream must be replaced: the next file to be opened would get its number, and receive what is printed.
    """
    for number, name, mode in _STREAMS:
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (lives as long as the process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_error(message: str) -> None:
    """One line on standard error; nothing if that is full, since there is no other place to say so."""
    try:
        sys.stderr.write(f"mmim-live: {message}\n")
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr, 2)


def flush_streams() -> OSError | None:
    """Write what is buffered; return why standard output did not take it."""
    failure: OSError | None = None
    try:
        sys.stdout.flush()
    except OSError as error:
        failure = error
        _discard(sys.stdout, 1)
    try:
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr, 2)
    return failure


def _discard(stream: TextIO, number: int) -> None:
    """Let the rest of the buffer go nowhere, or the interpreter would report it again at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
    stream.flush()
