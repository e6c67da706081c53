"""The text encoder of a checkpoint, kept as it is: what it reads does not change when voices or faces do.

The same weights are written again, bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint import WEIGHTS, Checkpoint, load_checkpoint
from mmim_live.model.encoders import TextEncoder
from mmim_live.model.mmim import Batch
from mmim_train.default_checkpoint.artifacts import Artifacts, Key
from mmim_train.default_checkpoint.text.encoded_sentences import (
    embed,
    encode_training_sentences,
    encode_validation_sentences,
)
from mmim_train.default_checkpoint.text.encoder import SentenceModel, TextStageConfig, TunedText, tokenize
from mmim_train.default_checkpoint.text.sentences import Sentence, read_sentences
from mmim_train.default_checkpoint.text.stage import TextResult, sentences_digest, text_format

_RIDGE = 1e-2  # of the mean square of an embedding's column


def keep_text(
    folder: Path, data: Path, config: TextStageConfig, variants: int, seed: int, artifacts: Artifacts
) -> TextResult:
    """The text encoder of the checkpoint in `folder`, and what it reads in the sentences of the folder `data`.

    A linear head is fitted to the scores that the checkpoint gives to text alone. Raises CheckpointError, DataError.
    """
    sentences = read_sentences(data)
    key: Key[TunedText] = Key.of(
        "text-kept",
        text_format(config),
        checkpoint=weights_digest(folder),
        config=config,
        sentences=sentences_digest(sentences),
    )
    tuned = artifacts.get(key, lambda: open_kept(folder, sentences, config))
    return TextResult(
        key,
        tuned,
        encode_training_sentences(tuned, sentences, variants, seed),
        encode_validation_sentences(tuned, sentences),
    )


def weights_digest(folder: Path) -> str:
    """SHA-256 in hex of a checkpoint's weights. Raises CheckpointError."""
    try:
        with (folder / WEIGHTS).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read ({error.strerror or error})") from error


def open_kept(folder: Path, sentences: Sequence[Sentence], config: TextStageConfig) -> TunedText:
    """The text encoder of a checkpoint, with a head fitted on `sentences`. Raises CheckpointError."""
    checkpoint = load_checkpoint(folder, None)
    encoder, tokenizer = checkpoint.model.text_encoder, checkpoint.tokenizer
    if not isinstance(encoder, TextEncoder) or tokenizer is None:
        raise CheckpointError(f"{folder} reads no text: take a checkpoint with a text encoder")
    if (encoder.pooling, tokenizer.max_tokens) != (config.pooling, config.max_tokens):
        raise CheckpointError(f"{folder} reads text otherwise than the recipe (pooling or max_tokens)")
    text = TunedText(SentenceModel(encoder.backbone, config).eval(), tokenizer)
    _fit_head(text.model.head, checkpoint, text, [s for s in sentences if s.source == "mosi" or s.part == "kept"])
    return text


@torch.no_grad()
def _fit_head(head: nn.Linear, checkpoint: Checkpoint, text: TunedText, sentences: Sequence[Sentence]) -> None:
    """Ridge regression of the checkpoint's scores of sentences by text alone on their embeddings."""
    tokens = tokenize([s for s in sentences if s.part != "valid"], text.tokenizer)
    x = embed(text.model, tokens, dropout=False).double()
    y = torch.from_numpy(_scores(checkpoint, tokens.ids)).double()
    mean, offset = x.mean(dim=0), y.mean()
    gram = (x - mean).T @ (x - mean)
    gram += _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weight = torch.linalg.solve(gram, (x - mean).T @ (y - offset))
    head.weight.copy_(weight[None])
    head.bias.copy_((offset - weight @ mean)[None])


@torch.inference_mode()
def _scores(checkpoint: Checkpoint, rows: Sequence[list[int]], batch: int = 64) -> NDArray[np.float32]:
    assert checkpoint.tokenizer is not None
    model, found = checkpoint.model.eval(), []
    for start in range(0, len(rows), batch):
        encoded = model.encode(Batch.of(text=checkpoint.tokenizer.pad(rows[start : start + batch])))
        found.append(model.fuse(*encoded).prediction[:, 0])
    return torch.cat(found).numpy()
