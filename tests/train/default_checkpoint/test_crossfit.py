"""Cross-fitting: folds share nobody, one encoder gives the mean of all, strangers are predicted by strangers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder
from mmim_train.default_checkpoint.emotion.crossfit import (
    correlation,
    cross_fit,
    load_encoder,
    mean_encoder,
    save_encoder,
    split_folds,
)
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, load_samples, save_samples
from mmim_train.default_checkpoint.emotion.sequences import Rows
from mmim_train.default_checkpoint.emotion.unimodal import EMOTIONS, UnimodalConfig
from mmim_train.default_checkpoint.emotion.valence import Emotion
from mmim_train.default_checkpoint.fusion.precomputed_encoders import LogitTable

WIDTH = 4
PLAIN = Normalization(mean=(0.0,) * WIDTH, std=(1.0,) * WIDTH)


def samples() -> list[EmotionSample]:
    """Happy people are high in the first column, sad ones low; each person has another second column."""
    draw, found = np.random.default_rng(0), []
    for person in range(6):
        shown: tuple[tuple[Emotion, float], ...] = (("happy", 1.5), ("sad", -1.5))
        for emotion, level in shown:
            rows = draw.normal((level, person, 0, 0), 0.5, (12, WIDTH)).astype(np.float32)
            found += [EmotionSample("x", str(person), emotion, "train", rows)] * 2
    return found


@dataclass(frozen=True)
class PlainCorpus:
    """The rows themselves."""

    known: Sequence[EmotionSample]

    @property
    def emotions(self) -> tuple[Emotion, ...]:
        return ("happy", "sad")

    def draw(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        fitting = [sample for sample in self.known if sample.emotion == emotion]
        return fitting[int(draw.integers(len(fitting)))].rows


def test_folds_share_no_person_and_lose_none() -> None:
    everybody = [
        *samples(),
        *(EmotionSample("y", "", "happy", "train", np.zeros((1, WIDTH), np.float32)) for _ in range(7)),
    ]
    parts = split_folds(everybody, 3)
    assert sorted(map(id, everybody)) == sorted(id(sample) for part in parts for sample in part)
    people = [{sample.person for sample in part if sample.person} for part in parts]
    assert all(people)
    assert not any(people[i] & people[j] for i in range(3) for j in range(i))
    assert [sum(not sample.person for sample in part) for part in parts] == [3, 2, 2]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_mean_encoder_gives_the_mean(bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoders = [SequenceEncoder(WIDTH, 5, 3, bidirectional) for _ in range(3)]
    rows, lengths = torch.randn(4, 9, WIDTH), torch.tensor([9, 1, 4, 7])
    mean = torch.stack([encoder(rows, lengths) for encoder in encoders]).mean(dim=0)
    torch.testing.assert_close(mean_encoder(encoders)(rows, lengths), mean, atol=1e-6, rtol=1e-5)


def test_the_learned_map_goes_into_the_last_layer() -> None:
    torch.manual_seed(0)
    alone, into = SequenceEncoder(WIDTH, 5, len(EMOTIONS), True), SequenceEncoder(WIDTH, 5, 4, True)
    table = LogitTable(4)
    torch.nn.init.normal_(table.absent)
    table.fold(alone, into)
    rows, lengths = torch.randn(3, 6, WIDTH), torch.tensor([6, 0, 2])
    logits = alone(rows, lengths).unsqueeze(1)
    torch.testing.assert_close(into(rows, lengths), table(logits, (lengths > 0).long()), atol=1e-6, rtol=1e-5)


def test_held_out_people_are_predicted_and_kept(tmp_path: Path) -> None:
    config = UnimodalConfig(steps=60, hidden=6, folds=2, sequences_per_sample=2, batch=8, max_masked_columns=0, lr=1e-2)
    everybody = [*samples(), *(replace(sample, split="valid") for sample in samples()[:4])]
    fitted = cross_fit(everybody, PlainCorpus, PLAIN, config=config, bidirectional=True, seed=0, log=lambda _: None)
    assert {emotion: logits.shape for emotion, logits in fitted.out_of_fold.items()} == {
        "happy": (24, len(EMOTIONS)),
        "sad": (24, len(EMOTIONS)),
    }
    assert {emotion: logits.shape for emotion, logits in fitted.valid.items()} == {
        "happy": (4, len(EMOTIONS)),
        "sad": (4, len(EMOTIONS)),
    }
    assert correlation(fitted.out_of_fold) > 0.8
    assert fitted.encoder.lstm.hidden_size == 12
    save_encoder(fitted, tmp_path)
    again = load_encoder(tmp_path)
    assert again.normalization == fitted.normalization
    assert list(again.out_of_fold) == list(fitted.out_of_fold)
    assert np.array_equal(again.out_of_fold["sad"], fitted.out_of_fold["sad"])
    assert np.array_equal(again.valid["happy"], fitted.valid["happy"])
    rows, lengths = torch.randn(2, 5, WIDTH), torch.tensor([5, 3])
    assert torch.equal(again.encoder(rows, lengths), fitted.encoder(rows, lengths))


def test_samples_survive_their_file(tmp_path: Path) -> None:
    kept = [*samples()[:3], EmotionSample("y", "", "bored", "valid", np.ones((1, WIDTH), np.float32))]
    save_samples(kept, tmp_path)
    again = load_samples(tmp_path)
    assert [(s.source, s.person, s.emotion, s.split) for s in again] == [
        (s.source, s.person, s.emotion, s.split) for s in kept
    ]
    assert all(np.array_equal(one.rows, other.rows) for one, other in zip(kept, again, strict=True))
