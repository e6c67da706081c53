"""The sentences that triples are composed with, and what the tuned text encoder says of each of them.

MOSI's training sentences alone would not do: the encoder knows them by heart, and a model that learns to fuse on them
trusts words too much. So the sentences that were kept back from the encoder join them, where it errs as it will in use.
Their ratings are put on MOSI's scale by regression on the encoder's own reading: rating = a + b * reading + error, so
(rating - a) / b is on the scale of the reading, which is MOSI's, with the error it has. EmoBank's, which are nearly all
neutral, are left as they are: they teach what no opinion sounds like, of which MOSI has little.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.manifest import SCORE_LIMIT
from mmim_live.model.tokenizer import TextTokenizer
from mmim_train.sentences import SOURCES, Sentence, Source
from mmim_train.text_stage import BFLOAT16, SentenceModel, Tokens, pad_tokens, predict, tokenise

_USED: tuple[Source, ...] = ("sst", "vader", "emobank")
_MOST: dict[Source, int] = {"emobank": 600}  # more would teach that nothing ever matters
_PARTIAL: tuple[Source, ...] = ("sst", "vader")  # these take sides


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Sentences with a rating on MOSI's scale and the encoder's readings of them."""

    texts: tuple[str, ...]
    ratings: NDArray[np.float32]  # [S]
    alone: NDArray[np.float32]  # [S], what the encoder by itself reads, with the head that it was tuned with
    table: Tensor  # [S, variants, width]: without dropout, then with


def kept_words(
    model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence], variants: int, seed: int
) -> Words:
    """MOSI's training sentences and those kept back, ready to be composed with."""
    chosen = [s for s in sentences if s.source == "mosi" and s.part == "fit"]
    ratings = [np.array([s.score for s in chosen], np.float32)]
    for source in _USED:
        kept = [s for s in sentences if s.source == source and s.part == "kept"]
        kept = random.Random(seed).sample(kept, min(len(kept), _MOST.get(source, len(kept))))
        rating = np.array([s.score for s in kept])
        if source in _PARTIAL:
            reading = predict(model, as_mosi(tokenise(kept, tokenizer))).astype(np.float64)
            slope, offset = np.polyfit(reading, rating, 1)
            rating = (rating - offset) / slope
        ratings.append(rating.clip(-SCORE_LIMIT, SCORE_LIMIT).astype(np.float32))
        chosen += kept
    return _words(model, tokenizer, chosen, np.concatenate(ratings), variants, seed)


def valid_words(model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence]) -> Words:
    """MOSI's validation sentences."""
    chosen = [s for s in sentences if s.part == "valid"]
    return _words(model, tokenizer, chosen, np.array([s.score for s in chosen], np.float32), 1, 0)


def as_mosi(tokens: Tokens) -> Tokens:
    """The same sentences, read on MOSI's scale."""
    return Tokens(tokens.ids, tokens.scores, np.full(len(tokens.ids), SOURCES.index("mosi"), np.int64))


def _words(
    model: SentenceModel,
    tokenizer: TextTokenizer,
    sentences: Sequence[Sentence],
    ratings: NDArray[np.float32],
    variants: int,
    seed: int,
) -> Words:
    tokens = tokenise(sentences, tokenizer)
    torch.manual_seed(seed)
    layers = [_read(model, tokens, dropout=variant > 0) for variant in range(variants)]
    alone = predict(model, as_mosi(tokens)).clip(-SCORE_LIMIT, SCORE_LIMIT)
    return Words(tuple(s.text for s in sentences), ratings, alone, torch.stack(layers, dim=1))


@torch.inference_mode()
def _read(model: SentenceModel, tokens: Tokens, dropout: bool, batch: int = 64) -> Tensor:
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
