"""A voice or a face with an emotion, as rows of the feature contract, and how such samples are kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmim_train.default_checkpoint.artifacts import Format
from mmim_train.default_checkpoint.emotion.valence import Emotion

Split = Literal["train", "valid"]

_FIELDS = ("source", "person", "emotion", "split")


@dataclass(frozen=True, slots=True, eq=False)
class EmotionSample:
    """One recording, or one still picture, of one person who shows one emotion."""

    source: str  # "ravdess", "emodb", "ferplus", "ckplus", "grid"
    person: str  # "" if unknown
    emotion: Emotion
    split: Split
    rows: NDArray[np.float32]  # [n, columns of the contract]; of a still: one row per variant of the picture


def of_split(samples: Sequence[EmotionSample], split: Split) -> list[EmotionSample]:
    """The samples of one split."""
    return [sample for sample in samples if sample.split == split]


def save_samples(samples: Sequence[EmotionSample], folder: Path) -> None:
    """Write samples into one .npz file."""
    np.savez_compressed(
        folder / "samples.npz",
        lengths=np.array([len(sample.rows) for sample in samples]),
        rows=np.concatenate([sample.rows for sample in samples]),
        source=np.array([sample.source for sample in samples]),
        person=np.array([sample.person for sample in samples]),
        emotion=np.array([sample.emotion for sample in samples]),
        split=np.array([sample.split for sample in samples]),
    )


def load_samples(folder: Path) -> list[EmotionSample]:
    """What `save_samples` wrote."""
    with np.load(folder / "samples.npz", allow_pickle=False) as file:
        parts = np.split(file["rows"], np.cumsum(file["lengths"])[:-1])
        fields = [file[name].tolist() for name in _FIELDS]
    return [
        EmotionSample(source, person, emotion, split, rows)
        for source, person, emotion, split, rows in zip(*fields, parts, strict=True)
    ]


SAMPLES: Format[list[EmotionSample]] = Format(save_samples, load_samples)
