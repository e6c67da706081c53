"""What `mmim-live analyze` is to analyze: files, folders, patterns, addresses, standard input, recorded sessions."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from mmim_live.errors import DataError

MEDIA = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4a", ".wav", ".flac", ".mp3", ".ogg"}
STANDARD_INPUT = "-"
RESERVED = {"summary"}  # the name of the table


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording to analyze.

    `key` tells it apart from all others, and stands in the table: an absolute path, or an address without secrets.
    """

    key: str
    source: str  # what to open: a path, an address, or `STANDARD_INPUT`
    stem: str  # of the name of its results
    folders: tuple[str, ...] = ()  # that may precede it, the innermost first


def find_recordings(sources: Sequence[str]) -> list[Recording]:
    """The recordings that are meant, in order, each once.

    Raises:
        DataError: a source is or matches nothing.
    """
    found: dict[str, Recording] = {}
    for source in sources:
        matches = list(_matches(source))
        if not matches:
            what = "holds no recordings" if Path(source).is_dir() else "is no file, no folder, and matches none"
            raise DataError(f"{source} {what}; give recordings ({', '.join(sorted(MEDIA))}), folders or patterns")
        for each in matches:
            found.setdefault(each.key, each)
    return list(found.values())


def _matches(source: str) -> Iterator[Recording]:
    from mmim_live.capture.files.remote import file_name, is_address, shown_address
    from mmim_live.session.open_replay import SAMPLE, media_path

    path = Path(source)
    if source == STANDARD_INPUT:
        yield Recording(STANDARD_INPUT, STANDARD_INPUT, "stdin")
    elif is_address(source):
        yield Recording(shown_address(source), source, Path(file_name(source)).stem)
    elif source == SAMPLE and not path.exists():
        yield _local(media_path(path))
    elif path.is_dir():
        yield from _in_folder(path)
    elif path.exists():
        yield _local(path)
    else:
        for name in sorted(glob.glob(source, recursive=True)):  # noqa: PTH207 (a pattern may be absolute)
            match = Path(name)
            if match.is_file() or is_recorded_session(match):
                yield _local(match)


def _in_folder(folder: Path) -> Iterator[Recording]:
    """A recorded session, or all recordings in a folder and its subfolders, recorded sessions among them."""
    if is_recorded_session(folder):
        yield _local(folder)
        return
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in MEDIA and path.is_file():
            yield _local(path.parent if is_recorded_session(path.parent) else path)


def is_recorded_session(folder: Path) -> bool:
    """Whether mmim-live recorded a session into this folder."""
    from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS

    return (folder / MEDIA).is_file() and any((folder / name).is_file() for name in (EVENTS, SETTINGS))


def _local(path: Path) -> Recording:
    whole = path.resolve()
    stem = path.name if path.is_dir() else path.stem
    return Recording(str(whole), str(path), stem or "root", tuple(parent.name or "root" for parent in whole.parents))


def result_names(recordings: Sequence[Recording], taken: Mapping[str, str]) -> dict[str, Recording]:
    """A name for the results of each: its own without the suffix, with its folder's where two are the same.

    `taken` are the keys of earlier recordings by name: a recording keeps its name, and another one gets a new one.
    """
    owner = dict(taken)
    earlier = {key: name for name, key in owner.items()}
    names: dict[str, Recording] = {}
    for each in recordings:
        with_folders = (
            "_".join([*reversed(each.folders[:depth]), each.stem]) for depth in range(len(each.folders) + 1)
        )
        numbered = (f"{each.stem}_{number}" for number in count(2))
        candidates = chain([earlier[each.key]] if each.key in earlier else [], with_folders, numbered)
        name = next(name for name in candidates if name not in RESERVED and owner.get(name, each.key) == each.key)
        owner[name] = each.key
        names[name] = each
    return names
