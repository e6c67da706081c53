"""A voice or face encoder by itself, before fusion with text: it learns to classify emotions.

In a triple the words explain most of the rating, and what is left for a voice to learn from is faint. So each encoder
is trained alone first. It learns classes: sentiment is not linear in the features of a voice (anger and joy are both
loud), and an encoder that has to name the emotion predicts its sentiment better than one that regresses the number (on
unseen actors of RAVDESS: r .52 against .29). Its unimodal score is the expected sentiment of the emotions.

The representation is the logits of the emotions themselves, so encoders trained on different people share coordinates:
the prediction of one for a person it has not seen can be replaced by that of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

DrawSequence = Callable[[np.random.Generator], tuple[Rows, Emotion]]
EMOTIONS: tuple[Emotion, ...] = tuple(sorted(SENTIMENT))
_VALUES = torch.tensor([SENTIMENT[emotion] for emotion in EMOTIONS])


class UnimodalConfig(BaseModel):
    """How the encoder of one modality is trained by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = 48  # of each fold's LSTM
    folds: int = 3  # of people; one encoder each
    sequences_per_sample: int = 4  # drawn for each sample that is predicted
    steps: int = 1600
    batch: int = 32
    lr: float = 3e-3
    weight_decay: float = 1e-2
    dropout: float = 0.4  # of the last state
    noise: float = 0.5  # standard deviation, added to every normalized column
    max_masked_columns: int = 8  # adjacent columns that are zeroed, as in SpecAugment (Park et al. 2019)
    label_smoothing: float = 0.1
    sentiment_weight: float = 0.3  # of the squared error of the expected sentiment


def expected_sentiment(logits: Tensor) -> Tensor:
    """The expected sentiment [B] of logits of the emotions [B, len(EMOTIONS)]."""
    probabilities: Tensor = logits.softmax(dim=1)
    return probabilities @ _VALUES


def fit_unimodal(
    encoder: SequenceEncoder,
    normalization: Normalization,
    sample: DrawSequence,
    config: UnimodalConfig,
    seed: int,
) -> None:
    """Train an encoder of width len(EMOTIONS) in place, on sequences drawn by `sample`.

    The final weights are an exponential moving average over the last steps.
    """
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    parameters = list(encoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=config.steps, pct_start=0.1)
    mean = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
    encoder.train()
    for step in range(1, config.steps + 1):
        drawn = [sample(draw) for _ in range(config.batch)]
        rows, lengths = pad([normalization.apply(rows) for rows, _ in drawn])
        _augment(rows, config, draw)
        classes = torch.tensor([EMOTIONS.index(emotion) for _, emotion in drawn])
        logits = encoder.project(dropout(encoder.state(rows, lengths), config.dropout))
        loss = cross_entropy(logits, classes, label_smoothing=config.label_smoothing)
        loss = loss + config.sentiment_weight * (expected_sentiment(logits) - _VALUES[classes]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        for name, value in encoder.state_dict().items():
            mean[name].lerp_(value, max(0.01, 1 / (step / 10 + 1)))
    encoder.load_state_dict(mean)


@torch.inference_mode()
def predict_logits(
    encoder: SequenceEncoder, normalization: Normalization, sequences: Sequence[Rows], batch: int = 64
) -> NDArray[np.float32]:
    """The logits of sequences, [N, len(EMOTIONS)]."""
    encoder.eval()
    found = np.zeros((len(sequences), encoder.width), np.float32)
    order = np.argsort([len(rows) for rows in sequences], kind="stable")
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        rows, lengths = pad([normalization.apply(sequences[index]) for index in chosen])
        found[chosen] = encoder(rows, lengths).numpy()
    return found


def pad(sequences: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """[B, longest, columns] and lengths [B]."""
    lengths = torch.tensor([len(rows) for rows in sequences])
    padded = torch.zeros(len(sequences), int(lengths.max()), sequences[0].shape[1])
    for target, rows in zip(padded, sequences, strict=True):
        target[: len(rows)] = torch.from_numpy(rows)
    return padded, lengths


def _augment(rows: Tensor, config: UnimodalConfig, draw: np.random.Generator) -> None:
    """Add noise to all columns, and zero some adjacent columns of each sequence."""
    rows += config.noise * torch.randn_like(rows)
    columns = rows.shape[2]
    for sequence in rows:
        width = int(draw.integers(config.max_masked_columns + 1))
        first = int(draw.integers(columns - width + 1))
        sequence[:, first : first + width] = 0.0
