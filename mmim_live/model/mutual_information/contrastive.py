"""InfoNCE, or contrastive predictive coding (van den Oord, Li, Vinyals 2018, arXiv 1807.03748), between h and Z."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_MAX_LOG_SCALE = math.log(100.0)  # keeps the temperature above 0.01, below which single pairs take all of the gradient
_SMALL = 1e-6


class InfoNCE(nn.Module):
    """Score of a pair: exp(cos(h, G(Z)) / temperature), with G linear and a learned temperature (initially 0.2)."""

    def __init__(self, h_width: int, z_width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(z_width, h_width)
        self.log_scale = nn.Parameter(torch.tensor(math.log(5.0)))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """H [n, h_width], z [n, z_width], row i of both from one utterance -> lower bound on I(h; Z) in nats, [].

        log n + E[log softmax of the true pair within the batch], averaged over both directions. It never exceeds log n:
        3.47 nats for 32 samples, however much the two share. n of 0 or 1 gives 0.
        """
        with torch.autocast(h.device.type, enabled=False):
            h, z = h.float(), z.float()
            if len(h) == 0:
                return 0.0 * (h.sum() + z.sum())
            logits = unit(h) @ unit(self.predict(z)).T * self.log_scale.clamp(max=_MAX_LOG_SCALE).exp()
            chosen = logits.log_softmax(dim=0).diagonal() + logits.log_softmax(dim=1).diagonal()
            return math.log(len(h)) + 0.5 * chosen.mean()


def unit(vectors: Tensor) -> Tensor:
    """Vectors [n, d] scaled to length 1; near 0 they go to 0 smoothly, so that a zero vector has a gradient."""
    return vectors / (vectors.square().sum(dim=1, keepdim=True) + _SMALL).sqrt()
