"""The settings of the build, as recipe.toml has them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mmim_live.errors import ConfigError
from mmim_live.untrusted import read_toml
from mmim_train.default_checkpoint.emotion.corpus import FaceSequenceConfig
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
    face_sequences: FaceSequenceConfig = FaceSequenceConfig()
    synthetic_triples: TripleConfig = TripleConfig()
    model: dict[str, Any] = {}  # fields of MMIMConfig
    train: TrainOptions = TrainOptions(patience=40)
    text_variants: int = 2  # encodings of each training sentence: one without dropout, the others with
    triples: int = 8000  # per epoch
    averaged_epochs: int = Field(default=3, ge=1)  # the last ones, whose weights are averaged
    valid_repeats: int = 4  # triples per validation sentence
    contested_repeats: int = 24  # the same, to evaluate consistency on: few of them are incongruent
    q_rounds: int = 3  # rounds of triples that q is finally fitted to
    q_steps: int = 1500
    consistency_rank: int = 8  # principal components of h_t that this q reads

    @property
    def bidirectional(self) -> bool:
        """Whether the voice and face encoders read sequences in both directions."""
        return bool(self.model.get("bidirectional", False))

    @field_validator("train")
    @classmethod
    def _never_stops_early(cls, options: TrainOptions) -> TrainOptions:
        if options.patience < options.epochs:
            raise ValueError("patience must not be less than epochs, since the last epochs are averaged")
        return options


def read_recipe(path: Path | None = None) -> DefaultRecipe:
    """The recipe in `path`; by default, the installed one. Raises ConfigError."""
    path = path or Path(str(files("mmim_train") / "default_checkpoint" / "recipe.toml"))
    try:
        return DefaultRecipe.model_validate(read_toml(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not a valid TOML file: {error}") from error
