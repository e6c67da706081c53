"""The stages of the text encoder."""

from __future__ import annotations

from pathlib import Path

import torch

from mmim_train.sentences import Sentence
from mmim_train.text_stage import TextStageConfig, first_stage, load
from tests.train.corpus import write_encoder

SENTENCES = [
    Sentence(f"the film was {word} {filler}", score, source, part)
    for word, score in (("good", 2.0), ("bad", -2.0))
    for filler in ("a plot", "the plot", "film")
    for source in ("sst", "vader", "emobank")
    for part in ("fit", "kept")
]


def test_stage_one_gives_the_same_weights_wherever_the_random_numbers_stood(tmp_path: Path) -> None:
    source = write_encoder(tmp_path / "source")
    config = TextStageConfig(first_epochs=1, batch=4)
    found = []
    for stand in (11, 12):
        torch.manual_seed(stand)
        first_stage(source, SENTENCES, config, tmp_path / str(stand), lambda _: None)
        found.append(load(tmp_path / str(stand), config)[0].state_dict())
    first, second = found
    learned = [name for name in first if "pooler" not in name]
    assert any("head" in name for name in learned)
    assert all(torch.equal(first[name], second[name]) for name in learned)
