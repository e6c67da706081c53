"""Tables of precomputed encodings, in place of MMIM's encoders while the fusion is trained on synthetic triples.

The text encoder is frozen there, and of voices and faces the fusion must see predictions for strangers, each by the
encoder that was not trained on them (`crossfit`). The part of the voice and face encoders that MMIM's objective still
trains is a linear map on top of them, which is folded into their last layer afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmim_live.model.encoders import ModalityEncoder, SequenceEncoder
from mmim_live.model.mmim import MMIM
from mmim_train.default_checkpoint.emotion.unimodal import EMOTIONS


@contextmanager
def precomputed_encoders(model: MMIM, sentences: Tensor, voice: LogitTable, face: LogitTable) -> Iterator[None]:
    """Within, the model reads sentences from the table [S, variants, width] by number, voices and faces as logits."""
    text = model.text_encoder
    assert text is not None
    real = model.voice_encoder, model.face_encoder
    model.text_encoder = SentenceTable(sentences, text.absent)
    model.voice_encoder, model.face_encoder = voice, face
    try:
        yield
    finally:
        model.text_encoder = text
        model.voice_encoder, model.face_encoder = real


class LogitTable(ModalityEncoder):
    """Replaces a voice or face encoder whose logits are known: what is trained is the linear map from them to h.

    `fold` merges that map into the encoder's own last layer, which is linear as well.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(len(EMOTIONS), width)
        self.absent = nn.Parameter(torch.zeros(width))

    def forward(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Logits [B, 1, len(EMOTIONS)], lengths [B] of 0 or 1 -> h [B, width]."""
        there = (lengths > 0).to(rows.device).unsqueeze(1)
        if rows.shape[1] == 0:
            return self.absent.expand(len(rows), -1)
        return torch.where(there, self.project(rows[:, 0]), self.absent)

    @torch.no_grad()
    def fold(self, unimodal: SequenceEncoder, into: SequenceEncoder) -> None:
        """Make `into` the encoder `unimodal` followed by the trained map."""
        into.lstm.load_state_dict(unimodal.lstm.state_dict())
        into.project.weight.copy_(self.project.weight @ unimodal.project.weight)
        into.project.bias.copy_(self.project.weight @ unimodal.project.bias + self.project.bias)
        into.absent.copy_(self.absent)


class SentenceTable(ModalityEncoder):
    """Replaces a text encoder whose embeddings of some sentences are known: [S, variants, width].

    In training a variant is drawn at random (the encoder's dropout); in evaluation the first is used.
    """

    def __init__(self, table: Tensor, absent: nn.Parameter) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)
        self.absent = absent
        self.width = table.shape[2]

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Numbers of sentences [B, 1], mask [B, 1] -> h_t [B, width]."""
        table = self.get_buffer("table")
        variant = torch.zeros(len(token_ids), dtype=torch.long)
        if self.training and table.shape[1] > 1:
            variant = torch.randint(1, table.shape[1], (len(token_ids),))
        there = token_mask[:, 0]
        found = table[token_ids[:, 0], variant]
        return torch.where(there.unsqueeze(1), found, self.absent.expand(len(token_ids), -1))
