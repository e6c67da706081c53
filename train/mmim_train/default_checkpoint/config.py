"""The settings of `mmim-live train live`, as recipe.toml has them. Knows no data."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mmim_live.errors import ConfigError
from mmim_train.default_checkpoint.emotion.unimodal import UnimodalConfig
from mmim_train.default_checkpoint.fusion.synthetic_triples import TripleConfig
from mmim_train.default_checkpoint.text.encoder import TextStageConfig
from mmim_train.training.options import TrainOptions


class DefaultRecipe(BaseModel):
    """recipe.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 1
    text: TextStageConfig = TextStageConfig()
    voice: UnimodalConfig = UnimodalConfig()
    face: UnimodalConfig = UnimodalConfig()
    synthetic_triples: TripleConfig = TripleConfig()
    model: dict[str, Any] = {}
    train: TrainOptions = TrainOptions(patience=40)
    text_variants: int = 2  # readings of each sentence: one without dropout, the others with
    triples: int = 8000  # in each epoch
    averaged_epochs: int = Field(default=3, ge=1)  # the last ones, whose weights are averaged
    valid_repeats: int = 4  # triples a validation sentence
    contested_repeats: int = 24  # the same, of those that agreement is judged by: few are joined against their words
    q_rounds: int = 3  # of triples that q is fitted to at the end
    q_steps: int = 1500
    consistency_rank: int = 8  # principal components of h_t that this q reads

    @field_validator("train")
    @classmethod
    def _never_ends_sooner(cls, options: TrainOptions) -> TrainOptions:
        if options.patience < options.epochs:
            raise ValueError("patience must not be less than epochs, since the last epochs are averaged")
        return options


def read_recipe(path: Path | None = None) -> DefaultRecipe:
    """The recipe in `path`, or the one that is installed. Raises ConfigError."""
    path = path or Path(str(files("mmim_train") / "default_checkpoint" / "recipe.toml"))
    try:
        return DefaultRecipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML file: {error}") from error
