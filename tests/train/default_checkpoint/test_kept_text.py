"""The text encoder that a new checkpoint takes over from another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mmim_live.errors import CheckpointError
from mmim_live.model.checkpoint import load_checkpoint, save_checkpoint
from mmim_live.model.mmim import Batch
from mmim_train.default_checkpoint.text.encoder import TextStageConfig
from mmim_train.default_checkpoint.text.kept import open_kept, weights_digest
from mmim_train.default_checkpoint.text.sentences import Sentence
from tests.model.small import checkpoint_config, small_model, small_tokenizer

SENTENCES = [
    Sentence(f"{first} {verb} {rest}", 0.0, "mosi", "fit")
    for first in ("i", "it", "this")
    for verb in ("love", "hate", "really")
    for rest in ("movie", "this movie", "it", "loves", "hates")
]


def saved(folder: Path, **architecture: Any) -> Path:
    model = small_model(**architecture)
    tokenizer = small_tokenizer() if "text" in model.config.modalities else None
    save_checkpoint(folder, model, checkpoint_config(model), tokenizer, "card")
    return folder


def test_the_encoder_stays_as_it_is_and_the_head_reads_what_the_checkpoint_read(tmp_path: Path) -> None:
    folder = saved(tmp_path / "before")
    before = load_checkpoint(folder, None)
    kept = open_kept(folder, SENTENCES, TextStageConfig(pooling="cls", max_tokens=16))
    assert before.model.text_encoder is not None
    weights = before.model.text_encoder.state_dict()
    found = kept.model.encoder.backbone.state_dict()
    assert found
    assert all(torch.equal(tensor, weights[f"backbone.{name}"]) for name, tensor in found.items())
    tokens = small_tokenizer().encode([sentence.text for sentence in SENTENCES])
    with torch.inference_mode():
        scores = before.model.fuse(*before.model.encode(Batch.of(text=tokens))).prediction[:, 0]
        again = kept.model.head(kept.model.encoder(*tokens))[:, 0]
    assert torch.corrcoef(torch.stack((scores, again)))[0, 1] > 0.95
    assert len(weights_digest(folder)) == 64


def test_a_checkpoint_that_reads_otherwise_or_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = saved(tmp_path / "before")
    for config in (TextStageConfig(pooling="mean", max_tokens=16), TextStageConfig(pooling="cls", max_tokens=20)):
        with pytest.raises(CheckpointError, match="otherwise than the recipe"):
            open_kept(folder, SENTENCES, config)
    silent = saved(tmp_path / "silent", modalities=("voice", "face"), text_encoder=None)
    with pytest.raises(CheckpointError, match="reads no text"):
        open_kept(silent, SENTENCES, TextStageConfig())
