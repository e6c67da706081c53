"""Turns a recipe and the path of a data set into the trainer's inputs: examples of every split, and models by seed.

Also locates text encoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmim_live import assets
from mmim_live.errors import AssetError
from mmim_live.model.encoders import TextEncoder, backbone_config, load_text_backbone
from mmim_live.model.mmim import MMIM, MMIMConfig
from mmim_live.model.tokenizer import TextTokenizer, load_pretrained_tokenizer
from mmim_train.data.dataset import DataSet, SplitName
from mmim_train.data.loader import open_dataset
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.runs.recipe import Recipe
from mmim_train.training.collate import Preprocessing, SplitExamples, fit_preprocessing, head_for
from mmim_train.training.options import ObjectiveName, TrainOptions
from mmim_train.training.seeding import Purpose, seeded

_CPU = torch.device("cpu")
_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A data set, ready for training."""

    dataset: DataSet
    target: tuple[str, ...]
    text_encoder: str  # as named; "" if the data have no text
    config: MMIMConfig
    options: TrainOptions
    inputs: Preprocessing
    splits: Mapping[SplitName, SplitExamples]
    load_backbone: Callable[[], nn.Module] | None

    def split(self, name: SplitName) -> SplitExamples:
        """The split. Raises DataError if the data set lacks it."""
        self.dataset.split(name)
        return self.splits[name]

    def metrics(self, targets: Tensor, prediction: Tensor) -> dict[str, Any]:
        """The metrics of predictions, by the data set's protocol."""
        return prediction_metrics(self.config.head, self.dataset.scoring, targets, prediction)

    def model(self, seed: int) -> MMIM:
        """A new model. Its weights depend only on the seed, except the pretrained ones."""
        with seeded(_CPU, seed, Purpose.WEIGHTS):
            return MMIM(self.config, self.load_backbone() if self.load_backbone is not None else None)


def prepare(
    recipe: Recipe,
    data: Path,
    objective: ObjectiveName,
    text_encoder: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Prepared:
    """Load the data, and the text encoder's tokenizer and configuration. Raises DataError and AssetError."""
    settings = recipe.settings(objective)
    dataset = open_dataset(recipe.dataset, data)
    for name in ("train", "valid"):
        dataset.split(name)  # both are required: valid selects the epoch
    source = text_encoder or settings.text_encoder
    has_text = any(text.strip() for text in dataset.split("train").texts)
    backbone = find_backbone(source) if has_text else None
    tokenizer = None
    if backbone is not None:
        limit = TextEncoder(backbone).max_positions or settings.max_tokens
        tokenizer = find_tokenizer(source, min(settings.max_tokens, limit))
    config = settings.architecture(
        dataset, head_for(dataset, recipe.target), backbone_config(backbone) if backbone is not None else None
    )
    inputs = _restrict(fit_preprocessing(dataset, tokenizer), config)
    splits = {name: SplitExamples(split, inputs, recipe.target) for name, split in dataset.splits.items()}
    return Prepared(
        dataset=dataset,
        target=recipe.target,
        text_encoder=source if has_text else "",
        config=config,
        options=TrainOptions.model_validate(settings.train.model_dump() | dict(overrides or {})),
        inputs=inputs,
        splits=splits,
        load_backbone=(lambda: find_backbone(source)) if has_text else None,
    )


def _restrict(inputs: Preprocessing, config: MMIMConfig) -> Preprocessing:
    """Drop the modalities that the architecture does not use."""
    return Preprocessing(
        inputs.tokenizer if "text" in config.modalities else None,
        inputs.voice if "voice" in config.modalities else None,
        inputs.face if "face" in config.modalities else None,
    )


def find_backbone(source: str) -> nn.Module:
    """A pretrained text encoder from a folder, an asset name or a hub name."""
    return _first_found(source, load_text_backbone)


def find_tokenizer(source: str, max_tokens: int) -> TextTokenizer:
    """The tokenizer of a text encoder, found likewise."""
    return _first_found(source, lambda place, local: load_pretrained_tokenizer(place, max_tokens, local))


def _first_found(source: str, load: Callable[[str, bool], _Loaded]) -> _Loaded:
    place = _resolve(source)
    attempts: Sequence[tuple[str, bool]] = [(place, True)]
    if place == source and not Path(source).exists():
        attempts = [(source, True), (source, False)]  # the hub's cache first, which needs no network
    for where, local in attempts:
        try:
            return load(where, local)
        except (OSError, ValueError) as error:
            last = error
    reason = str(last).strip().splitlines()[0][:160]
    raise AssetError(
        f"cannot load text encoder {source!r} ({reason}); give a folder or a hub name with --text-encoder"
    ) from last


def _resolve(source: str) -> str:
    """The folder of the asset with this name if it is installed, otherwise the source itself."""
    if Path(source).is_dir():
        return source
    try:
        found = assets.find(source)
    except AssetError:  # not an asset
        return source
    return str(found.folder) if found is not None else source
