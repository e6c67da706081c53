"""Exports a trained model as a checkpoint folder, with all that inference and `evaluate` need besides the weights.

The validation split calibrates conformal intervals for every set of modalities, and the quantile tables that turn
consistency statistics into percentiles. The marginals p(h) are computed from texts of the train split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from mmim_live.model.checkpoint import save_checkpoint
from mmim_live.model.checkpoint_config import CheckpointConfig, Conformal, ContractConfig
from mmim_live.model.consistency import consistency_statistics, marginal_to_config
from mmim_live.model.mmim import MMIM
from mmim_live.model.mutual_information import Marginal, marginal
from mmim_live.model.predictor import live_scores
from mmim_live.types import MODALITIES
from mmim_train.evaluation.missing_modalities import ModalitiesMissing, coalitions
from mmim_train.runs.prepare import Prepared
from mmim_train.training.examples import Examples, sorted_batches
from mmim_train.training.microbatch import Encoder
from mmim_train.training.trainer import predict

Name = Literal["voice", "face"]
_NAMES: tuple[Name, Name] = ("voice", "face")

LEVEL = 0.9
_QUANTILES = 101
_PRIOR_EXAMPLES = 64


def export_checkpoint(
    folder: Path,
    prepared: Prepared,
    encoder: Encoder,
    *,
    metrics: dict[str, Any],
    provenance: dict[str, Any],
    card: str,
) -> None:
    """Write the checkpoint, replacing an existing one. Raises CheckpointError."""
    model = encoder.model
    config = _base_config(prepared, model, metrics, provenance)
    valid = prepared.split("valid")
    prior = priors(encoder, prepared.split("train"))
    config = config.model_copy(
        update={
            "conformal": conformal(config, encoder, valid),
            "prior": {name: marginal_to_config(mixture) for name, mixture in prior.items()},
            "agreement": consistency_quantiles(encoder, valid, prior),
        }
    )
    save_checkpoint(folder, model, config, prepared.inputs.tokenizer, card, overwrite=True)


def _base_config(
    prepared: Prepared, model: MMIM, metrics: dict[str, Any], provenance: dict[str, Any]
) -> CheckpointConfig:
    tokenizer = prepared.inputs.tokenizer
    return CheckpointConfig(
        architecture=model.config,
        contract=ContractConfig.of(prepared.dataset.feature_contract),
        voice_normalisation=prepared.inputs.voice,
        face_normalisation=prepared.inputs.face,
        max_tokens=tokenizer.max_tokens if tokenizer is not None else 128,
        languages=(prepared.dataset.language,),
        label_scale=prepared.dataset.scale if prepared.target == ("M",) else (-1.0, 1.0),
        metrics=metrics,
        provenance=provenance,
    )


def conformal(config: CheckpointConfig, encoder: Encoder, examples: Examples) -> Conformal | None:
    """Split conformal half-widths (Vovk et al. 2005) by set of modalities, on the live scale; None for classes."""
    if config.architecture.head.kind == "classes":
        return None
    targets = examples.targets(range(len(examples)))
    truth = live_scores(targets, config)
    known = ~targets[:, 0].isnan()
    widths: dict[str, float] = {}
    for name, kept in coalitions(config.architecture.modalities).items():
        score = live_scores(predict(encoder, ModalitiesMissing(examples, kept)), config)
        width = conformal_quantile((score - truth).abs()[known].numpy(), LEVEL)
        if math.isfinite(width):
            widths[name] = width
    return Conformal(level=LEVEL, half_width=widths) if widths else None


def conformal_quantile(residuals: np.ndarray[Any, Any], level: float) -> float:
    """The ceil((n + 1) level)-th smallest residual: at least `level` of new ones do not exceed it. inf for small n."""
    rank = math.ceil((len(residuals) + 1) * level)
    return float(np.sort(residuals)[rank - 1]) if rank <= len(residuals) else math.inf


@torch.no_grad()
def priors(encoder: Encoder, examples: Examples) -> dict[Name, Marginal]:
    """The marginals p(h) of voice and face: q(h | text), averaged over the texts of some training examples."""
    model = encoder.model.eval()
    indices = range(0, len(examples), max(1, len(examples) // _PRIOR_EXAMPLES))
    texts = torch.cat([encoder.encode(examples.batch([index]), (0,)).h_t for index in indices])
    return {
        name: marginal(model.conditional(name), texts).to(torch.device("cpu")) for name in _NAMES if name in model.q
    }


@torch.no_grad()
def consistency_quantiles(
    encoder: Encoder, examples: Examples, prior: Mapping[Name, Marginal]
) -> dict[Name, tuple[float, ...]]:
    """Ascending quantiles of the `consistency_statistics` of voice and face, over examples that also have text."""
    model = encoder.model.eval()
    e = encoder.encode_all(examples, sorted_batches(examples.costs, 32), (0,))
    statistics = consistency_statistics(model, e, {name: mixture.to(e.h_t.device) for name, mixture in prior.items()})
    tables: dict[Name, tuple[float, ...]] = {}
    for name in _NAMES:
        both = (e.present[:, 0] & e.present[:, MODALITIES.index(name)]).cpu()
        if name in statistics and int(both.sum()) > 1:
            values = statistics[name].cpu()[both].double().numpy()
            tables[name] = tuple(float(v) for v in np.quantile(values, np.linspace(0, 1, _QUANTILES)))
    return tables
