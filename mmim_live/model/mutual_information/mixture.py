"""The marginal p(y): the mean of q(y | x) over examples of x, a mixture of diagonal Gaussians.

log q(y | x) - log p(y) is the pointwise mutual information of a pair (Church and Hanks 1990), whose mean is what the
Barber-Agakov bound estimates: how much better y matches this x than any x. log q alone mostly measures how typical y
is. Since p is built from q, the error of a q that does not fit y is in both terms and cancels; if x carries no
information, the difference is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mmim_live.model.mutual_information.gaussian import ConditionalGaussian, log_density


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """A mixture of equally weighted components, for y' = y + e (see `gaussian`)."""

    means: Tensor  # [k, d]
    log_variances: Tensor  # [k, d]

    def log_prob(self, y: Tensor) -> Tensor:
        """log p [B] of y [B, d], in nats."""
        parts = log_density(self.means, self.log_variances, y.unsqueeze(1))  # [B, k]
        return torch.logsumexp(parts, dim=1) - math.log(len(self.means))

    def to(self, device: torch.device) -> Marginal:
        """The same on another device."""
        return Marginal(self.means.to(device), self.log_variances.to(device))


@torch.no_grad()
def marginal(q: ConditionalGaussian, x: Tensor) -> Marginal:
    """The marginal over examples x [k, x_width]."""
    return Marginal(*q(x))


def contrast(q: ConditionalGaussian, x: Tensor, y: Tensor) -> Tensor:
    """log q(y_i | x_i) - log p(y_i), [n] in nats, with p over the examples themselves; x [n, x_width], y [n, d].

    Its mean is a lower bound on I(x; y) for any q (Poole et al. 2019, arXiv 1905.06922, equation 12), and cannot exceed
    log n.
    """
    mu, log_variance = q(x)
    return log_density(mu, log_variance, y) - Marginal(mu, log_variance).log_prob(y)
