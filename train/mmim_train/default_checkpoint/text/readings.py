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
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live.model.tokenizer import TextTokenizer
from mmim_live.types import SCORE_LIMIT
from mmim_train.default_checkpoint.text.encoder import BFLOAT16, SentenceModel, Tokens, pad_tokens, tokenise
from mmim_train.default_checkpoint.text.sentences import SOURCES, Sentence, Source

_USED: tuple[Source, ...] = ("sst", "vader", "emobank")
_MOST: dict[Source, int] = {"emobank": 600}  # more would teach that nothing ever matters
_PARTIAL: tuple[Source, ...] = ("sst", "vader")  # these take sides


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSentences:
    """Sentences with a rating on MOSI's scale and the encoder's readings of them."""

    texts: tuple[str, ...]
    ratings: NDArray[np.float32]  # [S]
    text_only_score: NDArray[np.float32]  # [S], what the encoder by itself reads, with the head that it was tuned with
    table: Tensor  # [S, variants, width]: without dropout, then with


def kept_words(
    model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence], variants: int, seed: int
) -> EncodedSentences:
    """MOSI's training sentences and those kept back, ready to be composed with."""
    chosen = [s for s in sentences if s.source == "mosi" and s.part == "fit"]
    for source in _USED:
        kept = [s for s in sentences if s.source == source and s.part == "kept"]
        chosen += random.Random(seed).sample(kept, min(len(kept), _MOST.get(source, len(kept))))
    words = _words(model, tokenizer, chosen, variants, seed)
    ratings = words.ratings.astype(np.float64)
    for source in _PARTIAL:
        its = np.array([s.source == source for s in chosen])
        slope, offset = np.polyfit(words.text_only_score[its].astype(np.float64), ratings[its], 1)
        ratings[its] = (ratings[its] - offset) / slope
    return replace(words, ratings=ratings.clip(-SCORE_LIMIT, SCORE_LIMIT).astype(np.float32))


def valid_words(model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence]) -> EncodedSentences:
    """MOSI's validation sentences."""
    return _words(model, tokenizer, [s for s in sentences if s.part == "valid"], 1, 0)


@torch.inference_mode()
def _words(
    model: SentenceModel, tokenizer: TextTokenizer, sentences: Sequence[Sentence], variants: int, seed: int
) -> EncodedSentences:
    tokens = tokenise(sentences, tokenizer)
    torch.manual_seed(seed)
    table = torch.stack([_read(model, tokens, dropout=variant > 0) for variant in range(variants)], dim=1)
    mosi = SOURCES.index("mosi")
    alone = model.head(table[:, 0])[:, 0] * model.gain[mosi] + model.offset[mosi]
    texts = tuple(s.text for s in sentences)
    return EncodedSentences(texts, tokens.scores, alone.clamp(-SCORE_LIMIT, SCORE_LIMIT).numpy(), table.clone())


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
