"""Where events go: a sink for a file name, chosen by its suffix. A sink belongs to one thread."""

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmim_live.errors import OutputError
from mmim_live.events import Event
from mmim_live.output.csv import csv_formatter, csv_header
from mmim_live.output.files import RecordFile, output_error
from mmim_live.output.jsonl import jsonl_formatter
from mmim_live.output.subtitles import VTT_HEADER, srt_formatter, vtt_formatter


class Sink(Protocol):
    """Takes the events of one session."""

    def write(self, event: Event) -> None:
        """Write an event whole, or raise OutputError and leave nothing behind."""

    def close(self) -> None:
        """Finish and keep the file."""

    def discard(self) -> None:
        """Remove what was begun."""


@dataclass(frozen=True, slots=True)
class _Format:
    make_formatter: Callable[[], Callable[[Event], str]]
    header: str = ""


_FORMATS = {
    ".jsonl": _Format(jsonl_formatter),
    ".csv": _Format(csv_formatter, csv_header()),
    ".srt": _Format(srt_formatter),
    ".vtt": _Format(vtt_formatter, VTT_HEADER),
}
SUFFIXES = tuple(_FORMATS)


class FileSink:
    """Formats events into a file that is begun at the first event, whether or not that event has a record in it."""

    def __init__(self, path: Path, formatter: Callable[[Event], str], header: str) -> None:
        self._file = RecordFile(path)
        self._format = formatter
        self._header = header

    def write(self, event: Event) -> None:
        """Write the event's record, if the format has one for it. Raises OutputError."""
        record = self._format(event)
        if not self._file.begun:
            self._file.append(self._header)
        if record:
            self._file.append(record)

    def close(self) -> None:
        """Finish and keep the file. Raises OutputError."""
        self._file.close()

    def discard(self) -> None:
        """Remove what was begun."""
        self._file.discard()


def open_sink(path: str | Path) -> Sink:
    """The sink for a file name; touches nothing before the first event. An unknown suffix raises OutputError."""
    path = Path(path)
    chosen = _format_of(path)
    return FileSink(path, chosen.make_formatter(), chosen.header)


def check_distinct(source: Path, outputs: Sequence[Path]) -> None:
    """Raise OutputError if an output is the recording itself, by whatever name, or is named twice."""
    taken = [source]
    for path in outputs:
        for other in taken:
            if _same_file(path, other) or os.path.realpath(path) == os.path.realpath(other):
                what = "the recording itself" if other is source else "named twice"
                raise OutputError(f"output {path} is {what}; give it a name of its own")
        taken.append(path)


def check_writable(path: str | Path) -> None:
    """Raise OutputError, before any work is done, if the file could not be written. Touches nothing."""
    path = Path(path)
    _format_of(path)
    try:
        path.stat()
        exists = True
    except (FileNotFoundError, NotADirectoryError):
        exists = False
    except OSError as error:  # a name too long, a link to itself
        raise output_error(path, error) from error
    if path.is_dir():
        raise output_error(path, _os_error(errno.EISDIR))
    if not exists and not path.parent.is_dir():
        raise output_error(path, _os_error(errno.ENOENT))
    permitted = os.access(path, os.W_OK) if exists else os.access(path.parent, os.W_OK | os.X_OK)
    if not permitted:
        raise output_error(path, _os_error(errno.EACCES))


def _format_of(path: Path) -> _Format:
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        shown = path.suffix or "no suffix"
        raise OutputError(
            f"cannot write {path}: {shown} is not a supported format; use {', '.join(SUFFIXES)}"
        ) from None


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there, or cannot be
        return False


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
