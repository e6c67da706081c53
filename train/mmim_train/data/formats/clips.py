"""A folder of clips: `label.csv` and `Raw/<video_id>/<clip_id>.mp4`, the layout of MOSI, MOSEI and SIMS.

Reads the table and finds the files, without opening them. Columns: video_id, clip_id, label, mode; optional text,
label_T, label_A, label_V. An empty label means not labeled, an empty text that speech recognition supplies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmim_live.errors import DataError
from mmim_train.data.dataset import SplitName
from mmim_train.data.formats.csv_table import parse_number, parse_split, read_table

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".flac", ".wav")  # tried in this order
_SCORES = {"M": "label", "T": "label_T", "A": "label_A", "V": "label_V"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of the table; `path` is the file, or where it should be."""

    id: str  # "<video_id>/<clip_id>"
    path: Path
    text: str
    split: SplitName
    scores: Mapping[str, float]  # labeled ones only


def read_clips(folder: Path, text_column: str = "text") -> tuple[Clip, ...]:
    """The clips in the order of label.csv; DataError for a bad row. For missing files see `missing_clips`."""
    table = folder / "label.csv"
    if not table.is_file():
        raise DataError(
            f"{folder}: lacks label.csv with the columns video_id, clip_id, label, mode, and text if it is known"
        )
    clips: dict[str, Clip] = {}
    needed = ("video_id", "clip_id", "label", "mode", *(() if text_column == "text" else (text_column,)))
    for number, row in enumerate(read_table(table, needed), 2):
        clip = _clip(folder, row, text_column, f"{table}: row {number}")
        if clip.id in clips:
            raise DataError(f"{table}: row {number}: {clip.id} occurs twice")
        clips[clip.id] = clip
    if not clips:
        raise DataError(f"{table}: lists no clips")
    return tuple(clips.values())


def missing_clips(clips: Iterable[Clip]) -> tuple[str, ...]:
    """One line for every clip whose file is missing."""
    return tuple(f"{clip.id}: no file {clip.path}" for clip in clips if not clip.path.is_file())


def _clip(folder: Path, row: Mapping[str, str], text_column: str, where: str) -> Clip:
    video, name = row["video_id"].strip(), row["clip_id"].strip()
    for part in (video, name):
        # A table from elsewhere must not lead out of the folder.
        if not part or part in (".", "..") or "/" in part or "\\" in part or "\0" in part:
            raise DataError(f"{where}: {part!r} is no file name")
    stem = folder / "Raw" / video / name
    files = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    path = next((file for file in files if file.is_file()), stem.with_name(stem.name + SUFFIXES[0]))
    scores = {key: parse_number(row, column, where) for key, column in _SCORES.items() if row.get(column, "").strip()}
    return Clip(f"{video}/{name}", path, row.get(text_column, ""), parse_split(row, where), scores)
