"""Scoring a checkpoint on a split of a data set, whole and with parts missing. Knows no training and prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mmim_live.errors import DataError
from mmim_live.model.checkpoint import Checkpoint, load_checkpoint
from mmim_live.model.checkpoint_config import CheckpointConfig, contract_difference
from mmim_live.types import Modality
from mmim_train.data.dataset import DataSet, Scoring, SplitName
from mmim_train.data.loader import open_dataset
from mmim_train.evaluation.missing_modalities import RATES, FramesMissing, ModalitiesMissing, coalitions
from mmim_train.evaluation.scoring import prediction_metrics
from mmim_train.training.collate import INTENSITY, Preprocessing, SplitExamples
from mmim_train.training.distributed import World
from mmim_train.training.examples import Examples
from mmim_train.training.microbatch import Encoder
from mmim_train.training.trainer import predict

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a checkpoint on a split, by the data set's protocol."""

    checkpoint: str
    dataset: str
    split: SplitName
    figures: Figures
    frames_missing: Mapping[str, Figures] = field(default_factory=dict)  # by rate
    modalities_missing: Mapping[str, Figures] = field(default_factory=dict)  # by what is there
    frames_mean: Figures = field(default_factory=dict)  # over the rates
    modalities_mean: Figures = field(default_factory=dict)  # over the incomplete sets
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values; the tables only where they were asked for."""
        whole = {"checkpoint": self.checkpoint, "dataset": self.dataset, "split": self.split, "figures": self.figures}
        tables = {
            "frames_missing": {**self.frames_missing, "mean": self.frames_mean} if self.frames_missing else {},
            "modalities_missing": {**self.modalities_missing, "mean": self.modalities_mean}
            if self.modalities_missing
            else {},
        }
        return whole | {name: table for name, table in tables.items() if table} | {"notes": list(self.notes)}


def evaluate(
    folder: Path, dataset_name: str, data: Path, *, split: SplitName, missing: bool, device: torch.device
) -> Evaluation:
    """Score a checkpoint folder. Raises CheckpointError, and DataError where data and checkpoint do not fit."""
    checkpoint = load_checkpoint(folder, None)
    dataset = open_dataset(dataset_name, data)
    _compare(checkpoint, dataset)
    config = checkpoint.config
    inputs = Preprocessing(checkpoint.tokenizer, config.voice_normalisation, config.face_normalisation)
    examples = SplitExamples(dataset.split(split), inputs, target_of(config, dataset))
    encoder = Encoder(checkpoint.model.to(device), device, World())
    figures = score(encoder, examples, dataset.scoring)
    notes = dataset.provenance.notes
    if not missing:
        return Evaluation(checkpoint.name, dataset.name, split, figures, notes=notes)
    frames, modalities = missing_tables(encoder, examples, dataset.scoring)
    incomplete = {name: row for name, row in modalities.items() if name != "+".join(config.architecture.modalities)}
    return Evaluation(
        checkpoint=checkpoint.name,
        dataset=dataset.name,
        split=split,
        figures=figures,
        frames_missing=frames,
        modalities_missing=modalities,
        frames_mean=mean(frames),
        modalities_mean=mean(incomplete),
        notes=notes,
    )


def score(encoder: Encoder, examples: Examples, scoring: Scoring) -> Figures:
    """The figures of one pass."""
    targets = examples.targets(range(len(examples)))
    return prediction_metrics(encoder.model.config.head, scoring, targets, predict(encoder, examples))


def missing_tables(
    encoder: Encoder, examples: Examples, scoring: Scoring
) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """Figures by the rate of lost frames, and by the set of modalities that is there (the whole set is the last)."""
    used: tuple[Modality, ...] = encoder.model.config.modalities
    frames = {f"{rate:.1f}": score(encoder, FramesMissing(examples, rate), scoring) for rate in RATES}
    sets = {name: score(encoder, ModalitiesMissing(examples, kept), scoring) for name, kept in coalitions(used).items()}
    return frames, sets


def mean(rows: Mapping[str, Figures]) -> Figures:
    """The mean of every figure over the rows, None if one of them has none."""
    columns = next(iter(rows.values()), {})
    result: Figures = {}
    for name in columns:
        values = [row[name] for row in rows.values()]
        result[name] = None if None in values else sum(values) / len(values)
    return result


def target_of(config: CheckpointConfig, dataset: DataSet) -> tuple[str, ...]:
    """Which labels of the data set a checkpoint predicts; DataError if it has none of them."""
    head = config.architecture.head
    if head.kind == "intensity":
        return ("M",) if head.names == (INTENSITY,) else head.names
    if head.kind == "regressions":
        return head.names
    for name, classes in dataset.class_names.items():
        if classes == head.names:
            return (name,)
    raise DataError(f"{dataset.provenance.path}: has no classes {', '.join(head.names)}, which the checkpoint predicts")


def _compare(checkpoint: Checkpoint, dataset: DataSet) -> None:
    offered = dataset.feature_contract
    for modality in checkpoint.config.architecture.modalities:
        difference = contract_difference(checkpoint.config.contract.contract, offered, modality)
        if difference is not None:
            raise DataError(
                f"{dataset.provenance.path}: other {modality} features than the checkpoint's ({difference})"
            )
    if checkpoint.config.languages and dataset.language not in checkpoint.config.languages:
        known = ", ".join(checkpoint.config.languages)
        raise DataError(f"{dataset.provenance.path}: its words are {dataset.language}, the checkpoint reads {known}")
