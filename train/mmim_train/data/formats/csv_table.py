"""Tables of comma-separated values, in UTF-8 with or without a byte order mark; the first row names the columns.

The `label.csv` of MMSA and OFF has video_id, clip_id, text, label, annotation, mode; SIMS adds label_T, label_A and
label_V.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmim_live.errors import DataError
from mmim_train.data.dataset import SplitName

_MODES: Mapping[str, SplitName] = {
    "train": "train", "valid": "valid", "val": "valid", "dev": "valid", "test": "test"
}  # fmt: skip


def read_table(path: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """All rows, each with every column; DataError names a missing column or a row that is too short."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
            names = reader.fieldnames or ()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}") from error
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(f"{path}: lacks the column {missing[0]!r}; it has {', '.join(names) or 'none'}")
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise DataError(f"{path}: row {number} has not as many cells as the header has columns")
    return rows


def parse_split(row: Mapping[str, str], where: str, column: str = "mode") -> SplitName:
    """The split named in a row."""
    mode = row[column].strip().lower()
    if mode not in _MODES:
        raise DataError(f"{where}: {column} is {row[column]!r}, expected train, valid or test")
    return _MODES[mode]


def parse_number(row: Mapping[str, str], column: str, where: str) -> float:
    """The number in a cell; NaN if empty, which means not labeled."""
    text = row[column].strip()
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise DataError(f"{where}: {column} is {text!r}, expected a number") from error
    if not math.isfinite(value):
        raise DataError(f"{where}: {column} is {text}, expected a finite number")
    return value
