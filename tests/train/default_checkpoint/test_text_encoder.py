"""The stages of the text encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from mmim_train.default_checkpoint.text.encoder import (
    Average,
    TextStageConfig,
    finetune,
    finetuning_key,
    is_made,
    load,
    pretrain,
    pretraining_key,
)
from mmim_train.default_checkpoint.text.sentences import Sentence
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
    config = TextStageConfig(pretraining_epochs=1, batch=4)
    found = []
    for stand in (11, 12):
        torch.manual_seed(stand)
        pretrain(source, SENTENCES, config, tmp_path / str(stand), lambda _: None)
        found.append(load(tmp_path / str(stand), config)[0].state_dict())
    first, second = found
    learned = [name for name in first if "pooler" not in name]
    assert any("head" in name for name in learned)
    assert all(torch.equal(first[name], second[name]) for name in learned)


def test_a_kept_stage_is_taken_only_for_the_sentences_and_settings_that_made_it(tmp_path: Path) -> None:
    config = TextStageConfig(
        pretraining_epochs=1, finetuning_epochs=1, averaged_epochs=1, seeds=(1,), replay_ratio=0.0, batch=4
    )
    mosi = [Sentence("it was good", 2.0, "mosi", "fit"), Sentence("it was bad", -2.0, "mosi", "fit")]
    sentences = [*SENTENCES, *mosi, *(replace(s, part="valid") for s in mosi)]
    first, second = tmp_path / "first", tmp_path / "second"
    assert not is_made(first, pretraining_key(sentences, config))
    pretrain(write_encoder(tmp_path / "source"), sentences, config, first, lambda _: None)
    finetune(first, sentences, config, second, lambda _: None)
    assert is_made(first, pretraining_key(sentences, config))
    assert is_made(second, finetuning_key(sentences, config))

    slower = config.model_copy(update={"pretraining_lr": 1e-5})
    fewer = sentences[1:]
    for other_sentences, other_config in ((sentences, slower), (fewer, config)):
        assert not is_made(first, pretraining_key(other_sentences, other_config))
        assert not is_made(second, finetuning_key(other_sentences, other_config))

    longer = config.model_copy(update={"finetuning_epochs": 2})
    assert is_made(first, pretraining_key(sentences, longer))
    assert not is_made(second, finetuning_key(sentences, longer))

    (second / "text_stage.json").write_text("{")
    assert not is_made(second, finetuning_key(sentences, config))


def test_the_average_of_models_is_the_mean_of_their_weights() -> None:
    models = [torch.nn.Linear(3, 2) for _ in range(4)]
    average = Average()
    for model in models:
        average.add(model)
    mean = torch.stack([model.weight.detach() for model in models]).mean(dim=0)
    average.give(models[0])
    assert average.count == 4
    torch.testing.assert_close(models[0].weight.detach(), mean)
