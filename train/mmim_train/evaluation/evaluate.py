"""Scores a checkpoint on a split of a data set, with complete inputs and with parts missing."""

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

MetricValues = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics of a checkpoint on a split, by the data set's protocol."""

    checkpoint: str
    dataset: str
    split: SplitName
    metrics: MetricValues
    frames_missing: Mapping[str, MetricValues] = field(default_factory=dict)  # by rate
    modalities_missing: Mapping[str, MetricValues] = field(default_factory=dict)  # by the modalities present
    frames_mean: MetricValues = field(default_factory=dict)  # mean over the rates
    modalities_mean: MetricValues = field(default_factory=dict)  # mean over the incomplete sets
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; the tables only if they were computed."""
        whole = {"checkpoint": self.checkpoint, "dataset": self.dataset, "split": self.split, "figures": self.metrics}
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
    """Score a checkpoint folder. Raises CheckpointError, and DataError if data and checkpoint do not match."""
    checkpoint = load_checkpoint(folder, None)
    dataset = open_dataset(dataset_name, data)
    _compare(checkpoint, dataset)
    config = checkpoint.config
    inputs = Preprocessing(checkpoint.tokenizer, config.voice_normalisation, config.face_normalisation)
    examples = SplitExamples(dataset.split(split), inputs, target_of(config, dataset))
    encoder = Encoder(checkpoint.model.to(device), device, World())
    metrics = score(encoder, examples, dataset.scoring)
    notes = dataset.provenance.notes
    if not missing:
        return Evaluation(checkpoint.name, dataset.name, split, metrics, notes=notes)
    frames, modalities = missing_tables(encoder, examples, dataset.scoring)
    incomplete = {name: row for name, row in modalities.items() if name != "+".join(config.architecture.modalities)}
    return Evaluation(
        checkpoint=checkpoint.name,
        dataset=dataset.name,
        split=split,
        metrics=metrics,
        frames_missing=frames,
        modalities_missing=modalities,
        frames_mean=mean(frames),
        modalities_mean=mean(incomplete),
        notes=notes,
    )


def score(encoder: Encoder, examples: Examples, scoring: Scoring) -> MetricValues:
    """The metrics of one pass over the examples."""
    targets = examples.targets(range(len(examples)))
    return prediction_metrics(encoder.model.config.head, scoring, targets, predict(encoder, examples))


def missing_tables(
    encoder: Encoder, examples: Examples, scoring: Scoring
) -> tuple[dict[str, MetricValues], dict[str, MetricValues]]:
    """Metrics by the rate of missing frames, and by the set of modalities present (the full set comes last)."""
    used: tuple[Modality, ...] = encoder.model.config.modalities
    frames = {f"{rate:.1f}": score(encoder, FramesMissing(examples, rate), scoring) for rate in RATES}
    sets = {name: score(encoder, ModalitiesMissing(examples, kept), scoring) for name, kept in coalitions(used).items()}
    return frames, sets


def mean(rows: Mapping[str, MetricValues]) -> MetricValues:
    """The mean of each metric over the rows; None if it is undefined in one of them."""
    columns = next(iter(rows.values()), {})
    result: MetricValues = {}
    for name in columns:
        values = [row[name] for row in rows.values()]
        result[name] = None if None in values else sum(values) / len(values)
    return result


def target_of(config: CheckpointConfig, dataset: DataSet) -> tuple[str, ...]:
    """The labels of the data set that a checkpoint predicts. Raises DataError if the data set lacks them."""
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
    widths = {"text": 1, "voice": dataset.voice_width, "face": dataset.face_width}
    for modality in checkpoint.config.architecture.modalities:
        if not widths[modality]:
            continue  # the model takes a modality that the data set lacks as absent
        difference = contract_difference(checkpoint.config.contract.contract, offered, modality)
        if difference is not None:
            raise DataError(
                f"{dataset.provenance.path}: {modality} features differ from the checkpoint's ({difference})"
            )
    if checkpoint.config.languages and dataset.language not in checkpoint.config.languages:
        known = ", ".join(checkpoint.config.languages)
        raise DataError(f"{dataset.provenance.path}: language {dataset.language}, but the checkpoint supports {known}")
