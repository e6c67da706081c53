"""The folder of a recorded session: media, events, settings.

    media.mkv       video and audio, from time 0
    events.jsonl    as `--output x.jsonl` writes them, on the clock of media.mkv
    settings.json   the settings of the session, and when in it the recording started

While it is being written, the folder's name ends in `.partial`. What a killed session leaves there can be replayed.
Only the user can open it, unless it is created in a shared folder (see `output.file_modes`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import platformdirs

from mmim_live.errors import OutputError
from mmim_live.events import Event
from mmim_live.output.file_modes import new_file_mode, new_folder_mode
from mmim_live.output.files import output_error
from mmim_live.output.jsonl import jsonl_formatter

MEDIA, EVENTS, SETTINGS = "media.mkv", "events.jsonl", "settings.json"
PARTIAL = ".partial"


class RecordingFolder:
    """Created under a partial name; `finish` renames it to the requested one. Raises OutputError."""

    def __init__(self, path: Path) -> None:
        self.target = path
        self.path = path.with_name(path.name + PARTIAL)
        self._format = jsonl_formatter()
        try:
            self.path.mkdir(new_folder_mode(self.path.parent), parents=True)
        except OSError as error:
            raise output_error(self.path, error) from error

    def append(self, event: Event) -> None:
        """Add an event, in one piece."""
        self._write(EVENTS, self._format(event).encode("utf-8", "replace"), os.O_APPEND)

    def describe(self, facts: dict[str, Any]) -> None:
        """Write the settings, whole or not at all."""
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        self._write(SETTINGS + PARTIAL, text.encode("utf-8", "replace"), os.O_TRUNC)
        with _reporting_errors(self.path / SETTINGS):
            (self.path / (SETTINGS + PARTIAL)).replace(self.path / SETTINGS)

    def finish(self) -> Path:
        """Rename the folder to its final name and return its path."""
        with _reporting_errors(self.target):
            if self.target.is_dir():
                self.target.rmdir()  # an existing empty folder may be named
            self.path.rename(self.target)
        return self.target

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _write(self, name: str, data: bytes, flags: int) -> None:
        with _reporting_errors(self.path / name):
            flags |= os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(self.path / name, flags, new_file_mode(self.path))
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _reporting_errors(path: Path) -> Any:
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def recordings_place(record_to: str) -> Path:
    """Where recordings go: the folder asked for, else the user's documents, else the current folder."""
    if record_to:
        return Path(record_to).expanduser()
    documents = platformdirs.user_documents_path()
    return documents if documents.is_dir() and os.access(documents, os.W_OK) else Path.cwd()


def new_recording(place: Path, now: datetime) -> Path:
    """A name by date and time that is not taken in `place`."""
    stem = f"mmim-live-{now:%Y-%m-%d-%H%M%S}"
    path, number = place / stem, 1
    while path.exists() or path.with_name(path.name + PARTIAL).exists():
        number += 1
        path = place / f"{stem}-{number}"
    return path


def check_recordable(path: Path) -> None:
    """Raise OutputError, before any work is done, if no recording could be put at `path`. Touches nothing."""
    partial = path.with_name(path.name + PARTIAL)
    for taken in (path, partial):
        if _is_there(taken) and not (taken == path and _is_empty_folder(path)):
            raise OutputError(f"cannot record into {path}: {taken.name} is there already; name a new folder")
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"cannot record into {path}: {place} cannot be written to; choose another place")


def _is_there(path: Path) -> bool:
    with _reporting_errors(path):  # a name may be too long
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _is_empty_folder(path: Path) -> bool:
    """A link to one is none: the recording could not take its place."""
    return not path.is_symlink() and path.is_dir() and not any(path.iterdir())
