"""Where events go: a sink for a file name, chosen by its suffix. A sink belongs to one thread."""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from mmim_live.errors import OutputError
from mmim_live.events import Event, WordHeard
from mmim_live.output.csv import csv_formatter, csv_header
from mmim_live.output.files import RecordFile, output_error, write_whole
from mmim_live.output.format import OutputFormat, WriteDocument
from mmim_live.output.jsonl import jsonl_formatter
from mmim_live.output.parquet import write_parquet
from mmim_live.output.report.page import write_report
from mmim_live.output.subtitles import VTT_HEADER, srt_formatter, vtt_formatter
from mmim_live.output.tables import TABLES
from mmim_live.output.tiers import write_eaf, write_textgrid
from mmim_live.plugins import load_plugin, plugin_names


class Sink(Protocol):
    """Takes the events of one session."""

    def write(self, event: Event) -> None:
        """Write an event whole, or raise OutputError and leave nothing behind."""

    def close(self) -> None:
        """Finish and keep the file."""

    def discard(self) -> None:
        """Remove what was begun."""


PLUGINS: Literal["mmim_live.output_formats"] = "mmim_live.output_formats"


def _tables() -> dict[str, OutputFormat]:
    """`.csv` and `.parquet` hold the readings, `.utterances.csv` and so on the other tables."""
    formats = {}
    for name, table in TABLES.items():
        inner = "" if name == "readings" else f".{name}"
        formats[f"{inner}.csv"] = OutputFormat(partial(csv_formatter, table), csv_header(table))
        formats[f"{inner}.parquet"] = OutputFormat(write=partial(write_parquet, table=table), library="pyarrow")
    return formats


_FORMATS = {
    ".jsonl": OutputFormat(jsonl_formatter),
    ".srt": OutputFormat(srt_formatter),
    ".vtt": OutputFormat(vtt_formatter, VTT_HEADER),
    **_tables(),
    ".html": OutputFormat(write=write_report),
    ".eaf": OutputFormat(write=write_eaf, library="pympi"),
    ".textgrid": OutputFormat(write=write_textgrid, library="pympi"),
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


class DocumentSink:
    """Writes a file whose format cannot grow: all at once when it is closed. Until then it is not touched."""

    def __init__(self, path: Path, write: WriteDocument, media: Path | None) -> None:
        self._path = path
        self._media = media
        self._write = write
        self._events: list[Event] = []

    def write(self, event: Event) -> None:
        """Keep the event; a provisional word is in no document, and there are many of them."""
        if not (isinstance(event, WordHeard) and event.status == "provisional"):
            self._events.append(event)

    def close(self) -> None:
        """Write the file, whole or not at all. Raises OutputError."""
        events, self._events = self._events, []
        if events:
            write_whole(self._path, lambda path: self._write(path, events, self._media))

    def discard(self) -> None:
        """Forget the events."""
        self._events = []


def open_sink(path: str | Path, media: Path | None = None) -> Sink:
    """The sink for a file name; touches nothing before the first event.

    `media` is the recording, for formats that link it; without it they expect it beside the file.

    Raises:
        OutputError: the suffix is unknown, or the format needs a library that is not installed.
        PluginError: the format is that of another package, and cannot be loaded.
    """
    path = Path(path)
    chosen = _format_of(path)
    if chosen.write is not None:
        return DocumentSink(path, chosen.write, media)
    assert chosen.make_formatter is not None
    return FileSink(path, chosen.make_formatter(), chosen.header)


def write_file(path: str | Path, events: Iterable[Event], media: Path | None = None) -> None:
    """Write events to a file; its suffix chooses the format. After a failure there is nothing of it.

    `media` as in `open_sink`.

    Raises:
        OutputError: as `open_sink`, or the file cannot be written.
    """
    sink = open_sink(path, media)
    try:
        for event in events:
            sink.write(event)
        sink.close()
    except BaseException:
        sink.discard()
        raise


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


def _format_of(path: Path) -> OutputFormat:
    name = path.name.lower()
    suffixes = dict.fromkeys((*SUFFIXES, *plugin_names(PLUGINS)))
    matches = [suffix for suffix in suffixes if name.endswith(suffix) and name != suffix]
    if not matches:
        shown = path.suffix or "no suffix"
        raise OutputError(f"cannot write {path}: {shown} is not a supported format; use {', '.join(suffixes)}")
    suffix = max(matches, key=len)
    chosen = _FORMATS.get(suffix) or load_plugin(PLUGINS, suffix, OutputFormat)
    assert chosen is not None
    if chosen.library and find_spec(chosen.library) is None:
        raise OutputError(
            f"cannot write {path}: this format needs {chosen.library}; install it with pip install 'mmim-live[results]'"
        )
    return chosen


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there, or cannot be
        return False


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
