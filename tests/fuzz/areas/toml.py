"""Settings, key bindings, recipes, and the values of `--set`."""

from __future__ import annotations

from pathlib import Path

from mmim_live.cli.training import _pairs
from mmim_live.settings import load_keys, load_settings
from mmim_train.runs.recipe import load_recipe
from tests.conftest import REPOSITORY
from tests.fuzz.area import Area, Files

_SETTINGS = b"""window = 6.0
hop = 0.5
language = "en"
checkpoint = "minilm-en"

[keys]
quit = "q"
mark = ["m", "space"]
"""
_CHANGES = b"alpha=0.1\nbf16=true\nname=word\nlist=[1, 2]\n"


def seeds() -> list[Files]:
    folder = REPOSITORY / "train" / "mmim_train" / "recipes"
    recipes: list[Files] = [{"recipe.toml": (folder / f"{name}.toml").read_bytes()} for name in ("mosi", "meld")]
    return [*recipes, {"settings.toml": _SETTINGS}, {"changes.txt": _CHANGES}]


def read(folder: Path) -> None:
    if (folder / "settings.toml").exists():
        load_keys(folder / "settings.toml")
        load_settings(folder / "settings.toml", {})
    if (folder / "recipe.toml").exists():
        load_recipe(folder / "recipe.toml")
    if (folder / "changes.txt").exists():
        _pairs((folder / "changes.txt").read_text("utf-8", "replace").splitlines())


AREA = Area("toml", seeds, read, {})
