"""The last step of every reader: check the splits against each other, replace non-finite values, collect notes.

A non-finite value (-inf from the logarithm of silence, NaN from frames without a face) becomes the mean of its column
over the finite values of the train split, which normalization maps to 0. The public loaders put 0 there, which in a
column with mean -50 is the loudest value of all. The number of replaced values is noted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_live.types import FeatureContract
from mmim_train.data.dataset import SPLITS, DataSet, Provenance, Rows, Split, SplitName
from mmim_train.data.registry import DatasetSpec

SENTIMENT_SCORES = ("M", "T", "A", "V")  # on the data set's scale; valence and arousal run from -1 to 1
_LIMIT = 1e20  # beyond this, float32 statistics overflow; no real feature is as large
_BLOCK = 1 << 16  # rows
_TOLERANCE = 1e-3  # published labels are means written as decimals


def build_dataset(
    spec: DatasetSpec,
    splits: Mapping[SplitName, Split],
    layout: str,
    path: Path,
    notes: tuple[str, ...] = (),
    sha256: str | None = None,
    contract: FeatureContract | None = None,
    finite: bool = False,
) -> DataSet:
    """Check the splits and build a DataSet; DataError names the split and the rule it violates.

    `finite` means that the rows are known to be finite, so that a memory-mapped file need not be scanned.
    """
    splits = {name: splits[name] for name in SPLITS if name in splits and len(splits[name])}
    if not splits:
        raise DataError(f"{path}: holds no samples")
    for name, split in splits.items():
        _check(spec, split, f"{path}: {name}")
    for modality in ("voice", "face"):
        widths = {name: getattr(split, modality).width for name, split in splits.items()}
        if len(set(widths.values())) > 1:
            raise DataError(f"{path}: {modality} rows differ in width between the splits: {widths}")
    replaced: list[str] = []
    if not finite:
        splits, replaced = _make_finite(splits)
    return DataSet(
        name=spec.name,
        language=spec.language,
        scale=spec.scale,
        scoring=spec.scoring,
        splits=splits,
        class_names={k: v for k, v in spec.class_names.items() if any(k in s.classes for s in splits.values())},
        provenance=Provenance(layout, path, sha256, (*notes, *replaced, *_remarks(spec, splits))),
        contract=contract,
    )


def _check(spec: DatasetSpec, split: Split, where: str) -> None:
    n = len(split)
    columns: dict[str, Sized] = {
        "texts": split.texts,
        "voice": split.voice,
        "face": split.face,
        **split.scores,
        **split.classes,
    }
    for name, column in columns.items():
        if len(column) != n:
            raise DataError(f"{where}: {len(column)} {name} for {n} ids")
    for name, values in split.scores.items():
        low, high = spec.scale if name in SENTIMENT_SCORES else (-1.0, 1.0)
        outside = (values < low - _TOLERANCE) | (values > high + _TOLERANCE)  # NaN is not labelled, so not outside
        if outside.any():
            at = int(np.argmax(outside))
            raise DataError(
                f"{where}: sample {at} ({split.ids[at]}) has label {name} = {values[at]:g}, outside {low:g} to {high:g}"
            )
    for name, numbers in split.classes.items():
        if name in spec.class_names and numbers.max(initial=-1) >= len(spec.class_names[name]):
            raise DataError(f"{where}: class {numbers.max()} of {name}, which has {len(spec.class_names[name])}")


def _make_finite(splits: dict[SplitName, Split]) -> tuple[dict[SplitName, Split], list[str]]:
    notes: list[str] = []
    first = next(iter(splits))  # train, unless the file has no train split
    means = {m: _column_means(getattr(splits[first], m)) for m in ("voice", "face")}
    finite: dict[SplitName, Split] = {}
    for name, split in splits.items():
        filled = {}
        for modality in ("voice", "face"):
            filled[modality], count = _fill(getattr(split, modality), means[modality])
            if count:
                notes.append(f"{count} values of {modality} in {name} were not finite and became their column's mean")
        finite[name] = Split(
            ids=split.ids,
            texts=split.texts,
            voice=filled["voice"],
            face=filled["face"],
            scores=dict(split.scores),
            classes=dict(split.classes),
        )
    return finite, notes


def _unusable(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    return ~(np.abs(values) < _LIMIT)  # true for NaN, too


def _blocks(values: NDArray[np.float32]) -> Iterator[slice]:
    """A dataset can fill most of the memory, so it is processed in blocks."""
    return (slice(start, start + _BLOCK) for start in range(0, len(values), _BLOCK))


def _column_means(rows: Rows) -> NDArray[np.float32]:
    sums, counts = np.zeros(rows.width), np.zeros(rows.width, np.int64)
    for block in _blocks(rows.values):
        usable = ~_unusable(rows.values[block])
        counts += usable.sum(axis=0)
        sums += np.where(usable, rows.values[block], 0).sum(axis=0, dtype=np.float64)
    return (sums / np.maximum(counts, 1)).astype(np.float32)


def _fill(rows: Rows, means: NDArray[np.float32]) -> tuple[Rows, int]:
    values, count = rows.values, 0
    for block in _blocks(rows.values):
        bad = _unusable(rows.values[block])
        if bad.any():
            values = np.array(values) if values is rows.values else values
            values[block] = np.where(bad, means, rows.values[block])
            count += int(bad.sum())
    return Rows(values, rows.starts, rows.lengths), count


def _remarks(spec: DatasetSpec, splits: Mapping[SplitName, Split]) -> list[str]:
    notes = []
    counts = tuple(len(splits[name]) if name in splits else 0 for name in SPLITS)
    if spec.counts is not None and counts != spec.counts:
        told, found = ("/".join(map(str, c)) for c in (spec.counts, counts))
        notes.append(f"{spec.title} is published with {told} train/valid/test samples; this copy holds {found}")
    seen: dict[str, SplitName] = {}
    shared = [i for name, split in splits.items() for i in split.ids if seen.setdefault(i, name) != name]
    if shared:
        notes.append(f"{len(shared)} ids occur in more than one split, the first is {shared[0]}")
    return notes
