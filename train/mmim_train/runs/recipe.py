"""Recipes: TOML files that say what to train on a data set, and how. `recipes/` has one per data set.

A recipe has two sections: `published`, the settings of the public MMIM implementations for that data set (or for MOSI
if they never used it), and `corrected`, ours. Each sets `text_encoder`, `max_tokens`, `model` (fields of MMIMConfig
except those that the data determine) and `train` (fields of TrainOptions). Unknown keys are rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmim_live.errors import ConfigError
from mmim_live.model.mmim import HeadConfig, MMIMConfig
from mmim_live.types import Modality
from mmim_live.untrusted import parse_toml, read_text
from mmim_train.data.dataset import DataSet
from mmim_train.data.registry import SPECS
from mmim_train.training.options import ObjectiveName, TrainOptions

_BY_DATA = frozenset({"modalities", "text_encoder", "voice_dim", "face_dim", "head"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecipeSettings(_Part):
    """One configuration: text encoder, architecture, training options."""

    text_encoder: str = Field(min_length=1)  # a hub name or a folder
    max_tokens: int = Field(gt=2)  # longer texts are truncated
    model: dict[str, Any] = {}
    train: TrainOptions = TrainOptions()

    @model_validator(mode="after")
    def _check(self) -> RecipeSettings:
        fixed = _BY_DATA & set(self.model)
        if fixed:
            raise ValueError(f"model.{min(fixed)} is determined by the data and cannot be set")
        if "objective" in self.train.model_fields_set:
            raise ValueError("train.objective is given by the section name and cannot be set")
        try:
            self._config(modalities=("voice",), voice_dim=1)  # checks the values, independently of the data
        except ValidationError as error:
            raise ValueError(f"model.{_one_line(error)}") from error
        return self

    def architecture(self, dataset: DataSet, head: HeadConfig, text_encoder: dict[str, Any] | None) -> MMIMConfig:
        """The architecture for a data set: the modalities of its train split, with their widths.

        `text_encoder` is the Hugging Face configuration of the encoder; None leaves text out.
        """
        train = dataset.split("train")
        present: dict[Modality, bool] = {
            "text": text_encoder is not None and any(text.strip() for text in train.texts),
            "voice": bool(train.voice.lengths.any()),
            "face": bool(train.face.lengths.any()),
        }
        return self._config(
            modalities=tuple(name for name, used in present.items() if used),
            text_encoder=text_encoder if present["text"] else None,
            voice_dim=dataset.voice_width,
            face_dim=dataset.face_width,
            head=head,
        )

    def _config(self, modalities: tuple[Modality, ...], **fields: Any) -> MMIMConfig:
        return MMIMConfig(modalities=modalities, **fields, **self.model)


class Recipe(_Part):
    """A data set, the target to predict, and two configurations."""

    title: str
    dataset: str  # a name in `data.registry`
    target: tuple[str, ...] = Field(default=("M",), min_length=1)  # see `collate.head_for`
    published: RecipeSettings
    corrected: RecipeSettings

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if self.dataset not in SPECS:
            raise ValueError(f"unknown dataset {self.dataset!r}: choose from {', '.join(SPECS)}")
        return self

    def settings(self, objective: ObjectiveName) -> RecipeSettings:
        """The settings for an objective; "none" is "corrected" without its terms, which makes the two comparable."""
        settings = self.published if objective == "published" else self.corrected
        return settings.model_copy(update={"train": settings.train.model_copy(update={"objective": objective})})


def recipe_names() -> tuple[str, ...]:
    """The names of the recipes shipped with the package."""
    names = (entry.name for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(Path(name).stem for name in names))


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A recipe by name, or by a path that ends in .toml. Raises ConfigError with a one-line message."""
    name = str(name_or_path)
    if not name.endswith(".toml"):
        if name not in recipe_names():
            raise ConfigError(f"no recipe {name!r}: choose from {', '.join(recipe_names())}, or give a path to a .toml")
        return parse_recipe(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"), f"recipe {name}")
    try:
        text = read_text(Path(name))
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error
    return parse_recipe(text, name)


def parse_recipe(text: str, origin: str) -> Recipe:
    """A recipe from its text; error messages begin with `origin`."""
    try:
        return Recipe.model_validate(parse_toml(text))
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_one_line(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{origin}: not valid TOML: {error}") from error


def describe_unknown(name: str, known: Iterable[str]) -> str:
    """One line: that the option is unknown, and the one that resembles it, or else all that are known."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    return f"unknown option {name!r}: " + (f"did you mean {close[0]}?" if close else f"choose from {', '.join(names)}")


def _one_line(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return " ".join(f"{key}: {what}".removeprefix(": ").split())


def _folder() -> Any:
    return files("mmim_train") / "recipes"
