"""The figures of a prediction, by name, in the protocol of the data set. Knows no models and no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmim_live.model.mmim import HeadConfig
from mmim_train.evaluation.metrics import Scoring, as_json, class_metrics, regression_metrics
from mmim_train.training.objective import task_loss


@dataclass(frozen=True, slots=True)
class Scores:
    """`loss` chooses the epoch, lower is better: L1 over all numbers, or cross entropy. `figures` are for people."""

    loss: float
    figures: dict[str, Any]


def score_predictions(head: HeadConfig, scoring: Scoring, targets: Tensor, prediction: Tensor) -> Scores:
    """Targets as in `task_loss`, prediction [N, K]. With several numbers, a figure is called "name.figure"."""
    loss = float(task_loss(prediction, targets))
    if head.kind == "classes":
        kept = targets >= 0
        return Scores(loss, as_json(class_metrics(targets[kept].numpy(), prediction[kept].argmax(dim=1).numpy())))
    figures: dict[str, Any] = {}
    for column, name in enumerate(head.names):
        kept = ~torch.isnan(targets[:, column])
        truth, guess = (values[kept, column].numpy().astype(np.float32) for values in (targets, prediction))
        found = as_json(regression_metrics(scoring, truth, guess))
        figures |= found if len(head.names) == 1 else {f"{name}.{key}": value for key, value in found.items()}
    return Scores(loss, figures)
