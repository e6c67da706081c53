"""From a recipe and a data set's path to what the loop takes: examples of every split, and models by seed.

Knows where text encoders are found; nothing of training and reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from mmim_live import assets
from mmim_live.errors import AssetError, DataError
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
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A data set, ready to train MMIM on."""

    dataset: DataSet
    target: tuple[str, ...]
    text_encoder: str  # as named; "" where the data have no words
    config: MMIMConfig
    options: TrainOptions
    inputs: Preprocessing
    splits: Mapping[SplitName, SplitExamples]
    load_backbone: Callable[[], nn.Module] | None

    def split(self, name: SplitName) -> SplitExamples:
        """One split; DataError if the data set lacks it."""
        self.dataset.split(name)
        return self.splits[name]

    def metrics(self, targets: Tensor, prediction: Tensor) -> dict[str, Any]:
        """The metrics of predictions in the data set's protocol."""
        return prediction_metrics(self.config.head, self.dataset.scoring, targets, prediction)

    def model(self, seed: int) -> MMIM:
        """A model whose every weight depends on the seed alone, but for pretrained ones."""
        with seeded(_CPU, seed, Purpose.WEIGHTS):
            return MMIM(self.config, self.load_backbone() if self.load_backbone is not None else None)


def prepare(
    recipe: Recipe,
    data: Path,
    objective: ObjectiveName,
    text_encoder: str | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Prepared:
    """Read the data and the text encoder's tokenizer and configuration. Raises DataError and AssetError."""
    settings = recipe.settings(objective)
    dataset = open_dataset(recipe.dataset, data)
    for name in ("train", "valid"):
        dataset.split(name)  # both are needed: the train split to learn, the valid split to choose the epoch
    source = text_encoder or settings.text_encoder
    words = any(text.strip() for text in dataset.split("train").texts)
    backbone = find_backbone(source) if words else None
    tokenizer = None
    if backbone is not None:
        limit = TextEncoder(backbone).max_positions or settings.max_tokens
        tokenizer = find_tokenizer(source, min(settings.max_tokens, limit))
    config = settings.architecture(
        dataset, head_for(dataset, recipe.target), backbone_config(backbone) if backbone is not None else None
    )
    inputs = _used(fit_preprocessing(dataset, tokenizer), config)
    splits = {name: SplitExamples(split, inputs, recipe.target) for name, split in dataset.splits.items()}
    return Prepared(
        dataset=dataset,
        target=recipe.target,
        text_encoder=source if words else "",
        config=config,
        options=TrainOptions.model_validate(settings.train.model_dump() | dict(overrides or {})),
        inputs=inputs,
        splits=splits,
        load_backbone=(lambda: find_backbone(source)) if words else None,
    )


def _used(inputs: Preprocessing, config: MMIMConfig) -> Preprocessing:
    """Only what the architecture reads."""
    return Preprocessing(
        inputs.tokenizer if "text" in config.modalities else None,
        inputs.voice if "voice" in config.modalities else None,
        inputs.face if "face" in config.modalities else None,
    )


def find_backbone(source: str) -> nn.Module:
    """A pretrained text encoder by folder, by the name of one of our assets, or by its hub name."""
    return _first_found(source, load_text_backbone)


def find_tokenizer(source: str, max_tokens: int) -> TextTokenizer:
    """Its tokenizer, likewise."""
    return _first_found(source, lambda place, local: load_pretrained_tokenizer(place, max_tokens, local))


def _first_found(source: str, load: Callable[[str, bool], _Found]) -> _Found:
    place = _place(source)
    attempts: Sequence[tuple[str, bool]] = [(place, True)]
    if place == source and not Path(source).exists():
        attempts = [(source, True), (source, False)]  # the hub's cache first: it needs no network
    for where, local in attempts:
        try:
            return load(where, local)
        except (OSError, ValueError) as error:
            last = error
    reason = str(last).strip().splitlines()[0][:160]
    raise AssetError(
        f"text encoder {source!r} cannot be loaded ({reason}); give a folder or a hub name with --text-encoder"
    ) from last


def _place(source: str) -> str:
    """The folder of an asset of that name, where it is on this machine; else the source as it is."""
    if Path(source).is_dir():
        return source
    try:
        found = assets.find(source)
    except AssetError:  # not one of ours
        return source
    return str(found.folder) if found is not None else source


def check_scorable(prepared: Prepared, name: SplitName) -> None:
    """Raise DataError when a split has no label of the target."""
    targets = prepared.split(name).targets(range(len(prepared.split(name))))
    known = ~targets.isnan() if targets.is_floating_point() else targets >= 0
    if not bool(known.any()):
        raise DataError(
            f"{prepared.dataset.provenance.path}: the {name} split has no label {'/'.join(prepared.target)}"
        )
