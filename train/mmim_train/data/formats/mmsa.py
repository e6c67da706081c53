"""The pickles of thuiar/MMSA: `aligned_50.pkl`, `unaligned_50.pkl`, `unaligned_39.pkl` and variants.

A dict of train, valid and test, each a dict of arrays: `raw_text`, `text_bert` (N, 3, T) with ids, mask and segments
as floats, `audio` and `vision` (N, T, width), `id` as "video$_$clip", `regression_labels` (N,), for SIMS also
`regression_labels_T`, `_A`, `_V`, and `classification_labels`.

Lengths come from `audio_lengths` and `vision_lengths`. Aligned files lack them: there, the length of a sequence is the
sum of the text mask. Zero frames inside a sequence are data and are kept. `text` (BERT hidden states) is not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data import parsing
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Rows, Split, SplitName
from mmim_train.data.registry import SENTIMENTS, DatasetSpec

_UNIMODAL = {"T": "regression_labels_T", "A": "regression_labels_A", "V": "regression_labels_V"}


def is_mmsa(content: object) -> bool:
    """Whether an unpickled object has this layout."""
    return isinstance(content, dict) and any(
        isinstance(part, dict) and "regression_labels" in part for part in content.values()
    )


def read_mmsa(
    spec: DatasetSpec, content: dict[str, Any], path: Path, notes: tuple[str, ...] = (), sha256: str | None = None
) -> DataSet:
    """Read the unpickled content; splits are popped from the dict one by one, to free their memory."""
    splits: dict[SplitName, Split] = {}
    found: list[str] = []
    for name in SPLITS:
        part = content.pop(name, None)
        if part is None:
            continue
        where = f"{path}: {name}"
        if not isinstance(part, dict):
            raise DataError(f"{where}: is a {type(part).__name__}, expected a dict")
        part.pop("text", None)
        splits[name], remarks = _read_split(part, where)
        found += (f"{name}: {remark}" for remark in remarks)
    return build_dataset(spec=spec, splits=splits, layout="mmsa", path=path, notes=(*notes, *found), sha256=sha256)


def _read_split(part: dict[str, Any], where: str) -> tuple[Split, list[str]]:
    ids = parsing.strings(part, "id", where)
    n = len(ids)
    texts = parsing.strings(part, "raw_text", where, n)
    rows: dict[str, Rows] = {}
    remarks: list[str] = []
    for key in ("audio", "vision"):
        padded = parsing.numbers(part, key, where, (n, None, None))
        part.pop(key)
        lengths = _lengths(part, key, where, n, padded.shape[1])
        rows[key] = parsing.ragged(padded, np.zeros(n, np.int64), lengths)
        remarks += _beyond(padded, lengths, key)
    scores = {"M": parsing.labels(part, "regression_labels", where, n)}
    scores |= {name: parsing.labels(part, key, where, n) for name, key in _UNIMODAL.items() if key in part}
    classes = _classes(part, where, n)
    return Split(
        ids=ids, texts=texts, voice=rows["audio"], face=rows["vision"], scores=scores, classes=classes
    ), remarks


def _lengths(part: Mapping[str, Any], key: str, where: str, count: int, longest: int) -> NDArray[np.int64]:
    if f"{key}_lengths" in part:
        return parsing.lengths(part, f"{key}_lengths", where, count, longest)
    if any(k.endswith("_lengths") for k in part):
        raise DataError(f"{where}: lacks the key '{key}_lengths', though it has lengths of others")
    text = parsing.numbers(part, "text_bert", where, (count, 3, None))
    if text.shape[2] != longest:
        raise DataError(
            f"{where}: {key} has {longest} frames and no lengths; an aligned file would have {text.shape[2]}, as text"
        )
    mask = text[:, 1]
    if not np.isin(mask, (0, 1)).all():
        raise DataError(f"{where}['text_bert'][:, 1]: the mask holds other numbers than 0 and 1")
    lengths: NDArray[np.int64] = mask.sum(axis=1).astype(np.int64)
    return lengths


def _beyond(padded: NDArray[np.float32], lengths: NDArray[np.int64], key: str) -> list[str]:
    """Notes on nonzero rows beyond the stated lengths: the file contradicts itself; its lengths are used."""
    padding = np.arange(padded.shape[1]) >= lengths[:, None]
    count = int(((padded != 0).any(axis=2) & padding).any(axis=1).sum())
    return [f"{count} samples have {key} frames beyond their length, which are left out"] if count else []


def _classes(part: Mapping[str, Any], where: str, count: int) -> dict[str, NDArray[np.int64]]:
    if "classification_labels" not in part:
        return {}
    numbers = parsing.labels(part, "classification_labels", where, count)
    if not np.isin(numbers, range(len(SENTIMENTS))).all():
        raise DataError(f"{where}['classification_labels']: holds other numbers than 0, 1 and 2")
    return {"sentiment": numbers.astype(np.int64)}
