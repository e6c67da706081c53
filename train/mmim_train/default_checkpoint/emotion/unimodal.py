"""A voice or face encoder by itself, before it is joined with words: it learns to tell emotions apart.

In a triple the words say most of the rating, and what is left for a voice to learn from is faint. So each encoder
learns alone first. It learns classes: what is pleasant about a voice is no straight line through its features (anger
and joy are both loud), and an encoder that has to name the emotion reads its sentiment better than one that learns the
number (on unseen actors of RAVDESS: r .52 against .29). The reading alone is the expected sentiment of the emotions.

The representation is the logits of the emotions themselves, so encoders that learned from different people speak of the
same coordinates: what one says of a stranger can stand for what another says of a stranger of its own.
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

Draw = Callable[[np.random.Generator], tuple[Rows, Emotion]]
EMOTIONS: tuple[Emotion, ...] = tuple(sorted(SENTIMENT))
_VALUES = torch.tensor([SENTIMENT[emotion] for emotion in EMOTIONS])


class UnimodalConfig(BaseModel):
    """How an encoder learns alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = 48  # of each of the LSTMs
    folds: int = 3  # parts of the people; one encoder for each
    readings: int = 4  # sequences drawn for each sample that an encoder does not know
    steps: int = 1600
    batch: int = 32
    rate: float = 3e-3
    weight_decay: float = 1e-2
    dropout: float = 0.4  # of the last state
    noise: float = 0.5  # added to every normalised column
    masked: int = 8  # at most so many neighbouring columns are blanked, as in SpecAugment (Park et al. 2019)
    smoothing: float = 0.1  # of the classes
    number: float = 0.3  # weight of the squared error of the expected sentiment


def expected_sentiment(logits: Tensor) -> Tensor:
    """The expected sentiment [B] of logits of the emotions [B, len(EMOTIONS)]."""
    named: Tensor = logits.softmax(dim=1)
    return named @ _VALUES


def fit_unimodal(
    encoder: SequenceEncoder,
    normalisation: Normalization,
    sample: Draw,
    config: UnimodalConfig,
    seed: int,
    look: Callable[[int, float], None] = lambda _step, _loss: None,
) -> None:
    """Train in place an encoder as wide as EMOTIONS on sequences drawn by `sample`.

    The weights end as a running mean over the last steps (EMA).
    """
    draw = np.random.default_rng(seed)
    torch.manual_seed(seed)
    parameters = list(encoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=config.rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=config.steps, pct_start=0.1)
    mean = {name: value.detach().clone() for name, value in encoder.state_dict().items()}
    total, every = 0.0, max(1, config.steps // 8)
    encoder.train()
    for step in range(1, config.steps + 1):
        drawn = [sample(draw) for _ in range(config.batch)]
        rows, lengths = pad([normalisation.apply(rows) for rows, _ in drawn])
        _disturb(rows, config, draw)
        classes = torch.tensor([EMOTIONS.index(emotion) for _, emotion in drawn])
        logits = encoder.project(dropout(encoder.state(rows, lengths), config.dropout))
        loss = cross_entropy(logits, classes, label_smoothing=config.smoothing)
        loss = loss + config.number * (expected_sentiment(logits) - _VALUES[classes]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += float(loss.detach())
        for name, value in encoder.state_dict().items():
            mean[name].lerp_(value, max(0.01, 1 / (step / 10 + 1)))
        if step % every == 0:
            look(step, total / every)
            total = 0.0
    encoder.load_state_dict(mean)


@torch.inference_mode()
def predict_logits(
    encoder: SequenceEncoder, normalisation: Normalization, sequences: Sequence[Rows], batch: int = 64
) -> NDArray[np.float32]:
    """The logits that an encoder gives sequences, [N, len(EMOTIONS)]."""
    encoder.eval()
    found = np.zeros((len(sequences), encoder.width), np.float32)
    order = np.argsort([len(rows) for rows in sequences], kind="stable")
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        rows, lengths = pad([normalisation.apply(sequences[index]) for index in chosen])
        found[chosen] = encoder(rows, lengths).numpy()
    return found


def pad(sequences: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """[B, longest, columns] and lengths [B]."""
    lengths = torch.tensor([len(rows) for rows in sequences])
    padded = torch.zeros(len(sequences), int(lengths.max()), sequences[0].shape[1])
    for target, rows in zip(padded, sequences, strict=True):
        target[: len(rows)] = torch.from_numpy(rows)
    return padded, lengths


def _disturb(rows: Tensor, config: UnimodalConfig, draw: np.random.Generator) -> None:
    """Noise on all columns, and some neighbouring columns of each sequence blanked."""
    rows += config.noise * torch.randn_like(rows)
    columns = rows.shape[2]
    for sequence in rows:
        width = int(draw.integers(config.masked + 1))
        first = int(draw.integers(columns - width + 1))
        sequence[:, first : first + width] = 0.0
