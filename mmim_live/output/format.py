"""What a file format is: how events become a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmim_live.events import Event

WriteDocument = Callable[[Path, Sequence[Event], Path | None], None]
"""Writes all events of a session to a path. The last argument is the recording, for formats that link it."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A format grows record by record (`make_formatter`), or is written all at once in the end (`write`)."""

    make_formatter: Callable[[], Callable[[Event], str]] | None = None
    """Called for each file; returns the record of an event, or "" for an event that has none."""
    header: str = ""
    """Stands before the records, as UTF-8."""
    write: WriteDocument | None = None
    """Provisional words are not among its events."""
    library: str = ""
    """A module that it needs, of the extra `results`."""

    def __post_init__(self) -> None:
        if (self.make_formatter is None) == (self.write is None):
            raise TypeError("a format has either make_formatter or write")
