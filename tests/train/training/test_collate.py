"""Batches contain exactly what the split contains: tokens, normalized rows, lengths, presence, labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError
from mmim_live.model.checkpoint_config import NORMALIZED_LIMIT
from mmim_train.data.dataset import DataSet, Rows, Split, no_rows, rows_from
from mmim_train.data.loader import open_dataset
from mmim_train.data.store.reader import read_store
from mmim_train.data.store.writer import write_store
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.training.collate import Preprocessing, SplitExamples, fit_normalization, fit_preprocessing, head_for
from mmim_train.training.examples import Examples
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import train
from tests.model.small import small_model, small_tokenizer
from tests.train.layouts import mmsa, write_csv, write_pickle


@pytest.fixture
def dataset(tmp_path: Path) -> DataSet:
    content = mmsa(sims=True)
    for part in content.values():
        part["raw_text"][2] = "..."  # no words
        part["audio_lengths"][3] = 0
        part["audio"][3] = 0
    return open_dataset("sims", write_pickle(tmp_path / "x.pkl", content))


def test_a_batch_contains_its_samples(dataset: DataSet) -> None:
    inputs = fit_preprocessing(dataset, small_tokenizer())
    assert inputs.voice is not None
    split = dataset.split("train")
    examples: Examples = SplitExamples(split, inputs, ("M",))
    indices = [7, 2, 3, 0]
    batch = examples.batch(indices)
    assert batch.voice.shape == (4, int(split.voice.lengths[indices].max()), 5)
    assert batch.face.shape[1] == int(split.face.lengths[indices].max())  # not the 20 frames of the file
    for row, index in enumerate(indices):
        sample = split[index]
        length = int(batch.voice_lengths[row])
        assert length == len(sample.voice)
        torch.testing.assert_close(batch.voice[row, :length], torch.from_numpy(inputs.voice.apply(sample.voice)))
        assert not batch.voice[row, length:].any()
        ids = small_tokenizer().ids(sample.text)
        assert batch.token_ids[row][batch.token_mask[row]].tolist() == ids
        assert batch.token_mask[row].sum() == len(ids)
    assert batch.present.tolist() == [[True, True, True], [False, True, True], [True, False, True], [True, True, True]]
    torch.testing.assert_close(examples.targets(indices)[:, 0], torch.from_numpy(split.scores["M"][indices]))


def test_an_example_does_not_depend_on_the_rest_of_its_batch(dataset: DataSet) -> None:
    """The model predicts the same for a sample alone and within a batch."""
    examples = SplitExamples(dataset.split("train"), fit_preprocessing(dataset, small_tokenizer()), ("M",))
    model = small_model()
    with torch.inference_mode():
        together = model(examples.batch(range(len(examples)))).prediction
        alone = torch.cat([model(examples.batch([i])).prediction for i in range(len(examples))])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_normalized_train_rows_have_mean_0_and_std_1(dataset: DataSet) -> None:
    for rows in (dataset.split("train").voice, dataset.split("train").face):
        norm = fit_normalization(rows)
        values = np.concatenate(list(rows)).astype(np.float64)
        np.testing.assert_allclose(norm.mean, values.mean(axis=0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(norm.std, values.std(axis=0), rtol=1e-6)


def test_statistics_come_from_the_train_split_alone_in_a_store_too(dataset: DataSet, tmp_path: Path) -> None:
    write_store(dataset, tmp_path / "s")  # in which all splits share one array
    mapped = read_store(tmp_path / "s")
    tokenizer = small_tokenizer()
    one, two = fit_preprocessing(dataset, tokenizer), fit_preprocessing(mapped, tokenizer)
    assert (one.voice, one.face) == (two.voice, two.face)
    a, b = (SplitExamples(d.split("test"), one, ("M", "T")).batch([0, 1, 2, 3, 4]) for d in (dataset, mapped))
    assert torch.equal(a.voice, b.voice)
    assert torch.equal(a.token_ids, b.token_ids)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.sampled_from([0.0, 1.0, -300.0, 1e6]),
    st.sampled_from([0.0, 1e-3, 1.0, 1e4]),
    st.integers(0, 5),
)
def test_blockwise_statistics_equal_those_of_the_whole(lengths: list[int], mean: float, std: float, seed: int) -> None:
    import mmim_train.training.collate as module

    rng = np.random.default_rng(seed)
    sequences = [(mean + std * rng.normal(size=(n, 2))).astype(np.float32) for n in lengths]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 7)
        norm = fit_normalization(rows_from(sequences, 2))
    values = np.concatenate(sequences).astype(np.float64)
    if not len(values):
        assert (norm.mean, norm.std) == ((0.0, 0.0), (1.0, 1.0))
        return
    np.testing.assert_allclose(norm.mean, values.mean(axis=0), rtol=1e-9, atol=1e-9)
    true = values.std(axis=0)
    constant = true <= 1e-6 * np.maximum(np.abs(values.mean(axis=0)), 1e-6)
    np.testing.assert_allclose(norm.std, np.where(constant, 1.0, true), rtol=1e-6)


def test_a_constant_column_normalizes_to_zero() -> None:
    norm = fit_normalization(rows_from([np.full((5, 1), 0.1, np.float32)], 1))
    assert norm.std == (1.0,)
    assert not norm.apply(np.full((3, 1), 0.1, np.float32)).round(6).any()
    assert norm.apply(np.array([[1e9]], np.float32)).item() == NORMALIZED_LIMIT


def test_non_finite_rows_are_rejected() -> None:
    with pytest.raises(DataError, match="non-finite"):
        fit_normalization(rows_from([np.array([[np.nan]], np.float32)], 1))


def test_text_alone_feeds_a_model_of_three_modalities(dataset: DataSet, tmp_path: Path) -> None:
    inputs = fit_preprocessing(dataset, small_tokenizer())
    rows = [{"sentence": "I LOVE IT", "positivity": 1, "split": "train"}] * 3
    words = open_dataset("sst", write_csv(tmp_path / "sst.csv", rows))
    batch = SplitExamples(words.split("train"), inputs, ("M",)).batch([0, 1])
    assert (batch.voice.shape, batch.face.shape) == ((2, 0, 5), (2, 0, 7))
    assert batch.present.tolist() == [[True, False, False]] * 2
    with torch.inference_mode():
        assert torch.isfinite(small_model()(batch).prediction).all()


def test_unused_modalities_are_not_read(dataset: DataSet) -> None:
    examples = SplitExamples(
        dataset.split("train"), Preprocessing(None, fit_normalization(dataset.split("train").voice), None), ("M",)
    )
    batch = examples.batch([0, 1])
    assert (batch.token_ids.shape, batch.face.shape) == ((2, 0), (2, 0, 0))
    assert batch.present.tolist() == [[False, True, False]] * 2
    assert examples.costs.tolist() == dataset.split("train").voice.lengths.tolist()


def test_a_wrong_width_is_rejected(dataset: DataSet) -> None:
    split = dataset.split("train")
    wide = Split(split.ids, split.texts, rows_from([np.zeros((1, 9), np.float32)] * len(split), 9), split.face, {}, {})
    with pytest.raises(DataError, match="9 voice columns, the model expects 5"):
        SplitExamples(wide, fit_preprocessing(dataset, None), ("M",))


def test_costs_rank_by_tokens_first(dataset: DataSet) -> None:
    split = dataset.split("train")
    examples = SplitExamples(split, fit_preprocessing(dataset, small_tokenizer()), ("M",))
    tokens = np.array([len(small_tokenizer().ids(text)) for text in split.texts])
    order = np.argsort(examples.costs, kind="stable")
    assert (np.diff(tokens[order]) >= 0).all()


@pytest.mark.parametrize(
    ("target", "kind", "names"),
    [
        (("M",), "intensity", ("sentiment",)),
        (("M", "T", "A", "V"), "regressions", ("M", "T", "A", "V")),
        (("T",), "regressions", ("T",)),
        (("sentiment",), "classes", ("negative", "neutral", "positive")),
    ],
)
def test_heads_match_their_targets(target: Any, kind: str, names: Any, dataset: DataSet) -> None:
    head = head_for(dataset, target)
    assert (head.kind, head.names) == (kind, names)
    values = SplitExamples(dataset.split("valid"), fit_preprocessing(dataset, None), target).targets([1, 0, 5])
    if kind == "classes":
        assert values.dtype == torch.int64
        assert values.shape == (3,)
    else:
        assert values.dtype == torch.float32
        assert values.shape == (3, len(names))


@pytest.mark.parametrize("target", [("X",), ("M", "sentiment"), ()])
def test_unknown_targets_are_named_with_the_known_ones(target: Any, dataset: DataSet) -> None:
    with pytest.raises(DataError, match=r"sims has no label .*: it has A, M, T, V, sentiment"):
        head_for(dataset, target)


def test_missing_labels_are_nan_or_minus_one() -> None:
    scores = {"valence": np.array([0.5, np.nan], np.float32)}
    split = Split(("a", "b"), ("", ""), no_rows(2), no_rows(2), scores, {"emotion": np.array([-1, 3])})
    empty = Preprocessing(None, None, None)
    assert SplitExamples(split, empty, ("valence",)).targets([0, 1]).isnan().tolist() == [[False], [True]]
    assert SplitExamples(split, empty, ("emotion",)).targets([0, 1]).tolist() == [-1, 3]


def test_rows_of_a_view_are_read_in_place() -> None:
    rows = Rows(np.arange(10, dtype=np.float32)[:, None], np.array([6, 1]), np.array([2, 3]))
    assert [r[:, 0].tolist() for r in rows] == [[6, 7], [1, 2, 3]]


def test_the_trainer_trains_on_collated_examples(dataset: DataSet) -> None:
    inputs = fit_preprocessing(dataset, small_tokenizer())
    target = ("M", "T", "A", "V")
    splits = {name: SplitExamples(split, inputs, target) for name, split in dataset.splits.items()}
    model = small_model(head=head_for(dataset, target))
    options = TrainOptions(epochs=2, batch_size=8)
    measure = partial(prediction_metrics, model.config.head, dataset.scoring)
    result = train(
        model, splits["train"], splits["valid"], options, seed=1, device=torch.device("cpu"), measure=measure
    )
    assert len(result.epochs) == 2
    assert all(np.isfinite(record.valid_loss) for record in result.epochs)
    assert {"M.mae", "V.acc5"} <= set(result.valid)
