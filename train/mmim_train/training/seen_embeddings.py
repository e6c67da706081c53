"""Trains only those token embeddings of a text encoder that occur in the training texts.

The others get no gradient in any case. In one table, they cost a dense gradient and two optimizer states for the whole
vocabulary (2,594 of 30,522 rows occur in MOSI), and weight decay pulls them to 0.
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
    """Examples that know which token ids occur in them."""

    @property
    def vocabulary(self) -> frozenset[int]: ...


@runtime_checkable
class HasInputEmbeddings(Protocol):
    """A model of the transformers library."""

    def get_input_embeddings(self) -> nn.Module: ...

    def set_input_embeddings(self, value: nn.Module) -> None: ...


class SeenEmbeddings(nn.Module):
    """A drop-in for nn.Embedding in which the rows that occur are a separate parameter."""

    index: Tensor  # [vocabulary], the row of a token in `seen`, or -1

    def __init__(self, table: nn.Embedding, seen: list[int]) -> None:
        super().__init__()
        rows = torch.tensor(seen, dtype=torch.long, device=table.weight.device)
        index = torch.full((table.num_embeddings,), -1, dtype=torch.long, device=rows.device)
        index[rows] = torch.arange(len(rows), device=rows.device)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("rows", rows, persistent=False)
        self.table = table
        self.seen = nn.Parameter(table.weight.detach()[rows].clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids of any shape -> embeddings [..., width]."""
        index = self.index[ids]
        seen = index >= 0
        return torch.where(seen.unsqueeze(-1), embedding(index.clamp(min=0), self.seen), self.table(ids))

    @torch.no_grad()
    def merged(self) -> nn.Embedding:
        """The original table, updated with the trained rows."""
        assert isinstance(self.rows, Tensor)
        self.table.weight[self.rows] = self.seen
        return self.table


@contextmanager
def train_seen_embeddings_only(model: MMIM, examples: Examples) -> Iterator[None]:
    """Within, the token embeddings are `SeenEmbeddings`, if the text encoder is a transformer that trains them."""
    backbone = _transformer_of(model)
    if backbone is None or not isinstance(examples, HasVocabulary):
        yield
        return
    table = backbone.get_input_embeddings()
    if not isinstance(table, nn.Embedding) or not table.weight.requires_grad:
        yield
        return
    padding = {table.padding_idx} if table.padding_idx is not None else set()  # never trained by nn.Embedding
    embeddings = SeenEmbeddings(table, sorted(examples.vocabulary - padding))
    table.weight.requires_grad_(False)
    backbone.set_input_embeddings(embeddings)
    try:
        yield
    finally:
        backbone.set_input_embeddings(embeddings.merged())
        table.weight.requires_grad_(True)


def _transformer_of(model: MMIM) -> HasInputEmbeddings | None:
    encoder: object = model.text_encoder
    backbone: object = encoder.backbone if isinstance(encoder, TextEncoder) else None
    return backbone if isinstance(backbone, HasInputEmbeddings) else None
