"""The text stage: pretraining, finetuning, and encoding of the sentences that triples are made with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mmim_live.assets import MINILM, obtain
from mmim_train.default_checkpoint.artifacts import Artifacts, Format, Key
from mmim_train.default_checkpoint.log import Log
from mmim_train.default_checkpoint.text.encoded_sentences import (
    EncodedSentences,
    encode_training_sentences,
    encode_validation_sentences,
)
from mmim_train.default_checkpoint.text.encoder import TextStageConfig, TunedText, load_tuned, save_tuned
from mmim_train.default_checkpoint.text.sentences import Sentence, read_sentences
from mmim_train.default_checkpoint.text.tuning import finetune, pretrain

# The other fields of TextStageConfig decide what pretraining makes.
_FINETUNING_ONLY = {
    "dropout",
    "layer_decay",
    "finetuning_lr",
    "finetune_word_embeddings",
    "replay_ratio",
    "finetuning_epochs",
    "averaged_epochs",
    "seeds",
}


@dataclass(frozen=True, slots=True, eq=False)
class TextResult:
    """The tuned text encoder, and what it reads in the sentences of both splits."""

    key: Key[TunedText]
    tuned: TunedText
    train: EncodedSentences
    valid: EncodedSentences


def tune_text(
    data: Path, config: TextStageConfig, variants: int, seed: int, artifacts: Artifacts, log: Log
) -> TextResult:
    """Tune the encoder on all sentences of the folder `data`, then encode those that triples are made with.

    `variants` encodings of each training sentence: one without dropout, the others with. Raises DataError, AssetError.
    """
    sentences = read_sentences(data)
    first = pretraining_key(sentences, config)
    key = finetuning_key(sentences, config)
    if not artifacts.has(key):
        artifacts.get(first, lambda: pretrain(obtain(MINILM.name).folder, sentences, config, log))
    tuned = artifacts.get(key, lambda: finetune(artifacts.folder(first), sentences, config, log))
    return TextResult(
        key,
        tuned,
        encode_training_sentences(tuned, sentences, variants, seed),
        encode_validation_sentences(tuned, sentences),
    )


def pretraining_key(sentences: Sequence[Sentence], config: TextStageConfig) -> Key[TunedText]:
    """Depends on the pretrained transformer, the settings of pretraining and the sentences that are not MOSI's."""
    return Key.of(
        "text-pretrained",
        text_format(config),
        base=MINILM.sha256,
        config=config.model_dump(mode="json", exclude=_FINETUNING_ONLY),
        sentences=sentences_digest([s for s in sentences if s.source != "mosi"]),
    )


def finetuning_key(sentences: Sequence[Sentence], config: TextStageConfig) -> Key[TunedText]:
    """Depends on what pretraining made, on all settings and on all sentences."""
    return Key.of(
        "text-finetuned",
        text_format(config),
        pretrained=pretraining_key(sentences, config),
        config=config,
        sentences=sentences_digest(sentences),
    )


def text_format(config: TextStageConfig) -> Format[TunedText]:
    """How a tuned text encoder is kept."""
    return Format(save_tuned, partial(load_tuned, config=config))


def sentences_digest(sentences: Sequence[Sentence]) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256("\n".join(map(repr, sentences)).encode()).hexdigest()
