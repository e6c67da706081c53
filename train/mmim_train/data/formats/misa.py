"""MISA-style pickles: lists of ((words, visual, acoustic, word list), label, id), word-aligned.

Either one file per split (`train.pkl`, `dev.pkl` or `valid.pkl`, `test.pkl`) or one file with a dict of the three
lists. visual is (L, 47), acoustic (L, 74), label (1, 1) or for MOSEI (1, 7) with sentiment first; `words` are indices
into a lost vocabulary, so the word list is used. The MAG-BERT variant, whose `words` are the words themselves, and
MMIM's six-part variant (with two lengths) are read too. Sequences have their true length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data import parsing
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import DataSet, Rows, Split, SplitName, rows_from
from mmim_train.data.registry import DatasetSpec

NAMES: Mapping[str, SplitName] = {
    "train": "train", "dev": "valid", "valid": "valid", "test": "test"
}  # fmt: skip
_PAUSE = "sp"  # the forced aligner's mark for a silence between words


def is_misa(content: object) -> bool:
    """Whether an unpickled object has this layout."""
    lists = list(content.values()) if isinstance(content, dict) else [content]
    return bool(lists) and all(isinstance(part, list) for part in lists)


def read_misa(
    spec: DatasetSpec,
    parts: Mapping[SplitName, Sequence[Any]],
    path: Path,
    notes: tuple[str, ...] = (),
    sha256: str | None = None,
) -> DataSet:
    """Read the list of each split."""
    splits = {name: _read_split(part, f"{path}: {name}") for name, part in parts.items() if len(part)}
    return build_dataset(spec=spec, splits=splits, layout="misa", path=path, notes=notes, sha256=sha256)


def split_parts(content: Mapping[str, Any], path: Path) -> dict[SplitName, Sequence[Any]]:
    """The lists of a dict of splits, keyed by our split names."""
    unknown = next((key for key in content if key not in NAMES), None)
    if unknown is not None:
        raise DataError(f"{path}: has the key {unknown!r}, expected train, dev or valid, and test")
    return {NAMES[key]: part for key, part in content.items()}


def _read_split(part: Sequence[Any], where: str) -> Split:
    ids, texts, voice, face, scores = [], [], [], [], []
    for number, entry in enumerate(part):
        here = f"{where}[{number}]"
        if not isinstance(entry, tuple | list) or len(entry) != 3:
            raise DataError(f"{here}: expected ((words, visual, acoustic, word list), label, id)")
        inner, label, identity = entry
        if not isinstance(inner, tuple | list) or not 3 <= len(inner) <= 6:
            raise DataError(f"{here}[0]: expected (words, visual, acoustic, word list)")
        texts.append(_text(inner[3] if len(inner) > 3 else inner[0], here))
        face.append(_frames(inner[1], f"{here} visual"))
        voice.append(_frames(inner[2], f"{here} acoustic"))
        scores.append(_score(label, here))
        ids.append(parsing.to_string(identity, f"{here} id"))
    return Split(
        ids=tuple(ids),
        texts=tuple(texts),
        voice=_rows(voice, f"{where} acoustic"),
        face=_rows(face, f"{where} visual"),
        scores={"M": np.array(scores, np.float32)},
        classes={},
    )


def _text(words: Any, where: str) -> str:
    if not parsing.is_sequence(words):
        raise DataError(f"{where}: the word list is a {type(words).__name__}")
    said = (parsing.to_string(word, f"{where} word {number}") for number, word in enumerate(words))
    return " ".join(word for word in said if word != _PAUSE)


def _frames(value: Any, where: str) -> NDArray[np.float32]:
    array = parsing.to_float32(value, where)
    if array.ndim != 2:
        raise DataError(f"{where}: has the shape {array.shape}, expected (frames, columns)")
    return array


def _rows(sequences: list[NDArray[np.float32]], where: str) -> Rows:
    widths = {sequence.shape[1] for sequence in sequences}
    if len(widths) > 1:
        raise DataError(f"{where}: sequences differ in their number of columns: {sorted(widths)[:5]}")
    return rows_from(sequences, widths.pop())


def _score(label: Any, where: str) -> float:
    array = parsing.to_float32(label, f"{where} label").reshape(-1)
    if array.size not in (1, 7) or not np.isfinite(array[0]):
        raise DataError(f"{where}: the label is {array.tolist()}, expected one number (or seven, sentiment first)")
    return float(array[0])
