"""Cross-fitting: parts share nobody, encoders side by side give their mean, and strangers are read by strangers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.encoders import SequenceEncoder
from mmim_train.default_checkpoint.emotion.crossfit import (
    correlation,
    cross_fit,
    cut,
    load_crossed,
    save_crossed,
    side_by_side,
)
from mmim_train.default_checkpoint.emotion.samples import EmotionSample
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


def sampler(some: Sequence[EmotionSample]) -> dict[Emotion, object]:
    def make(emotion: Emotion, draw: np.random.Generator) -> Rows:
        fitting = [sample for sample in some if sample.emotion == emotion]
        return fitting[int(draw.integers(len(fitting)))].rows

    return {"happy": make, "sad": make}


def test_parts_share_no_person_and_lose_none() -> None:
    everybody = [
        *samples(),
        *(EmotionSample("y", "", "happy", "train", np.zeros((1, WIDTH), np.float32)) for _ in range(7)),
    ]
    parts = cut(everybody, 3)
    assert sorted(map(id, everybody)) == sorted(id(sample) for part in parts for sample in part)
    people = [{sample.person for sample in part if sample.person} for part in parts]
    assert all(people)
    assert not any(people[i] & people[j] for i in range(3) for j in range(i))
    assert [sum(not sample.person for sample in part) for part in parts] == [3, 2, 2]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_side_by_side_gives_the_mean(bidirectional: bool) -> None:
    torch.manual_seed(0)
    encoders = [SequenceEncoder(WIDTH, 5, 3, bidirectional) for _ in range(3)]
    rows, lengths = torch.randn(4, 9, WIDTH), torch.tensor([9, 1, 4, 7])
    mean = torch.stack([encoder(rows, lengths) for encoder in encoders]).mean(dim=0)
    torch.testing.assert_close(side_by_side(encoders)(rows, lengths), mean, atol=1e-6, rtol=1e-5)


def test_the_learned_map_goes_into_the_last_layer() -> None:
    torch.manual_seed(0)
    alone, into = SequenceEncoder(WIDTH, 5, len(EMOTIONS), True), SequenceEncoder(WIDTH, 5, 4, True)
    table = LogitTable(4)
    torch.nn.init.normal_(table.absent)
    table.fold(alone, into)
    rows, lengths = torch.randn(3, 6, WIDTH), torch.tensor([6, 0, 2])
    logits = alone(rows, lengths).unsqueeze(1)
    torch.testing.assert_close(into(rows, lengths), table(logits, (lengths > 0).long()), atol=1e-6, rtol=1e-5)


def test_strangers_are_read_and_kept(tmp_path: Path) -> None:
    config = UnimodalConfig(steps=60, hidden=6, folds=2, readings=2, batch=8, masked=0, rate=1e-2)
    crossed = cross_fit(samples(), sampler, PLAIN, config, True, 0, lambda _: None)  # type: ignore[arg-type]
    assert {emotion: logits.shape for emotion, logits in crossed.out_of_fold.items()} == {
        "happy": (24, len(EMOTIONS)),
        "sad": (24, len(EMOTIONS)),
    }
    assert correlation(crossed.out_of_fold) > 0.8
    assert crossed.encoder.lstm.hidden_size == 12
    save_crossed(crossed, tmp_path / "x.pt", "key")
    again = load_crossed(tmp_path / "x.pt", "key")
    assert again is not None
    assert np.array_equal(again.out_of_fold["sad"], crossed.out_of_fold["sad"])
    rows, lengths = torch.randn(2, 5, WIDTH), torch.tensor([5, 3])
    assert torch.equal(again.encoder(rows, lengths), crossed.encoder(rows, lengths))
    assert load_crossed(tmp_path / "x.pt", "other") is None
    assert load_crossed(tmp_path / "none.pt", "key") is None
