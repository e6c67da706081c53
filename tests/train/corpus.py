"""A small data set on disk with one feature vector per utterance, and a small text encoder in a folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "the", "film", "was", "a", "plot"]


def write_encoder(folder: Path) -> Path:
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    return folder


def write_data(folder: Path, test: bool = True) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train", 60), ("valid", 30), *((("test", 30),) if test else ())):
        label = rng.uniform(-3, 3, count).round(1).astype(np.float32)
        np.savez(
            folder / f"tiny_utterance_{name}.npz",
            id=np.array([f"{name}_{i}" for i in range(count)]),
            sentence=np.array([f"the film was {'good' if y > 0 else 'bad'} a plot" for y in label]),
            label=label,
            audio=(label[:, None] + rng.normal(size=(count, 5))).astype(np.float32),
            video=(label[:, None] + rng.normal(size=(count, 4))).astype(np.float32),
        )
    return folder


RECIPE = """
title = "A tiny set"
dataset = "mosi-utterance"
[published]
text_encoder = "nowhere"
max_tokens = 16
[corrected]
text_encoder = "nowhere"
max_tokens = 16
model = { voice_hidden = 4, face_hidden = 4, d_prj = 4, q_hidden = 8, fusion = 16, modality_dropout = 0.3 }
train = { epochs = 3, lr_main = 1e-2, lr_text = 1e-3 }
"""
