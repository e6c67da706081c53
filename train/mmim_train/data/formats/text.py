"""Data sets of words alone: label tables of the multimodal sets, and three of rated texts. No voice, no face rows.

Rated texts are brought to MOSI's scale, -3 to 3, so that one text head can learn from all of them:

| set | source | published rating | score M |
|---|---|---|---|
| SST | Socher et al. 2013 | positivity p, 0 to 1 | 6 p - 3 |
| VADER | Hutto and Gilbert 2014 | mean of ten raters m, -4 to 4 | 3 m / 4 |
| EmoBank | Buechel and Hahn 2017 | valence V, 1 to 5, middle 3 | 3 (V - 3) / 2 |

EmoBank also gives `valence` = (V - 3) / 2 and `arousal` = (A - 3) / 2. VADER has no split of its own: a text is in
valid if the SHA-256 of its source and id begins with a byte below 26 (10 %), so that it stays there in every copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmim_live.errors import DataError
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Split, SplitName, no_rows
from mmim_train.data.formats.csv_table import parse_number, parse_split, read_table
from mmim_train.data.registry import EMOTIONS, SENTIMENTS, DatasetSpec

# The numbers of MELD's emotions in tables that have an `annotation` column.
_MELD_NUMBERS = {
    "0": "anger", "1": "joy", "2": "sadness", "3": "neutral", "4": "disgust", "5": "fear", "6": "surprise"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Line:
    split: SplitName
    id: str
    text: str
    scores: Mapping[str, float]
    classes: Mapping[str, int]


def read_texts(spec: DatasetSpec, path: Path) -> DataSet:
    """Read the table of a data set as words and labels."""
    columns, read = {"sst": _SST, "vader": _VADER, "emobank": _EMOBANK}.get(spec.name, _labels(spec))
    rows = read_table(path, columns)
    lines = [read(row, number, f"{path}: row {number}") for number, row in enumerate(rows, 2)]
    if not any(line.text.strip() for line in lines):
        raise DataError(f"{path}: holds labels without words, so nothing to learn from; open a file with features")
    splits = {name: _split([line for line in lines if line.split == name]) for name in SPLITS}
    return build_dataset(spec, splits, "text", path, ("words only",))


def _split(lines: Sequence[_Line]) -> Split:
    n = len(lines)
    scores = {key for line in lines for key in line.scores}
    classes = {key for line in lines for key in line.classes}
    return Split(
        ids=tuple(line.id for line in lines),
        texts=tuple(line.text for line in lines),
        voice=no_rows(n),
        face=no_rows(n),
        scores={key: np.array([line.scores.get(key, np.nan) for line in lines], np.float32) for key in sorted(scores)},
        classes={key: np.array([line.classes.get(key, -1) for line in lines], np.int64) for key in sorted(classes)},
    )


_Reader = Callable[[Mapping[str, str], int, str], _Line]


def _sst(row: Mapping[str, str], number: int, where: str) -> _Line:
    score = 6 * parse_number(row, "positivity", where) - 3
    return _Line(parse_split(row, where, "split"), f"sst_{number}", row["sentence"], {"M": score}, {})


def _vader(row: Mapping[str, str], _: int, where: str) -> _Line:
    identity = f"{row['source']}_{row['id']}"
    first = hashlib.sha256(identity.encode()).digest()[0]
    score = 3 * parse_number(row, "mean_rating", where) / 4
    return _Line("valid" if first < 26 else "train", identity, row["text"], {"M": score}, {})


def _emobank(row: Mapping[str, str], _: int, where: str) -> _Line:
    valence, arousal = ((parse_number(row, column, where) - 3) / 2 for column in "VA")
    scores = {"M": 3 * valence, "valence": valence, "arousal": arousal}
    return _Line(parse_split(row, where, "split"), row["id"], row["text"], scores, {})


_SST: tuple[tuple[str, ...], _Reader] = (("sentence", "positivity", "split"), _sst)
_VADER: tuple[tuple[str, ...], _Reader] = (("source", "id", "mean_rating", "text"), _vader)
_EMOBANK: tuple[tuple[str, ...], _Reader] = (("id", "split", "V", "A", "text"), _emobank)


def _labels(spec: DatasetSpec) -> tuple[tuple[str, ...], _Reader]:
    def read(row: Mapping[str, str], _: int, where: str) -> _Line:
        split = parse_split(row, where)
        identity = f"{row['video_id']}/{row['clip_id']}"
        names = {"M": "label", "T": "label_T", "A": "label_A", "V": "label_V"}
        scores = {
            name: parse_number(row, column, where) for name, column in names.items() if row.get(column, "").strip()
        }
        return _Line(
            split, identity, row[spec.text_column], scores, _annotation(spec, row.get("annotation", ""), where)
        )

    return ("video_id", "clip_id", spec.text_column, "label", "mode"), read


def _annotation(spec: DatasetSpec, annotation: str, where: str) -> dict[str, int]:
    annotation = annotation.strip().lower()
    if not annotation:
        return {}
    if "emotion" in spec.class_names and annotation in _MELD_NUMBERS:
        return {"emotion": EMOTIONS.index(_MELD_NUMBERS[annotation])}
    if annotation in SENTIMENTS:
        return {"sentiment": SENTIMENTS.index(annotation)}
    raise DataError(f"{where}: annotation is {annotation[:40]!r}, expected one of {', '.join(SENTIMENTS)}")
