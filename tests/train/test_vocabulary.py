"""Word vectors in training: those that occur learn as in a whole table, the others stay."""

import pytest
import torch
from torch import nn

from mmim_train.loop import train
from mmim_train.options import TrainOptions
from mmim_train.vocabulary import SeenWords, seen_words_only
from tests.train.synthetic import CPU, Synthetic, small_model


def test_seen_words_say_and_learn_what_the_whole_table_does() -> None:
    table = nn.Embedding(20, 6, padding_idx=0)
    words = SeenWords(table, [2, 3, 11])
    ids = torch.tensor([[2, 11, 0], [7, 3, 2]])
    pull = torch.randn(2, 3, 6)
    assert torch.equal(words(ids), table(ids))
    (table(ids) * pull).sum().backward()
    (words(ids) * pull).sum().backward()
    assert table.weight.grad is not None
    assert words.seen.grad is not None
    torch.testing.assert_close(words.seen.grad, table.weight.grad[[2, 3, 11]])


def test_training_moves_the_vectors_of_words_that_occur_and_no_others() -> None:
    model = small_model()
    assert model.text_encoder is not None
    split = Synthetic(40)
    names = list(model.state_dict())
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    before = table.weight.detach().clone()
    train(model, split, Synthetic(20, 1), TrainOptions(epochs=1, weight_decay=0.5, lr_text=1e-2), 1, CPU)
    assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]
    assert list(model.state_dict()) == names
    assert table.weight.requires_grad
    moved = (table.weight != before).any(dim=1).nonzero()[:, 0].tolist()
    assert set(moved) == split.vocabulary


def test_the_table_comes_back_when_training_fails() -> None:
    model = small_model()
    assert model.text_encoder is not None
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    meanwhile = []

    def fail(_: object) -> None:
        meanwhile.append(model.text_encoder.backbone.get_input_embeddings())  # type: ignore[union-attr, operator]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(model, Synthetic(5), Synthetic(5), TrainOptions(epochs=1), 1, CPU, observe=fail)
    assert isinstance(meanwhile[0], SeenWords)
    assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]


def test_a_frozen_encoder_is_left_as_it_is() -> None:
    model = small_model()
    assert model.text_encoder is not None
    model.text_encoder.requires_grad_(False)
    table = model.text_encoder.backbone.get_input_embeddings()  # type: ignore[operator]
    with seen_words_only(model, Synthetic(5)):
        assert model.text_encoder.backbone.get_input_embeddings() is table  # type: ignore[operator]
