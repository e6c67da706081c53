"""MELD as published: `train_sent_emo.csv`, `dev_sent_emo.csv`, `test_sent_emo.csv` in one folder.

Columns Utterance, Speaker, Emotion (7), Sentiment (3), Dialogue_ID, Utterance_ID. Words and classes only; ids are
"<split>_dia<dialogue>_utt<utterance>". The train file holds Windows punctuation as control characters (U+0092 for an
apostrophe); these are converted, since text normalization would otherwise split "he's" in two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import DataSet, Split, SplitName, no_rows
from mmim_train.data.formats.csv_table import read_table
from mmim_train.data.registry import EMOTIONS, SENTIMENTS, DatasetSpec

FILES: Mapping[SplitName, str] = {
    "train": "train_sent_emo.csv", "valid": "dev_sent_emo.csv", "test": "test_sent_emo.csv"
}  # fmt: skip
_COLUMNS = ("Utterance", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID")
_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") or " " for code in range(0x80, 0xA0)}


def read_meld(spec: DatasetSpec, folder: Path) -> DataSet:
    """Read the tables of a folder; only train is required."""
    if not (folder / FILES["train"]).is_file():
        raise DataError(f"{folder}: lacks {FILES['train']}")
    splits = {name: _read_split(name, folder / file) for name, file in FILES.items() if (folder / file).is_file()}
    return build_dataset(spec, splits, "meld", folder, ("words only",))


def _read_split(name: SplitName, path: Path) -> Split:
    rows = read_table(path, _COLUMNS)
    return Split(
        ids=tuple(f"{name}_dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}" for row in rows),
        texts=tuple(row["Utterance"].translate(_WINDOWS) for row in rows),
        voice=no_rows(len(rows)),
        face=no_rows(len(rows)),
        scores={},
        classes={
            "emotion": _classes(rows, "Emotion", EMOTIONS, path),
            "sentiment": _classes(rows, "Sentiment", SENTIMENTS, path),
        },
    )


def _classes(rows: Sequence[Mapping[str, str]], column: str, names: tuple[str, ...], path: Path) -> NDArray[np.int64]:
    numbers = []
    for number, row in enumerate(rows, 2):
        value = row[column].strip().lower()
        if value not in names:
            raise DataError(f"{path}: row {number}: {column} is {row[column]!r}, expected one of {', '.join(names)}")
        numbers.append(names.index(value))
    return np.array(numbers, np.int64)
