"""Collates a split into batches for MMIM: tokenized once, normalized as at inference, padded to the longest example.

`SplitExamples` implements the trainer's `Examples` protocol. Rows stay where the data set keeps them, often in a
memory-mapped file, and are normalized per batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.errors import DataError
from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.mmim import Batch, HeadConfig
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.data.dataset import DataSet, Rows, Split

INTENSITY = "sentiment"  # the head's name for the score "M"
_BLOCK = 1 << 16  # rows per block when computing statistics
_ROWS_WEIGHT = 10_000  # exceeds any row count, so that tokens dominate the cost


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessing:
    """Tokenizer and normalization of each modality. None if the model does not use it; its rows are then never read."""

    tokenizer: TextTokenizer | None
    voice: Normalization | None
    face: Normalization | None


def fit_preprocessing(dataset: DataSet, tokenizer: TextTokenizer | None) -> Preprocessing:
    """Preprocessing with statistics of the train split, for the modalities that the data set has."""
    train = dataset.split("train")
    voice, face = (fit_normalization(rows) if rows.width else None for rows in (train.voice, train.face))
    return Preprocessing(tokenizer, voice, face)


def fit_normalization(rows: Rows) -> Normalization:
    """Mean and standard deviation of every column over all rows, padding excluded; a constant column gets std 1.

    Computed in float64 block by block; blocks are merged as in Chan, Golub and LeVeque (1979). Raises DataError for
    non-finite values.
    """
    count, mean, squares = 0, np.zeros(rows.width), np.zeros(rows.width)
    for block in _blocks(rows):
        values = block.astype(np.float64)
        n, center = len(values), values.mean(axis=0)
        shift = center - mean
        squares += ((values - center) ** 2).sum(axis=0) + shift**2 * count * n / (count + n)
        mean += shift * n / (count + n)
        count += n
    std = np.sqrt(squares / max(count, 1))
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise DataError("the rows contain non-finite values: extract the features again")
    # float32 cannot represent a spread much below 1e-6 of the mean: such a column is constant up to rounding.
    std[std <= 1e-6 * np.maximum(np.abs(mean), 1e-6)] = 1.0
    return Normalization(mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def head_for(dataset: DataSet, target: Sequence[str]) -> HeadConfig:
    """The head for a target: ("M",), several scores such as ("valence", "arousal"), or one set of classes."""
    scores = {name for split in dataset.splits.values() for name in split.scores}
    if len(target) == 1 and target[0] in dataset.class_names:
        return HeadConfig(kind="classes", names=dataset.class_names[target[0]])
    unknown = next((name for name in target if name not in scores), None)
    if unknown is not None or not target:
        known = ", ".join((*sorted(scores), *dataset.class_names))
        raise DataError(f"{dataset.name} has no label {unknown!r}: it has {known}")
    if tuple(target) == ("M",):
        return HeadConfig(kind="intensity", names=(INTENSITY,))
    return HeadConfig(kind="regressions", names=tuple(target))


class SplitExamples:
    """One split, ready to be batched; tokenized on construction. See `Preprocessing` and `head_for`."""

    def __init__(self, split: Split, inputs: Preprocessing, target: Sequence[str]) -> None:
        for name, rows, normalization in (("voice", split.voice, inputs.voice), ("face", split.face, inputs.face)):
            expected = rows.width if normalization is None else len(normalization.mean)
            if rows.width not in (0, expected):
                raise DataError(f"the data set has {rows.width} {name} columns, the model expects {expected}")
        self._split = split
        self._inputs = inputs
        self._ids = [inputs.tokenizer.ids(text) if inputs.tokenizer else [] for text in split.texts]
        self._targets = _targets(split, target)
        self._costs = self._count_costs()

    def __len__(self) -> int:
        return len(self._split)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N]: tokens, then rows as a tie-breaker, since the text encoder does nearly all of the work."""
        return self._costs

    @property
    def vocabulary(self) -> frozenset[int]:
        """The token ids that occur in the split."""
        return frozenset(token for ids in self._ids for token in ids)

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs of the given examples, padded to the longest."""
        return Batch.of(
            text=self._pad_tokens(indices),
            voice=_pad_rows(self._split.voice, self._inputs.voice, indices),
            face=_pad_rows(self._split.face, self._inputs.face, indices),
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        """Their labels: [B, names] float32, NaN if unlabeled; for classes [B] int64, -1 if unlabeled."""
        return torch.from_numpy(self._targets[np.asarray(indices, np.int64)])

    def _pad_tokens(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        tokenizer = self._inputs.tokenizer
        if tokenizer is None:
            return torch.zeros(len(indices), 0, dtype=torch.long), torch.zeros(len(indices), 0, dtype=torch.bool)
        return tokenizer.pad([self._ids[index] for index in indices])

    def _count_costs(self) -> NDArray[np.int64]:
        used = ((self._split.voice, self._inputs.voice), (self._split.face, self._inputs.face))
        rows = sum((r.lengths for r, normalization in used if normalization), np.zeros(len(self), np.int64))
        tokens = np.array([len(ids) for ids in self._ids], np.int64)
        return tokens * _ROWS_WEIGHT + np.minimum(rows, _ROWS_WEIGHT - 1)


def _blocks(rows: Rows) -> Iterator[NDArray[np.float32]]:
    """The rows of all samples in blocks of about `_BLOCK` rows, none empty."""
    pending: list[NDArray[np.float32]] = []
    count = 0
    for sequence in rows:
        pending.append(sequence)
        count += len(sequence)
        if count >= _BLOCK:
            yield np.concatenate(pending)
            pending, count = [], 0
    if count:
        yield np.concatenate(pending)


def _targets(split: Split, target: Sequence[str]) -> NDArray[np.float32] | NDArray[np.int64]:
    if len(target) == 1 and target[0] in split.classes:
        return split.classes[target[0]]
    unlabeled = np.full(len(split), np.nan, np.float32)
    return np.stack([split.scores.get(name, unlabeled) for name in target], axis=1)


def _pad_rows(rows: Rows, normalization: Normalization | None, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """[B, longest, width] and lengths [B]; an unused modality has width and lengths 0."""
    if normalization is None:
        return torch.zeros(len(indices), 0, 0), torch.zeros(len(indices), dtype=torch.long)
    width = len(normalization.mean)
    sequences = [rows[index].reshape(-1, width) for index in indices]
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    padded = np.zeros((len(sequences), int(lengths.max(initial=0)), width), np.float32)
    inside = np.arange(padded.shape[1]) < lengths[:, None]
    # Boolean indexing is row-major, so the concatenated sequences fill the unpadded positions in order.
    padded[inside] = normalization.apply(np.concatenate([np.zeros((0, width), np.float32), *sequences]))
    return torch.from_numpy(padded), torch.from_numpy(lengths)
