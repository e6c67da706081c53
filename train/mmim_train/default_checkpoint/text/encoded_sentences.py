"""The sentences that triples are made with, and their encodings by the tuned text encoder.

MOSI's training sentences alone would not do: the encoder has memorized them, and a fusion that trains on them relies on
words too much. So the sentences that were held out from the encoder are added, on which it errs as it will in use.
Their ratings are put on MOSI's scale by regression on the encoder's own score: rating = a + b * score + error, so
(rating - a) / b is on the scale of the score, which is MOSI's, with the error it has. EmoBank's, which are nearly all
neutral, are left as they are: they teach what the absence of an opinion sounds like, of which MOSI has little.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.types import SCORE_LIMIT
from mmim_train.default_checkpoint.text.encoder import (
    BFLOAT16,
    SentenceModel,
    Tokens,
    TunedText,
    pad_tokens,
    tokenize,
)
from mmim_train.default_checkpoint.text.sentences import SOURCES, Sentence, Source

_USED: tuple[Source, ...] = ("sst", "vader", "emobank")
_MAX_SENTENCES: dict[Source, int] = {"emobank": 600}  # more would teach that nothing ever matters
_RESCALED: tuple[Source, ...] = ("sst", "vader")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSentences:
    """S sentences with a rating on MOSI's scale and their encodings."""

    texts: tuple[str, ...]
    ratings: NDArray[np.float32]  # [S]
    text_only_score: NDArray[np.float32]  # [S], by the head that the encoder was tuned with
    embeddings: Tensor  # [S, variants, width]: without dropout, then with


def encode_training_sentences(
    text: TunedText, sentences: Sequence[Sentence], variants: int, seed: int
) -> EncodedSentences:
    """MOSI's training sentences and those held out from the encoder."""
    chosen = [s for s in sentences if s.source == "mosi" and s.part == "fit"]
    for source in _USED:
        held_out = [s for s in sentences if s.source == source and s.part == "kept"]
        count = min(len(held_out), _MAX_SENTENCES.get(source, len(held_out)))
        chosen += random.Random(seed).sample(held_out, count)
    encoded = _encode(text, chosen, variants, seed)
    ratings = encoded.ratings.astype(np.float64)
    for source in _RESCALED:
        own = np.array([s.source == source for s in chosen])
        slope, offset = np.polyfit(encoded.text_only_score[own].astype(np.float64), ratings[own], 1)
        ratings[own] = (ratings[own] - offset) / slope
    return replace(encoded, ratings=ratings.clip(-SCORE_LIMIT, SCORE_LIMIT).astype(np.float32))


def encode_validation_sentences(text: TunedText, sentences: Sequence[Sentence]) -> EncodedSentences:
    """MOSI's validation sentences."""
    return _encode(text, [s for s in sentences if s.part == "valid"], 1, 0)


@torch.inference_mode()
def _encode(text: TunedText, sentences: Sequence[Sentence], variants: int, seed: int) -> EncodedSentences:
    model, tokens = text.model, tokenize(sentences, text.tokenizer)
    torch.manual_seed(seed)
    embeddings = torch.stack([embed(model, tokens, dropout=variant > 0) for variant in range(variants)], dim=1)
    mosi = SOURCES.index("mosi")
    score = model.head(embeddings[:, 0])[:, 0] * model.gain[mosi] + model.offset[mosi]
    texts = tuple(s.text for s in sentences)
    return EncodedSentences(texts, tokens.scores, score.clamp(-SCORE_LIMIT, SCORE_LIMIT).numpy(), embeddings.clone())


@torch.inference_mode()
def embed(model: SentenceModel, tokens: Tokens, dropout: bool, batch: int = 64) -> Tensor:
    """h_t of all sentences, [S, width]."""
    model.train(dropout)
    order = sorted(range(len(tokens.ids)), key=lambda index: len(tokens.ids[index]))
    found = torch.zeros(len(order), model.encoder.width)
    for start in range(0, len(order), batch):
        chosen = np.array(order[start : start + batch])
        ids, mask, _ = pad_tokens(tokens, chosen)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dropout and BFLOAT16):
            found[torch.from_numpy(chosen)] = model.encoder(ids, mask).float()
    model.eval()
    return found.clone()
