"""Scores of a trained model on one modality by itself, through its real encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.model.mmim import MMIM, Batch
from mmim_live.types import SCORE_LIMIT
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.unimodal import pad
from mmim_train.default_checkpoint.fusion.stage import TrainedModel

Numbers = NDArray[np.float64]


def score_text(trained: TrainedModel, text: str) -> Numbers:
    """The score [1] of a sentence."""
    return _score(trained.model, Batch.of(text=trained.tokenizer.encode([text])))


def score_voices(trained: TrainedModel, sequences: Sequence[Rows]) -> Numbers:
    """The scores [N] of voices."""
    rows = [trained.voice.apply(each) for each in sequences]
    return np.concatenate([_score(trained.model, Batch.of(voice=pad(part))) for part in _parts(rows)])


def score_faces(trained: TrainedModel, sequences: Sequence[Rows]) -> Numbers:
    """The scores [N] of faces."""
    rows = [trained.face.apply(each) for each in sequences]
    return np.concatenate([_score(trained.model, Batch.of(face=pad(part))) for part in _parts(rows)])


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Floats to four decimals."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _parts(rows: list[Rows], batch: int = 64) -> list[list[Rows]]:
    return [rows[start : start + batch] for start in range(0, len(rows), batch)]


@torch.inference_mode()
def _score(model: MMIM, batch: Batch) -> Numbers:
    model.eval()
    prediction = model.fuse(*model.encode(batch)).prediction[:, 0]
    return prediction.clamp(-SCORE_LIMIT, SCORE_LIMIT).double().numpy()
