"""Examples with parts missing, to test robustness: random frames and words, or whole modalities.

The usual protocol: at rate p, every voice frame, face frame and word piece is dropped independently with probability p
and removed from its sequence; a modality whose sequence becomes empty is absent. The special tokens at both ends of a
text are kept as long as a word piece between them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.checkpoint_config import coalition_name
from mmim_live.model.mmim import Batch
from mmim_live.types import MODALITIES, Modality
from mmim_train.training.examples import Examples
from mmim_train.training.seeding import Purpose, derived_seed

RATES = tuple(round(0.1 * i, 1) for i in range(10))


@dataclass(frozen=True, slots=True, eq=False)
class FramesMissing:
    """Examples with a fraction of frames and words dropped: always the same ones, by seed and example index."""

    whole: Examples
    rate: float
    seed: int = 0

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.whole.costs

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self.whole.targets(indices)

    def batch(self, indices: Sequence[int]) -> Batch:
        batch = self.whole.batch(indices)
        if self.rate == 0:
            return batch
        key = (self.seed, Purpose.MISSING, round(self.rate * 1000))
        draws = [np.random.default_rng(derived_seed(*key, index)) for index in indices]
        tokens, mask = _drop(batch.token_ids, batch.token_mask, draws, self.rate, ends=1)
        voice, voice_mask = _drop(batch.voice, _inside(batch.voice, batch.voice_lengths), draws, self.rate)
        face, face_mask = _drop(batch.face, _inside(batch.face, batch.face_lengths), draws, self.rate)
        return Batch.of(
            text=(tokens, mask),
            voice=(voice, voice_mask.sum(dim=1)),
            face=(face, face_mask.sum(dim=1)),
            present=batch.present,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ModalitiesMissing:
    """Examples with only some modalities present."""

    whole: Examples
    kept: tuple[Modality, ...]

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.whole.costs

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self.whole.targets(indices)

    def batch(self, indices: Sequence[int]) -> Batch:
        batch = self.whole.batch(indices)
        return replace(batch, present=batch.present & torch.tensor([m in self.kept for m in MODALITIES]))


def coalitions(used: Sequence[Modality]) -> dict[str, tuple[Modality, ...]]:
    """All non-empty subsets of a model's modalities by name, from single ones to the full set."""
    masks = sorted(range(1, 8), key=lambda mask: (mask.bit_count(), mask))
    sets = [tuple(m for i, m in enumerate(MODALITIES) if mask >> i & 1) for mask in masks]
    return {coalition_name([m in s for m in MODALITIES]): s for s in sets if set(s) <= set(used)}


def _inside(rows: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(rows.shape[1]) < lengths.unsqueeze(1)


def _drop(
    values: Tensor, mask: Tensor, draws: Sequence[np.random.Generator], rate: float, ends: int = 0
) -> tuple[Tensor, Tensor]:
    """Drop random positions of values [B, T, ...] and mask [B, T] and close the gaps; `ends` at both ends are kept."""
    kept_values, kept_mask = torch.zeros_like(values), torch.zeros_like(mask)
    for row, draw in enumerate(draws):
        positions = torch.nonzero(mask[row])[:, 0]
        inner = positions[ends : len(positions) - ends] if ends else positions
        kept = inner[torch.from_numpy(draw.random(len(inner)) >= rate)]
        if ends and len(kept):
            kept = torch.cat((positions[:ends], kept, positions[len(positions) - ends :]))
        kept_values[row, : len(kept)] = values[row, kept]
        kept_mask[row, : len(kept)] = True
    return kept_values, kept_mask
