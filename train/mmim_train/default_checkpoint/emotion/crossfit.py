"""Voice and face encoders, and what they say of people they do not know: cross-fitting.

An encoder knows by heart whom it learned from. A fusion that learns on what it says of *them* trusts voices and faces
far too much when a stranger comes. So the people are cut into parts, each encoder learns from all parts but one, and
what the fusion learns on is what it says of the one left out (Chernozhukov et al. 2018, Econometrics Journal 21). All
encoders side by side make the encoder that ships: their mean, which is one LSTM whose weights are block-diagonal.

Knows samples and sequences; no words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, Log
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.unimodal import (
    EMOTIONS,
    UnimodalConfig,
    expected_sentiment,
    fit_unimodal,
    predict_logits,
)
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

Logits = NDArray[np.float32]
Sampler = Callable[[Emotion, np.random.Generator], Rows]  # a sequence that shows an emotion
Readings = Mapping[Emotion, Logits]  # [n, len(EMOTIONS)] by the emotion that was shown


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """An encoder of one modality and its readings."""

    encoder: SequenceEncoder  # as wide as EMOTIONS
    out_of_fold: Readings  # of the people of the train side, each read by an encoder that does not know them


def cut(samples: Sequence[EmotionSample], folds: int) -> list[list[EmotionSample]]:
    """Samples in parts that share no person; where nobody knows who it is, each sample is a person."""
    people = {key: index for index, key in enumerate(sorted({(p.source, p.person) for p in samples if p.person}))}
    found: list[list[EmotionSample]] = [[] for _ in range(folds)]
    for number, sample in enumerate(samples):
        found[people.get((sample.source, sample.person), number) % folds].append(sample)
    return found


def cross_fit(
    samples: Sequence[EmotionSample],
    sampler: Callable[[Sequence[EmotionSample]], Mapping[Emotion, Sampler]],
    normalisation: Normalization,
    config: UnimodalConfig,
    bidirectional: bool,
    seed: int,
    log: Log,
) -> CrossFit:
    """Learn from samples of the train side; `sampler` makes what draws sequences from some of them."""
    parts = cut(samples, config.folds)
    encoders: list[SequenceEncoder] = []
    out_of_fold: dict[Emotion, list[Logits]] = {}
    for number, left_out in enumerate(parts):
        known = [sample for other, part in enumerate(parts) if other != number for sample in part]
        torch.manual_seed(seed + number)
        encoder = SequenceEncoder(len(normalisation.mean), config.hidden, len(EMOTIONS), bidirectional)
        fit_unimodal(encoder, normalisation, _mixed(sampler(known), known), config, seed + number)
        found = read_all(encoder, normalisation, sampler(left_out), left_out, config.readings, seed + number)
        log(f"part {number + 1} of {config.folds}: r {correlation(found):.3f} on the part that was left out")
        encoders.append(encoder)
        for emotion, logits in found.items():
            out_of_fold.setdefault(emotion, []).append(logits)
    return CrossFit(
        side_by_side(encoders), {emotion: np.concatenate(logits) for emotion, logits in out_of_fold.items()}
    )


def read_all(
    encoder: SequenceEncoder,
    normalisation: Normalization,
    samplers: Mapping[Emotion, Sampler],
    samples: Sequence[EmotionSample],
    each: int,
    seed: int,
) -> Readings:
    """The readings of `each` sequences a sample, by emotion."""
    draw = np.random.default_rng(seed)
    return {
        emotion: predict_logits(
            encoder,
            normalisation,
            [make(emotion, draw) for _ in range(each * sum(sample.emotion == emotion for sample in samples))],
        )
        for emotion, make in samplers.items()
    }


def correlation(readings: Readings) -> float:
    """r of expected sentiment and the sentiment of the emotion shown."""
    found = np.concatenate([expected_sentiment(torch.from_numpy(logits)).numpy() for logits in readings.values()])
    truth = np.concatenate([np.full(len(logits), SENTIMENT[emotion]) for emotion, logits in readings.items()])
    return float(np.corrcoef(found, truth)[0, 1])


@torch.no_grad()
def side_by_side(encoders: Sequence[SequenceEncoder]) -> SequenceEncoder:
    """One encoder that gives the mean of what several of one shape give."""
    first, count = encoders[0], len(encoders)
    lstm = first.lstm
    joined = SequenceEncoder(lstm.input_size, lstm.hidden_size * count, first.width, lstm.bidirectional)
    for name, target in joined.lstm.named_parameters():
        sources = [dict(encoder.lstm.named_parameters())[name] for encoder in encoders]
        gates = [tensor.chunk(4) for tensor in sources]  # input, forget, cell and output gate, one upon another
        blocks = torch.block_diag if name.startswith("weight_hh") else lambda *parts: torch.cat(parts)
        target.copy_(torch.cat([blocks(*(gate[i] for gate in gates)) for i in range(4)]))
    directions = 2 if lstm.bidirectional else 1
    halves = [encoder.project.weight.chunk(directions, dim=1) for encoder in encoders]
    joined.project.weight.copy_(torch.cat([half[i] for i in range(directions) for half in halves], dim=1) / count)
    joined.project.bias.copy_(torch.stack([encoder.project.bias for encoder in encoders]).mean(dim=0))
    return joined


def save_crossed(crossed: CrossFit, path: Path, key: str) -> None:
    """Keep it in a file, with what it depends on."""
    lstm = crossed.encoder.lstm
    shape = {"hidden": lstm.hidden_size, "columns": lstm.input_size, "bidirectional": lstm.bidirectional}
    readings = {emotion: torch.from_numpy(logits) for emotion, logits in crossed.out_of_fold.items()}
    torch.save(
        {"key": key, "shape": json.dumps(shape), "encoder": crossed.encoder.state_dict(), "out_of_fold": readings}, path
    )


def load_crossed(path: Path, key: str) -> CrossFit | None:
    """What `save_crossed` kept, or None where there is none or it depends on something else."""
    if not path.is_file():
        return None
    kept = torch.load(path, weights_only=True)
    if kept["key"] != key:
        return None
    shape = json.loads(kept["shape"])
    encoder = SequenceEncoder(shape["columns"], shape["hidden"], len(EMOTIONS), shape["bidirectional"])
    encoder.load_state_dict(kept["encoder"])
    readings: dict[Emotion, Tensor] = kept["out_of_fold"]
    return CrossFit(encoder, {emotion: logits.numpy() for emotion, logits in readings.items()})


def _mixed(
    samplers: Mapping[Emotion, Sampler], samples: Sequence[EmotionSample]
) -> Callable[[np.random.Generator], tuple[Rows, Emotion]]:
    """Emotions in equal shares half of the time, as often as they occur otherwise."""
    emotions = tuple(samplers)
    counts = np.array([sum(sample.emotion == emotion for sample in samples) for emotion in emotions], np.float64)
    weights = 0.5 * counts / counts.sum() + 0.5 / len(counts)

    def sample(draw: np.random.Generator) -> tuple[Rows, Emotion]:
        emotion = emotions[draw.choice(len(emotions), p=weights)]
        return samplers[emotion](emotion, draw), emotion

    return sample
