"""A tiny data set with signal in every modality, and a small random BERT."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.mmim import MMIM, Batch, HeadConfig, MMIMConfig
from mmim_train.evaluation.scoring import prediction_metrics

VOCABULARY, VOICE, FACE = 20, 4, 3
SMALL_BERT: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 16,
}
CPU = torch.device("cpu")
MOSI = partial(prediction_metrics, HeadConfig(), "mosi")


class Synthetic:
    """`count` utterances; text, voice and face are each informative. A fraction `absent` of modalities is missing."""

    def __init__(self, count: int, seed: int = 0, absent: float = 0.0, classes: int = 0) -> None:
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randn(count, 1, generator=g).clamp(-3, 3)
        self.lengths = torch.randint(1, 9, (count, 3), generator=g)
        self.present = torch.rand(count, 3, generator=g) >= absent
        noise = torch.randn(count, 8, VOICE + FACE, generator=g)
        self.rows = noise * 0.3 + self.labels[:, :, None]
        tokens = torch.randint(10, VOCABULARY, (count, 8), generator=g)
        # The first token gives the sign.
        tokens[:, 0] = torch.where(self.labels[:, 0] > 0, 2, 3)
        self.tokens = tokens
        self.classes = classes

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.lengths[:, 0].numpy()

    @property
    def vocabulary(self) -> frozenset[int]:
        return frozenset(self.tokens.flatten().tolist())

    def batch(self, indices: Sequence[int]) -> Batch:
        i = torch.tensor(list(indices), dtype=torch.long)
        lengths = self.lengths[i]
        text, voice, face = (int(n) for n in lengths.amax(dim=0))
        return Batch.of(
            text=(self.tokens[i, :text], torch.arange(text) < lengths[:, :1]),
            voice=(self.rows[i, :voice, :VOICE], lengths[:, 1]),
            face=(self.rows[i, :face, VOICE:], lengths[:, 2]),
            present=self.present[i],
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        values = self.labels[list(indices)]
        if not self.classes:
            return values
        return ((values[:, 0] + 3) / 6 * self.classes).long().clamp(max=self.classes - 1)


def small_model(seed: int = 1, **changes: Any) -> MMIM:
    fields: dict[str, Any] = {
        "text_encoder": SMALL_BERT,
        "voice_dim": VOICE,
        "face_dim": FACE,
        "voice_hidden": 8,
        "face_hidden": 8,
        "d_prj": 4,
        "q_hidden": 8,
        "fusion": 16,
    }
    torch.manual_seed(seed)
    return MMIM(MMIMConfig(**(fields | changes)))


def no_dropout() -> dict[str, Any]:
    return {
        "dropout": 0.0,
        "text_encoder": SMALL_BERT | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    }
