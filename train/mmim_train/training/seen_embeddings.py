"""Word vectors of a text encoder in training: only those of words that occur in the training texts are trained.

The others get no gradient in any case. Left in one table, they cost a dense gradient and two optimizer's states of the
whole vocabulary (for MOSI, 2,594 of 30,522 rows occur), and weight decay pulls them to 0. Knows modules and token ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from mmim_live.model.encoders import TextEncoder
from mmim_live.model.mmim import MMIM
from mmim_train.training.examples import Examples


@runtime_checkable
class HasVocabulary(Protocol):
    """Examples that can tell which token ids occur in them."""

    @property
    def vocabulary(self) -> frozenset[int]: ...


@runtime_checkable
class HasInputEmbeddings(Protocol):
    """A transformer of the transformers library."""

    def get_input_embeddings(self) -> nn.Module: ...

    def set_input_embeddings(self, value: nn.Module) -> None: ...


class SeenEmbeddings(nn.Module):
    """A table of word vectors of which some rows are a parameter of their own; called like nn.Embedding."""

    place: Tensor  # [vocabulary], the row of a word in `seen`, or -1

    def __init__(self, table: nn.Embedding, seen: list[int]) -> None:
        super().__init__()
        rows = torch.tensor(seen, dtype=torch.long, device=table.weight.device)
        place = torch.full((table.num_embeddings,), -1, dtype=torch.long, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.table = table
        self.seen = nn.Parameter(table.weight.detach()[rows].clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> their vectors [..., width]."""
        place = self.place[ids]
        known = place >= 0
        return torch.where(known.unsqueeze(-1), embedding(place.clamp(min=0), self.seen), self.table(ids))

    @torch.no_grad()
    def written_back(self) -> nn.Embedding:
        """The whole table, with what was learned."""
        assert isinstance(self.rows, Tensor)
        self.table.weight[self.rows] = self.seen
        return self.table


@contextmanager
def train_seen_embeddings_only(model: MMIM, examples: Examples) -> Iterator[None]:
    """Within, the word vectors are `SeenEmbeddings`, if the text encoder is a transformer that trains its own."""
    backbone = _transformer_of(model)
    if backbone is None or not isinstance(examples, HasVocabulary):
        yield
        return
    table = backbone.get_input_embeddings()
    if not isinstance(table, nn.Embedding) or not table.weight.requires_grad:
        yield
        return
    padding = {table.padding_idx} if table.padding_idx is not None else set()  # which nn.Embedding does not train
    words = SeenEmbeddings(table, sorted(examples.vocabulary - padding))
    table.weight.requires_grad_(False)
    backbone.set_input_embeddings(words)
    try:
        yield
    finally:
        backbone.set_input_embeddings(words.written_back())
        table.weight.requires_grad_(True)


def _transformer_of(model: MMIM) -> HasInputEmbeddings | None:
    encoder: object = model.text_encoder
    backbone: object = encoder.backbone if isinstance(encoder, TextEncoder) else None
    return backbone if isinstance(backbone, HasInputEmbeddings) else None
