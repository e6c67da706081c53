"""Every recipe loads and fits its data set; errors are reported in one line that names the key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmim_live.errors import ConfigError
from mmim_live.model.mmim import HeadConfig
from mmim_train.data.loader import open_dataset
from mmim_train.data.registry import SPECS
from mmim_train.runs.recipe import load_recipe, parse_recipe, recipe_names
from mmim_train.training.collate import head_for
from tests.model.small import SMALL_BERT
from tests.train.layouts import mmsa, write_csv, write_pickle

MINIMAL = """
title = "a"
dataset = "mosi"
[published]
text_encoder = "x"
max_tokens = 50
[corrected]
text_encoder = "x"
max_tokens = 50
"""


def test_every_data_set_has_a_recipe() -> None:
    assert set(recipe_names()) == {"mosi", "mosei", "sims", "simsv2", "meld", "emer"}


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.dataset == name
    spec = SPECS[name]
    if spec.scoring != "affect":
        assert recipe.target == ("M",)
    assert ("chinese" in recipe.corrected.text_encoder) == (spec.language == "zh")
    published, corrected, none = (recipe.settings(o).train for o in ("published", "corrected", "none"))
    assert (published.objective, corrected.objective, none.objective) == ("published", "corrected", "none")
    assert none.model_copy(update={"objective": "corrected"}) == corrected
    # Both public implementations use these on every data set.
    assert (published.alpha, published.beta, published.batch_size) == (0.1, 0.1, 32)
    assert (published.lr_text, published.lr_main, published.lr_q) == (5e-5, 1e-3, 1e-3)


def test_the_architecture_follows_the_data(tmp_path: Path) -> None:
    settings = load_recipe("sims").settings("corrected")
    content = mmsa(sims=True)
    dataset = open_dataset("sims", write_pickle(tmp_path / "x.pkl", content))
    head = head_for(dataset, ("M",))
    config = settings.architecture(dataset, head, SMALL_BERT)
    assert config.modalities == ("text", "voice", "face")
    assert (config.voice_dim, config.face_dim, config.head) == (5, 7, head)
    assert config.modality_dropout == settings.model["modality_dropout"]
    assert settings.architecture(dataset, head, None).modalities == ("voice", "face")
    rows = [{"sentence": "good", "positivity": 1, "split": "train"}]
    words = open_dataset("sst", write_csv(tmp_path / "sst.csv", rows))
    assert settings.architecture(words, head, SMALL_BERT).modalities == ("text",)
    for part in content.values():
        part["audio_lengths"] = np.zeros(len(part["id"]), int)  # columns, but no rows
    silent = open_dataset("sims", write_pickle(tmp_path / "y.pkl", content))
    assert settings.architecture(silent, HeadConfig(), SMALL_BERT).modalities == ("text", "face")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "a"', 'title = "a"\ncolor = 1', "color: unknown key"),
        ('title = "a"', 'title = "a', "not valid TOML"),
        ("max_tokens = 50\n[c", "max_tokens = 1\n[c", r"published.max_tokens: Input should be greater than 2"),
        ("max_tokens = 50\n[c", "max_tokens = 50\ntrain = {lr_mian = 1}\n[c", "train.lr_mian: unknown key"),
        ("max_tokens = 50\n[c", "max_tokens = 50\nmodel = {fusoin = 1}\n[c", "model.fusoin: unknown key"),
        ("max_tokens = 50\n[c", "max_tokens = 50\nmodel = {dropout = 2}\n[c", "model.dropout: Input should be less"),
        ("max_tokens = 50\n[c", "max_tokens = 50\nmodel = {voice_dim = 2}\n[c", "voice_dim is determined by the"),
        ("max_tokens = 50\n[c", 'max_tokens = 50\ntrain = {objective = "none"}\n[c', "train.objective is given by"),
        ("max_tokens = 50\n[c", "max_tokens = 50\ntrain = {alpha = nan}\n[c", "nan is not a finite number"),
        ('"mosi"', '"mosy"', "unknown dataset 'mosy': choose from mosi"),
        ('dataset = "mosi"', "", "dataset: Field required"),
        ('dataset = "mosi"', 'dataset = "mosi"\ntarget = []', "target"),
    ],
)  # fmt: skip
def test_errors_name_the_key_in_one_line(old: str, new: str, message: str) -> None:
    assert parse_recipe(MINIMAL, "r").dataset == "mosi"
    assert old in MINIMAL
    with pytest.raises(ConfigError, match=message) as error:
        parse_recipe(MINIMAL.replace(old, new, 1), "r.toml")
    assert str(error.value).startswith("r.toml: ")
    assert "\n" not in str(error.value)


def test_recipes_are_found_by_path_or_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    assert load_recipe(path).title == "a"
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_recipe(path)
    with pytest.raises(ConfigError, match="no recipe 'mosy': choose from emer, meld, mosei"):
        load_recipe("mosy")
