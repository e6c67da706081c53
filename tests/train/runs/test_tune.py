"""Hyperparameter search, on a tiny data set."""

import io
import json
import tomllib
from pathlib import Path

from rich.console import Console

from mmim_train.commands import tune_command
from mmim_train.runs.recipe import parse_recipe
from tests.train.corpus import RECIPE, write_data, write_encoder


def test_a_search_resumes_and_gives_lines_for_a_recipe(tmp_path: Path) -> None:
    write_encoder(tmp_path / "encoder")
    data = write_data(tmp_path / "data", test=False)
    (tmp_path / "tiny.toml").write_text(RECIPE)

    def search(trials: int) -> str:
        return tune_command(
            data,
            recipe=str(tmp_path / "tiny.toml"),
            text_encoder=str(tmp_path / "encoder"),
            trials=trials,
            output=tmp_path / "out",
            device="cpu",
            overrides={"epochs": 1},
            console=Console(file=io.StringIO()),
        )

    first, second = search(2), search(3)
    best = json.loads((tmp_path / "out" / "best.json").read_text())
    assert best["trials"] == 3
    found = tomllib.loads(second)
    assert (
        found.keys() == tomllib.loads(first).keys() == {"alpha", "beta", "lr_main", "lr_text", "lr_q", "weight_decay"}
    )
    recipe = parse_recipe(RECIPE.replace("train = {", f"train = {{ alpha = {found['alpha']}, "), "here")
    assert recipe.corrected.train.alpha == found["alpha"]
