"""Recipes: what to train on a data set, and how, as TOML files. `recipes/` holds one per data set.

A recipe has a section `published`, the settings that the public MMIM codes use on that data set (or, where they never
did, on MOSI), and a section `corrected`, ours. Each says `text_encoder`, `max_tokens`, `model` (fields of MMIMConfig
but those that data decide) and `train` (fields of TrainOptions). An unknown key is an error. Knows no data.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmim_live.errors import ConfigError
from mmim_live.model.mmim import HeadConfig, MMIMConfig
from mmim_live.types import Modality
from mmim_train.data.dataset import DataSet
from mmim_train.data.registry import SPECS
from mmim_train.training.options import ObjectiveName, TrainOptions

_BY_DATA = frozenset({"modalities", "text_encoder", "voice_dim", "face_dim", "head"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecipeSettings(_Part):
    """One way to train: encoder, architecture, options."""

    text_encoder: str = Field(min_length=1)  # a hub name or a folder
    max_tokens: int = Field(gt=2)  # longer texts lose their end
    model: dict[str, Any] = {}
    train: TrainOptions = TrainOptions()

    @model_validator(mode="after")
    def _check(self) -> RecipeSettings:
        decided = _BY_DATA & set(self.model)
        if decided:
            raise ValueError(f"model.{min(decided)} follows from the data and cannot be set")
        if "objective" in self.train.model_fields_set:
            raise ValueError("train.objective is what the section is called and cannot be set")
        try:
            self._config(modalities=("voice",), voice_dim=1)  # the values, whatever the data will be
        except ValidationError as error:
            raise ValueError(f"model.{_one_line(error)}") from error
        return self

    def architecture(self, dataset: DataSet, head: HeadConfig, text_encoder: dict[str, Any] | None) -> MMIMConfig:
        """The architecture for a data set: the modalities that its train split has, with their widths.

        `text_encoder` is the Hugging Face configuration of the encoder; None leaves text out.
        """
        train = dataset.split("train")
        there: dict[Modality, bool] = {
            "text": text_encoder is not None and any(text.strip() for text in train.texts),
            "voice": bool(train.voice.lengths.any()),
            "face": bool(train.face.lengths.any()),
        }
        return self._config(
            modalities=tuple(name for name, used in there.items() if used),
            text_encoder=text_encoder if there["text"] else None,
            voice_dim=dataset.voice_width,
            face_dim=dataset.face_width,
            head=head,
        )

    def _config(self, modalities: tuple[Modality, ...], **fields: Any) -> MMIMConfig:
        return MMIMConfig(modalities=modalities, **fields, **self.model)


class Recipe(_Part):
    """A data set, what to learn of it, and two ways to do so."""

    title: str
    dataset: str  # a name of `data.catalogue`
    target: tuple[str, ...] = Field(default=("M",), min_length=1)  # see `batches.head_for`
    published: RecipeSettings
    corrected: RecipeSettings

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.dataset not in SPECS:
            raise ValueError(f"dataset {self.dataset!r} is not known: choose from {', '.join(SPECS)}")
        return self

    def settings(self, objective: ObjectiveName) -> RecipeSettings:
        """The settings for an objective; "none" is "corrected" without its terms, so that both can be compared."""
        settings = self.published if objective == "published" else self.corrected
        return settings.model_copy(update={"train": settings.train.model_copy(update={"objective": objective})})


def recipe_names() -> tuple[str, ...]:
    """The names of the recipes that come with the package."""
    names = (entry.name for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(Path(name).stem for name in names))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe by its name or by a path that ends in .toml. Raises ConfigError, one line."""
    name = str(name_or_path)
    if not name.endswith(".toml"):
        if name not in recipe_names():
            raise ConfigError(f"no recipe {name!r}: choose from {', '.join(recipe_names())}, or give a path to a .toml")
        return parse_recipe(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"), f"recipe {name}")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: is not UTF-8 text") from error
    return parse_recipe(text, name)


def parse_recipe(text: str, origin: str) -> Recipe:
    """A recipe from its text; `origin` opens the line of an error."""
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_one_line(error)}") from error


def _one_line(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    what = "is not a known key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return " ".join(f"{key}: {what}".removeprefix(": ").split())


def _folder() -> Any:
    return files("mmim_train") / "recipes"
