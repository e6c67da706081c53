"""What every reader returns: a dataset in memory (or memory-mapped), in one form whatever file it came from.

Sequences are ragged: every sample has exactly its own rows, never padding. All types are frozen; arrays may be
read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_live.types import FeatureContract, ModalityContract

SplitName = Literal["train", "valid", "test"]
Scoring = Literal["mosi", "sims", "affect"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One sequence of feature rows per sample, all in one array; a sequence of length 0 is an absent modality."""

    values: NDArray[np.float32]  # [any, width]
    starts: NDArray[np.int64]  # [N]
    lengths: NDArray[np.int64]  # [N]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        """The rows of one sample, [lengths[index], width]."""
        start = int(self.starts[index])
        return self.values[start : start + int(self.lengths[index])]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))

    @property
    def width(self) -> int:
        """The number of columns; 0 if the dataset lacks the modality."""
        return int(self.values.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One utterance. `scores` and `classes` hold only what is labeled."""

    id: str
    text: str  # as published, not normalized; may be empty
    voice: NDArray[np.float32]  # [Tv, dv]
    face: NDArray[np.float32]  # [Tf, df]
    scores: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The utterances of one split, by column; `split[i]` is one `Sample`."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    voice: Rows
    face: Rows
    scores: Mapping[str, NDArray[np.float32]]  # by name, [N]; NaN if not labeled
    classes: Mapping[str, NDArray[np.int64]]  # by name, [N]; -1 if not labeled

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            id=self.ids[index],
            text=self.texts[index],
            voice=self.voice[index],
            face=self.face[index],
            scores={k: float(v[index]) for k, v in self.scores.items() if not np.isnan(v[index])},
            classes={k: int(v[index]) for k, v in self.classes.items() if v[index] >= 0},
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a dataset came from, for logs, reports and model cards."""

    layout: str  # the reader: "mmsa", "mult", "misa", "store", ...
    path: Path
    sha256: str | None = None  # of the file, if there is one
    notes: tuple[str, ...] = ()  # worth knowing: a known file, replaced values, unexpected counts


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """A dataset with its splits, validated by `build_dataset`."""

    name: str
    language: str  # ISO 639-1
    scale: tuple[float, float]  # of the score "M"
    scoring: Scoring  # the protocol of the scores, see `mmim_train.evaluation.metrics`
    splits: Mapping[SplitName, Split]
    class_names: Mapping[str, tuple[str, ...]]  # of every entry of `Split.classes`
    provenance: Provenance
    contract: FeatureContract | None = None  # known only for our own feature stores

    def split(self, name: SplitName) -> Split:
        """The split; DataError if the files lack it."""
        if name not in self.splits:
            raise DataError(f"{self.provenance.path}: holds no {name} split, only {', '.join(self.splits)}")
        return self.splits[name]

    @property
    def feature_contract(self) -> FeatureContract:
        """`contract`, or for published features one that no live extractor matches: their columns have other names.

        The live path refuses a checkpoint trained on published features and says why. Text is the same everywhere.
        """
        if self.contract is not None:
            return self.contract
        from mmim_live.features.contract import CONTRACT  # the extractors import torch

        source = f"{self.name}, {self.provenance.layout} features"
        voice = tuple(f"{self.name} voice {i}" for i in range(self.voice_width))
        face = tuple(f"{self.name} face {i}" for i in range(self.face_width))
        return FeatureContract(
            text=CONTRACT.text,
            voice=ModalityContract(voice, 0.0, 1, source),
            face=ModalityContract(face, 0.0, 1, source),
        )

    @property
    def voice_width(self) -> int:
        """Columns of the voice rows; 0 if there are none."""
        return next(iter(self.splits.values())).voice.width

    @property
    def face_width(self) -> int:
        """Columns of the face rows; 0 if there are none."""
        return next(iter(self.splits.values())).face.width


def rows_from(sequences: Sequence[NDArray[np.float32]], width: int) -> Rows:
    """Join sequences [T_i, width] into one array."""
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    values = np.zeros((int(lengths.sum()), width), np.float32)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64) if len(lengths) else lengths
    for start, sequence in zip(starts, sequences, strict=True):
        values[start : start + len(sequence)] = sequence
    return Rows(values, starts, lengths)


def no_rows(count: int) -> Rows:
    """The rows of a modality that the dataset lacks."""
    return Rows(np.zeros((0, 0), np.float32), np.zeros(count, np.int64), np.zeros(count, np.int64))
