"""A BERT whose lower layers are frozen, so that what they say of each text is computed once and kept.

Only for experiments with many runs over few texts. Knows BERT's layers and token ids, nothing of sentiment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn

_BATCH = 32
Table = dict[tuple[int, ...], Tensor]  # token ids -> [L, width], after the lower layers


@torch.no_grad()
def lower_layer_outputs(backbone: nn.Module, texts: Sequence[Sequence[int]], trained: int) -> Table:
    """What all but the last `trained` layers of a BertModel say of every text, without dropout."""
    bert = cast(Any, backbone).eval()
    index = len(bert.encoder.layer) - trained
    table: Table = {}
    by_length = sorted({tuple(ids) for ids in texts if ids}, key=lambda ids: (len(ids), ids))
    for _, group in groupby(by_length, key=len):  # texts of one length need no padding
        for ids in _batched(group):
            states = bert(input_ids=torch.tensor(ids), output_hidden_states=True).hidden_states[index]
            table |= dict(zip(ids, states.clone(), strict=True))
    return table


class UpperLayers(nn.Module):
    """The last layers of a BertModel over a table of `lower_layer_outputs`; called like the whole model."""

    def __init__(self, backbone: nn.Module, table: Table, trained: int) -> None:
        super().__init__()
        bert = cast(Any, backbone)
        layers = bert.encoder.layer
        self.config = bert.config
        self.layers = nn.ModuleList(layers[len(layers) - trained :])
        self._table = table

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        """input_ids [B, L], attention_mask [B, L] -> last_hidden_state [B, L, width]."""
        lengths = attention_mask.sum(dim=1).tolist()
        rows = [self._table[tuple(ids[:n])] for ids, n in zip(input_ids.tolist(), lengths, strict=True)]
        hidden = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        mask = attention_mask[:, None, None, : hidden.shape[1]].bool()
        for layer in self.layers:
            hidden = layer(hidden, attention_mask=mask)
        return SimpleNamespace(last_hidden_state=hidden)


def _batched(texts: Iterable[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], ...]]:
    left = iter(texts)
    while batch := tuple(islice(left, _BATCH)):
        yield batch
