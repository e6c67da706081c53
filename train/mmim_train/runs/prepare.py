"""Turns a recipe and the path of a data set into the trainer's inputs: examples of every split, and models by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmim_live.errors import DataError
from mmim_live.model.encoders import TextEncoder, backbone_config
from mmim_live.model.mmim import MMIM, MMIMConfig
from mmim_train.data.dataset import DataSet, Split, SplitName
from mmim_train.data.loader import open_dataset
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.runs.recipe import Recipe
from mmim_train.runs.text_encoder import choose_text_encoder, find_backbone, find_tokenizer
from mmim_train.training.collate import Preprocessing, SplitExamples, fit_preprocessing, head_for
from mmim_train.training.options import ObjectiveName, TrainOptions
from mmim_train.training.seeding import Purpose, seeded

_CPU = torch.device("cpu")


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
    note: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Load the data, and the text encoder's tokenizer and configuration.

    Without `text_encoder`, English data use the installed MiniLM if the recipe's encoder cannot be had; `note`
    receives one line that says so. Raises DataError, AssetError, and pydantic.ValidationError for bad `overrides`.
    """
    settings = recipe.settings(objective)
    options = TrainOptions.model_validate(settings.train.model_dump() | dict(overrides or {}))
    dataset = open_dataset(recipe.dataset, data)
    _require_labels(dataset, recipe.target)
    has_text = any(text.strip() for text in dataset.split("train").texts)
    source = text_encoder or settings.text_encoder
    if has_text and text_encoder is None:
        source = choose_text_encoder(source, dataset.language, note)
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
        options=options,
        inputs=inputs,
        splits=splits,
        load_backbone=(lambda: find_backbone(source)) if has_text else None,
    )


def _require_labels(dataset: DataSet, target: Sequence[str]) -> None:
    """Raise DataError unless train and valid, which selects the epoch, have labeled samples."""
    if not any(name in split.scores or name in split.classes for split in dataset.splits.values() for name in target):
        return  # `head_for` says which labels there are
    required: tuple[SplitName, ...] = ("train", "valid")
    for name in required:
        split = dataset.splits.get(name)
        if split is not None and _is_labeled(split, target):
            continue
        what = "no" if split is None else "no labeled sample in the"
        fix = f"give some samples a label and the mode {name} (label.csv)"
        raise DataError(f"{dataset.provenance.path}: {what} {name} split, which training needs: {fix}")


def _is_labeled(split: Split, target: Sequence[str]) -> bool:
    scored = any((~np.isnan(split.scores[name])).any() for name in target if name in split.scores)
    return scored or any((split.classes[name] >= 0).any() for name in target if name in split.classes)


def _restrict(inputs: Preprocessing, config: MMIMConfig) -> Preprocessing:
    """Drop the modalities that the architecture does not use."""
    return Preprocessing(
        inputs.tokenizer if "text" in config.modalities else None,
        inputs.voice if "voice" in config.modalities else None,
        inputs.face if "face" in config.modalities else None,
    )
