"""The pickles of MulT that MMIM's authors train on: `mosi_data_noalign.pkl`, `mosei_senti_data_noalign.pkl`.

A dict of train, valid and test, each with `vision` and `audio` (N, T, width), `labels` (N, 1, 1) and `id` (N,) or
(N, k). Sequences are padded in front with zero frames: only those are removed, and zero frames inside a sequence are
kept. An all-zero sequence is an absent modality. For MOSEI, labels may be (N, 7): sentiment first.

The text comes from a `label.csv` next to the pickle. Ids "<video>_<clip>" are looked up there; where ids name no clip,
as in MOSEI's (video, start, end), the table must list the same utterances in the same order, which the labels verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data import parsing
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Rows, Split, SplitName
from mmim_train.data.formats.csv_table import parse_number, parse_split, read_table
from mmim_train.data.registry import DatasetSpec

_SAME = 1e-3  # labels are rounded differently in pickle and table


def is_mult(content: object) -> bool:
    """Whether an unpickled object has this layout."""
    return isinstance(content, dict) and any(
        isinstance(part, dict) and "labels" in part and "vision" in part for part in content.values()
    )


def read_mult(
    spec: DatasetSpec, content: dict[str, Any], path: Path, notes: tuple[str, ...] = (), sha256: str | None = None
) -> DataSet:
    """Read the unpickled content and the single label table in its folder."""
    table = find_table(path)
    rows = read_table(table, ("video_id", "clip_id", spec.text_column, "label", "mode"))
    splits: dict[SplitName, Split] = {}
    for name in SPLITS:
        part = content.pop(name, None)
        if part is None:
            continue
        where = f"{path}: {name}"
        if not isinstance(part, dict):
            raise DataError(f"{where}: is a {type(part).__name__}, expected a dict")
        own = [row for number, row in enumerate(rows, 2) if parse_split(row, f"{table}: row {number}") == name]
        splits[name] = _read_split(spec, part, where, own, table)
    return build_dataset(
        spec=spec, splits=splits, layout="mult", path=path, notes=(*notes, f"words from {table.name}"), sha256=sha256
    )


def find_table(path: Path) -> Path:
    """The only *label*.csv next to a file."""
    tables = sorted(path.parent.glob("*label*.csv"))
    if len(tables) != 1:
        found = ", ".join(t.name for t in tables) or "none"
        raise DataError(
            f"{path.parent}: this layout needs one label.csv beside {path.name} for the words; found {found}"
        )
    return tables[0]


def _read_split(
    spec: DatasetSpec, part: dict[str, Any], where: str, table: Sequence[dict[str, str]], csv: Path
) -> Split:
    ids = _ids(part, where)
    scores = _scores(part, where, len(ids))
    texts = tuple(row[spec.text_column] for row in _match(ids, scores, table, where, csv))
    return Split(
        ids=ids,
        texts=texts,
        voice=_rows(part, "audio", where, len(ids)),
        face=_rows(part, "vision", where, len(ids)),
        scores={"M": scores},
        classes={},
    )


def _ids(part: dict[str, Any], where: str) -> tuple[str, ...]:
    raw = parsing.take(part, "id", where)
    if not parsing.is_sequence(raw):
        raise DataError(f"{where}['id']: is a {type(raw).__name__}, expected one id per sample")
    ids = []
    for number, item in enumerate(raw):
        parts = list(item.reshape(-1)) if isinstance(item, np.ndarray) else item
        parts = list(parts) if isinstance(parts, list | tuple) else [parts]
        ids.append("_".join(parsing.to_string(p, f"{where}['id'][{number}]") for p in parts))
    return tuple(ids)


def _scores(part: dict[str, Any], where: str, count: int) -> NDArray[np.float32]:
    array = parsing.to_float32(parsing.take(part, "labels", where), f"{where}['labels']")
    if array.size == count * 7 and array.shape[-1] == 7:
        array = array[..., 0]
    return parsing.labels({"labels": array}, "labels", where, count)


def _rows(part: dict[str, Any], key: str, where: str, count: int) -> Rows:
    padded = parsing.numbers(part, key, where, (count, None, None))
    part.pop(key)
    frames = padded.shape[1]
    filled = (padded != 0).any(axis=2)  # NaN and -inf are not zero: damaged frames are frames
    starts = np.where(filled.any(axis=1), filled.argmax(axis=1), frames).astype(np.int64)
    return parsing.ragged(padded, starts, frames - starts)


def _match(
    ids: tuple[str, ...], scores: NDArray[np.float32], table: Sequence[dict[str, str]], where: str, csv: Path
) -> list[dict[str, str]]:
    by_id = {f"{row['video_id']}_{row['clip_id']}": row for row in table}
    if all(i in by_id for i in ids):
        return [by_id[i] for i in ids]
    if len(table) != len(ids):
        unknown = next(i for i in ids if i not in by_id)
        raise DataError(f"{where}: id {unknown!r} is not in {csv.name}, which has {len(table)} rows for {len(ids)} ids")
    for index, (row, score) in enumerate(zip(table, scores, strict=True)):
        told = parse_number(row, "label", f"{csv}: {row['video_id']}/{row['clip_id']}")
        if not abs(told - score) <= _SAME:
            raise DataError(
                f"{where}: sample {index} has label {score:g}, its row in {csv.name} {told:g}: another order"
            )
    return list(table)
