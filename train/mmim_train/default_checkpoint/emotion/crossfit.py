"""Voice and face encoders, and their predictions for people they were not trained on: cross-fitting.

An encoder memorizes the people it was trained on. A fusion that trains on predictions for *them* relies on voices and
faces far too much when a stranger comes. So the people are split into folds, each encoder is trained on all folds but
one, and the fusion is trained on the predictions for the fold left out (Chernozhukov et al. 2018, Econometrics Journal
21). The mean of all encoders is the encoder that ships: one LSTM whose weights are block-diagonal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder
from mmim_train.default_checkpoint.artifacts import Format
from mmim_train.default_checkpoint.emotion.corpus import EmotionCorpus
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, of_split
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.unimodal import (
    EMOTIONS,
    UnimodalConfig,
    expected_sentiment,
    fit_unimodal,
    predict_logits,
)
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion
from mmim_train.default_checkpoint.log import Log

Logits = NDArray[np.float32]
LogitsByEmotion = Mapping[Emotion, Logits]  # [n, len(EMOTIONS)] by the emotion that was shown
MakeCorpus = Callable[[Sequence[EmotionSample]], EmotionCorpus]


@dataclass(frozen=True, slots=True, eq=False)
class EmotionEncoder:
    """The encoder of one modality and its predictions."""

    normalization: Normalization
    encoder: SequenceEncoder  # as wide as EMOTIONS
    out_of_fold: LogitsByEmotion  # for people of the training split, each by an encoder not trained on them
    valid: LogitsByEmotion  # for people of the validation split


def split_folds(samples: Sequence[EmotionSample], folds: int) -> list[list[EmotionSample]]:
    """Samples in folds that share no person; where the person is unknown, each sample counts as one."""
    people = {key: index for index, key in enumerate(sorted({(s.source, s.person) for s in samples if s.person}))}
    found: list[list[EmotionSample]] = [[] for _ in range(folds)]
    for number, sample in enumerate(samples):
        found[people.get((sample.source, sample.person), number) % folds].append(sample)
    return found


def cross_fit(
    samples: Sequence[EmotionSample],
    corpus_of: MakeCorpus,
    normalization: Normalization,
    *,
    config: UnimodalConfig,
    bidirectional: bool,
    seed: int,
    log: Log,
) -> EmotionEncoder:
    """Train on the training split, predict both splits; `corpus_of` some samples draws sequences from them alone."""
    folds = split_folds(of_split(samples, "train"), config.folds)
    encoders: list[SequenceEncoder] = []
    out_of_fold: dict[Emotion, list[Logits]] = {}
    for number, left_out in enumerate(folds):
        known = [sample for other, fold in enumerate(folds) if other != number for sample in fold]
        torch.manual_seed(seed + number)
        encoder = SequenceEncoder(len(normalization.mean), config.hidden, len(EMOTIONS), bidirectional)
        fit_unimodal(encoder, normalization, _draw_from(corpus_of(known), known), config, seed + number)
        found = predict_samples(
            encoder, normalization, corpus_of(left_out), left_out, each=config.sequences_per_sample, seed=seed + number
        )
        log(f"fold {number + 1} of {config.folds}: r {correlation(found):.3f} on the fold left out")
        encoders.append(encoder)
        for emotion, logits in found.items():
            out_of_fold.setdefault(emotion, []).append(logits)
    encoder, valid = mean_encoder(encoders), of_split(samples, "valid")
    predicted = predict_samples(
        encoder, normalization, corpus_of(valid), valid, each=config.sequences_per_sample, seed=seed
    )
    log(f"mean of the encoders: r {correlation(predicted):.3f} on validation")
    joined = {emotion: np.concatenate(logits) for emotion, logits in out_of_fold.items()}
    return EmotionEncoder(normalization, encoder, joined, predicted)


def predict_samples(
    encoder: SequenceEncoder,
    normalization: Normalization,
    corpus: EmotionCorpus,
    samples: Sequence[EmotionSample],
    *,
    each: int,
    seed: int,
) -> LogitsByEmotion:
    """Logits of `each` sequences per sample, drawn from `corpus`, by emotion."""
    draw = np.random.default_rng(seed)
    return {
        emotion: predict_logits(
            encoder,
            normalization,
            [corpus.draw(emotion, draw) for _ in range(each * sum(sample.emotion == emotion for sample in samples))],
        )
        for emotion in corpus.emotions
    }


def correlation(predicted: LogitsByEmotion) -> float:
    """r of the expected sentiment and the sentiment of the emotion that was shown."""
    found = np.concatenate([expected_sentiment(torch.from_numpy(logits)).numpy() for logits in predicted.values()])
    truth = np.concatenate([np.full(len(logits), SENTIMENT[emotion]) for emotion, logits in predicted.items()])
    return float(np.corrcoef(found, truth)[0, 1])


@torch.no_grad()
def mean_encoder(encoders: Sequence[SequenceEncoder]) -> SequenceEncoder:
    """One encoder that gives the mean of what several of one shape give."""
    first, count = encoders[0], len(encoders)
    lstm = first.lstm
    joined = SequenceEncoder(lstm.input_size, lstm.hidden_size * count, first.width, lstm.bidirectional)
    for name, target in joined.lstm.named_parameters():
        sources = [dict(encoder.lstm.named_parameters())[name] for encoder in encoders]
        gates = [tensor.chunk(4) for tensor in sources]  # input, forget, cell and output gate, stacked
        blocks = torch.block_diag if name.startswith("weight_hh") else lambda *parts: torch.cat(parts)
        target.copy_(torch.cat([blocks(*(gate[i] for gate in gates)) for i in range(4)]))
    directions = 2 if lstm.bidirectional else 1
    halves = [encoder.project.weight.chunk(directions, dim=1) for encoder in encoders]
    joined.project.weight.copy_(torch.cat([half[i] for i in range(directions) for half in halves], dim=1) / count)
    joined.project.bias.copy_(torch.stack([encoder.project.bias for encoder in encoders]).mean(dim=0))
    return joined


def save_encoder(fitted: EmotionEncoder, folder: Path) -> None:
    """Write an encoder and its predictions."""
    lstm = fitted.encoder.lstm
    meta = {
        "hidden": lstm.hidden_size,
        "columns": lstm.input_size,
        "bidirectional": lstm.bidirectional,
        "normalization": fitted.normalization.model_dump(mode="json"),
        # Triples are drawn by position among the emotions, so their order counts; safetensors sorts.
        "out_of_fold": list(fitted.out_of_fold),
        "valid": list(fitted.valid),
    }
    tensors: dict[str, Tensor] = {f"encoder.{name}": t for name, t in fitted.encoder.state_dict().items()}
    tensors |= {f"out_of_fold.{name}": torch.from_numpy(logits) for name, logits in fitted.out_of_fold.items()}
    tensors |= {f"valid.{name}": torch.from_numpy(logits) for name, logits in fitted.valid.items()}
    save_file(tensors, folder / "encoder.safetensors")
    (folder / "encoder.json").write_text(json.dumps(meta), encoding="utf-8")


def load_encoder(folder: Path) -> EmotionEncoder:
    """What `save_encoder` wrote."""
    meta = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "encoder.safetensors")
    encoder = SequenceEncoder(meta["columns"], meta["hidden"], len(EMOTIONS), meta["bidirectional"])
    encoder.load_state_dict({name: tensors[f"encoder.{name}"] for name in encoder.state_dict()})
    return EmotionEncoder(
        Normalization.model_validate(meta["normalization"]),
        encoder,
        {emotion: tensors[f"out_of_fold.{emotion}"].numpy() for emotion in meta["out_of_fold"]},
        {emotion: tensors[f"valid.{emotion}"].numpy() for emotion in meta["valid"]},
    )


EMOTION_ENCODER: Format[EmotionEncoder] = Format(save_encoder, load_encoder)


def _draw_from(
    corpus: EmotionCorpus, samples: Sequence[EmotionSample]
) -> Callable[[np.random.Generator], tuple[Rows, Emotion]]:
    """Emotions in equal shares half of the time, as often as they occur otherwise."""
    emotions = corpus.emotions
    counts = np.array([sum(sample.emotion == emotion for sample in samples) for emotion in emotions], np.float64)
    weights = 0.5 * counts / counts.sum() + 0.5 / len(counts)

    def sample(draw: np.random.Generator) -> tuple[Rows, Emotion]:
        emotion = emotions[draw.choice(len(emotions), p=weights)]
        return corpus.draw(emotion, draw), emotion

    return sample
