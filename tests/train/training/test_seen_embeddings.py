"""Token embeddings that occur are trained as in a full table; the others stay."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmim_live.model.encoders import TextEncoder
from mmim_live.model.mmim import Batch
from mmim_train.default_checkpoint.emotion.unimodal import EMOTIONS
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable, precomputed_encoders
from mmim_train.training.options import TrainOptions
from mmim_train.training.seen_embeddings import SeenEmbeddings, train_seen_embeddings_only
from mmim_train.training.trainer import train
from tests.train.synthetic import CPU, Synthetic, small_model


def test_seen_embeddings_have_the_outputs_and_gradients_of_the_full_table() -> None:
    table = nn.Embedding(20, 6, padding_idx=0)
    seen = SeenEmbeddings(table, [2, 3, 11])
    ids = torch.tensor([[2, 11, 0], [7, 3, 2]])
    pull = torch.randn(2, 3, 6)
    assert torch.equal(seen(ids), table(ids))
    (table(ids) * pull).sum().backward()
    (seen(ids) * pull).sum().backward()
    assert table.weight.grad is not None
    assert seen.seen.grad is not None
    torch.testing.assert_close(seen.seen.grad, table.weight.grad[[2, 3, 11]])


def test_training_changes_only_the_embeddings_of_tokens_that_occur() -> None:
    model = small_model()
    assert isinstance(model.text_encoder, TextEncoder)
    split = Synthetic(40)
    names = list(model.state_dict())
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    before = table.weight.detach().clone()
    train(model, split, Synthetic(20, 1), TrainOptions(epochs=1, weight_decay=0.5, lr_text=1e-2), seed=1, device=CPU)
    assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]
    assert list(model.state_dict()) == names
    assert table.weight.requires_grad
    moved = (table.weight != before).any(dim=1).nonzero()[:, 0].tolist()
    assert set(moved) == split.vocabulary


def test_the_table_is_restored_when_training_fails() -> None:
    model = small_model()
    assert isinstance(model.text_encoder, TextEncoder)
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    meanwhile = []

    def fail(_: object) -> None:
        meanwhile.append(model.text_encoder.backbone.get_input_embeddings())  # type: ignore[union-attr, operator]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(model, Synthetic(5), Synthetic(5), TrainOptions(epochs=1), seed=1, device=CPU, observe=fail)
    assert isinstance(meanwhile[0], SeenEmbeddings)
    assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]


def test_a_frozen_encoder_is_left_alone() -> None:
    model = small_model()
    assert isinstance(model.text_encoder, TextEncoder)
    model.text_encoder.requires_grad_(False)
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    with train_seen_embeddings_only(model, Synthetic(5)):
        assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]


def test_a_model_with_precomputed_sentences_is_trained() -> None:
    model = small_model()
    assert isinstance(model.text_encoder, TextEncoder)
    encoder, d_prj = model.text_encoder, model.config.d_prj
    encoder.backbone.requires_grad_(False)
    voice, face = LogitTable(d_prj), LogitTable(d_prj)
    split = Tabled(12)
    before = voice.project.weight.detach().clone()
    with precomputed_encoders(model, torch.randn(12, 1, encoder.width), voice, face):
        result = train(model, split, split, TrainOptions(epochs=1), seed=1, device=CPU)
    assert result.best_epoch == 0
    assert not torch.equal(voice.project.weight, before)
    assert model.text_encoder is encoder


class Tabled:
    """Sentences by index, voices and faces as logits, like the synthetic triples."""

    def __init__(self, count: int) -> None:
        self.costs = np.ones(count, np.int64)
        self._logits = torch.randn(count, 1, len(EMOTIONS), generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.costs)

    def batch(self, indices: Sequence[int]) -> Batch:
        ids = torch.tensor([[index] for index in indices])
        logits, lengths = self._logits[list(indices)], torch.ones(len(indices), dtype=torch.long)
        mask = torch.ones_like(ids, dtype=torch.bool)
        return Batch.of(text=(ids, mask), voice=(logits, lengths), face=(logits, lengths))

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self._logits[list(indices), 0, :1]
