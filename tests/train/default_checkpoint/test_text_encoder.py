"""Pretraining and finetuning of the text encoder."""

from __future__ import annotations

from pathlib import Path

import torch

from mmim_train.default_checkpoint.text.encoder import TextStageConfig, load_tuned, save_tuned
from mmim_train.default_checkpoint.text.sentences import Sentence
from mmim_train.default_checkpoint.text.stage import finetuning_key, pretraining_key
from mmim_train.default_checkpoint.text.tuning import finetune, pretrain
from mmim_train.default_checkpoint.weight_average import WeightAverage
from tests.train.corpus import write_encoder

SENTENCES = [
    Sentence(f"the film was {word} {filler}", score, source, part)
    for word, score in (("good", 2.0), ("bad", -2.0))
    for filler in ("a plot", "the plot", "film")
    for source in ("sst", "vader", "emobank")
    for part in ("fit", "kept")
]
MOSI = [
    Sentence("it was good", 2.0, "mosi", "fit"),
    Sentence("it was bad", -2.0, "mosi", "fit"),
    Sentence("it was good", 2.0, "mosi", "valid"),
    Sentence("it was bad", -2.0, "mosi", "valid"),
]


def test_pretraining_gives_the_same_weights_whatever_the_state_of_the_generator(tmp_path: Path) -> None:
    source = write_encoder(tmp_path / "source")
    config = TextStageConfig(pretraining_epochs=1, batch=4)
    found = []
    for state in (11, 12):
        torch.manual_seed(state)
        found.append(pretrain(source, SENTENCES, config, lambda _: None).model.state_dict())
    first, second = found
    learned = [name for name in first if "pooler" not in name]
    assert any("head" in name for name in learned)
    assert all(torch.equal(first[name], second[name]) for name in learned)


def test_a_tuned_encoder_survives_its_folder(tmp_path: Path) -> None:
    config = TextStageConfig(
        pretraining_epochs=1, finetuning_epochs=1, averaged_epochs=1, seeds=(1,), replay_ratio=0.0, batch=4
    )
    pretrained = pretrain(write_encoder(tmp_path / "source"), SENTENCES, config, lambda _: None)
    (tmp_path / "pretrained").mkdir()
    save_tuned(pretrained, tmp_path / "pretrained")
    tuned = finetune(tmp_path / "pretrained", [*SENTENCES, *MOSI], config, lambda _: None)
    (tmp_path / "tuned").mkdir()
    save_tuned(tuned, tmp_path / "tuned")
    again = load_tuned(tmp_path / "tuned", config)
    assert again.tokenizer.ids("the film was good") == tuned.tokenizer.ids("the film was good")
    weights, before = tuned.model.state_dict(), pretrained.model.state_dict()
    assert all(torch.equal(tensor, again.model.state_dict()[name]) for name, tensor in weights.items())
    assert not torch.equal(weights["head.weight"], before["head.weight"])


def test_a_key_depends_on_the_sentences_and_settings_of_its_stage_alone() -> None:
    config = TextStageConfig()
    sentences = [*SENTENCES, *MOSI]
    first, second = pretraining_key(sentences, config), finetuning_key(sentences, config)

    slower = config.model_copy(update={"pretraining_lr": 1e-5})
    for other_sentences, other_config in ((sentences, slower), (sentences[1:], config)):
        assert pretraining_key(other_sentences, other_config).digest != first.digest
        assert finetuning_key(other_sentences, other_config).digest != second.digest

    longer = config.model_copy(update={"finetuning_epochs": 2})
    for other_sentences, other_config in ((sentences, longer), (sentences[:-1], config)):
        assert pretraining_key(other_sentences, other_config).digest == first.digest
        assert finetuning_key(other_sentences, other_config).digest != second.digest


def test_the_average_of_models_is_the_mean_of_their_weights() -> None:
    models = [torch.nn.Linear(3, 2) for _ in range(4)]
    average = WeightAverage()
    for model in models:
        average.add(model)
    mean = torch.stack([model.weight.detach() for model in models]).mean(dim=0)
    average.copy_to(models[0])
    assert average.count == 4
    torch.testing.assert_close(models[0].weight.detach(), mean)
