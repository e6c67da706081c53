"""Metrics of predictions by name, by the data set's protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmim_live.model.mmim import HeadConfig
from mmim_train.data.dataset import Scoring
from mmim_train.evaluation.metrics import as_json, class_metrics, regression_metrics


def prediction_metrics(head: HeadConfig, scoring: Scoring, targets: Tensor, prediction: Tensor) -> dict[str, Any]:
    """Targets as in `task_loss`, prediction [N, K]. With several outputs, metrics are named "output.metric"."""
    if head.kind == "classes":
        kept = targets >= 0
        return as_json(class_metrics(targets[kept].numpy(), prediction[kept].argmax(dim=1).numpy()))
    metrics: dict[str, Any] = {}
    for column, name in enumerate(head.names):
        kept = ~torch.isnan(targets[:, column])
        truth, predicted = (side[kept, column].numpy().astype(np.float32) for side in (targets, prediction))
        values = as_json(regression_metrics(scoring, truth, predicted))
        metrics |= values if len(head.names) == 1 else {f"{name}.{key}": value for key, value in values.items()}
    return metrics
