"""The text encoder before MMIM: a small transformer and a head that reads the sentiment of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmim_live.model.encoders import TextEncoder, load_text_backbone
from mmim_live.model.tokenizer import TextTokenizer, load_pretrained_tokenizer
from mmim_train.default_checkpoint.text.sentences import SOURCES, Sentence

# A processor without instructions for bfloat16 emulates it: a step of MiniLM takes sixteen times as long as in float32.
BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class TextStageConfig(BaseModel):
    """Pretraining and finetuning of the text encoder. What has no prefix holds for both, or for finetuning alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["cls", "mean"] = "mean"
    max_tokens: int = 64
    batch: int = 32
    dropout: float = 0.2  # before the head, in finetuning; the transformer has its own
    clip: float = 1.0
    weight_decay: float = 0.01
    head_lr: float = 1e-3
    layer_decay: float = 0.9  # finetuning: factor on the learning rate per layer, from the top down
    pretraining_dropout: float = 0.1  # less than in finetuning: there are thirty times the sentences
    pretraining_layer_decay: float = 1.0
    pretraining_lr: float = 5e-5
    pretraining_epochs: int = 2
    finetuning_lr: float = 2.5e-5
    finetune_word_embeddings: bool = True
    replay_ratio: float = 1.0  # pretraining sentences per MOSI sentence in finetuning; each seed draws its own
    finetuning_epochs: int = 5
    averaged_epochs: int = 3  # the last ones of each finetuning seed
    seeds: tuple[int, ...] = (1, 2)


class SentenceModel(nn.Module):
    """A text encoder and a linear head, with a gain and an offset per source of ratings."""

    def __init__(self, backbone: nn.Module, config: TextStageConfig) -> None:
        super().__init__()
        self.encoder = TextEncoder(backbone, config.pooling)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.encoder.width, 1)
        self.gain = nn.Parameter(torch.ones(len(SOURCES)))
        self.offset = nn.Parameter(torch.zeros(len(SOURCES)))

    def forward(self, token_ids: Tensor, mask: Tensor, source: Tensor) -> Tensor:
        """[B, L], [B, L] bool, [B] indices into SOURCES -> scores [B]."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BFLOAT16 and token_ids.device.type == "cpu"):
            h = self.encoder(token_ids, mask).float()
        score: Tensor = self.head(self.dropout(h).float())[:, 0]
        return score * self.gain[source] + self.offset[source]

    @property
    def word_embeddings(self) -> nn.Parameter:
        """[vocabulary, width]."""
        backbone: Any = self.encoder.backbone
        weight: nn.Parameter = backbone.get_input_embeddings().weight
        return weight


@dataclass(frozen=True, slots=True, eq=False)
class TunedText:
    """A sentence model and its tokenizer."""

    model: SentenceModel
    tokenizer: TextTokenizer


def open_pretrained(folder: Path, config: TextStageConfig) -> TunedText:
    """A sentence model on the transformer in `folder`, with a new head."""
    backbone = load_text_backbone(str(folder), local_only=True)
    model = SentenceModel(backbone, config)
    # Frozen word embeddings save half of a pretraining step, and what is learned is no worse.
    model.word_embeddings.requires_grad_(False)
    return TunedText(model, load_pretrained_tokenizer(str(folder), config.max_tokens, local_only=True))


def save_tuned(text: TunedText, folder: Path) -> None:
    """Write the transformer as a folder that transformers reads, and the head beside it."""
    backbone: Any = text.model.encoder.backbone
    backbone.save_pretrained(folder)
    text.tokenizer.save(folder / "tokenizer.json")
    head = {name: value for name, value in text.model.state_dict().items() if "backbone" not in name}
    save_file(head, folder / "head.safetensors")


def load_tuned(folder: Path, config: TextStageConfig) -> TunedText:
    """What `save_tuned` wrote, ready to be tuned further."""
    text = open_pretrained(folder, config)
    text.model.load_state_dict({**text.model.state_dict(), **load_file(folder / "head.safetensors")})
    return text


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Tokenized sentences, ragged."""

    ids: list[list[int]]
    scores: NDArray[np.float32]  # [N]
    sources: NDArray[np.int64]  # [N], indices into SOURCES


def tokenize(sentences: Sequence[Sentence], tokenizer: TextTokenizer) -> Tokens:
    """Normalize and tokenize."""
    return Tokens(
        [tokenizer.ids(sentence.text) for sentence in sentences],
        np.array([sentence.score for sentence in sentences], np.float32),
        np.array([SOURCES.index(sentence.source) for sentence in sentences], np.int64),
    )


def pad_tokens(tokens: Tokens, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids [B, L], mask [B, L] bool, sources [B]."""
    rows = [tokens.ids[index] for index in chosen]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros(ids.shape, dtype=torch.bool)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = True
    return ids, mask, torch.from_numpy(tokens.sources[chosen])


@torch.inference_mode()
def predict(model: SentenceModel, tokens: Tokens, batch: int = 64) -> NDArray[np.float32]:
    """Scores [N], not clipped."""
    model.eval()
    order = sorted(range(len(tokens.ids)), key=lambda index: len(tokens.ids[index]))
    scores = np.zeros(len(order), np.float32)
    for start in range(0, len(order), batch):
        chosen = np.array(order[start : start + batch])
        scores[chosen] = model(*pad_tokens(tokens, chosen)).numpy()
    return scores
