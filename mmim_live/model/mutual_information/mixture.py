"""p(y): a mixture of Gaussians with full covariances, one a group of labels, as `entropy` fits it to a memory.

With log q(y | x) - log p(y) a pair has its pointwise mutual information (Church and Hanks 1990), whose mean is what the
Barber-Agakov bound estimates: how much better y goes with this x than with any. log q alone says mostly how ordinary y
is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmim_live.model.mutual_information.entropy import (
    LEAST_IN_GROUP,
    covariances,
    log_densities,
    memberships,
)


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMixture:
    """The density of y' = y + e (see `gaussian`), in d dimensions."""

    weights: Tensor  # [k]
    means: Tensor  # [k, d]
    covariances: Tensor  # [k, d, d], of y'

    def log_prob(self, values: Tensor) -> Tensor:
        """log p [n] of values [n, d], in nats."""
        factors = torch.linalg.cholesky(self.covariances)
        return torch.logsumexp(log_densities(values, self.means, factors) + self.weights.log(), dim=1)

    def to(self, device: torch.device) -> GaussianMixture:
        """The same on another device."""
        return GaussianMixture(self.weights.to(device), self.means.to(device), self.covariances.to(device))


def fit_mixture(values: Tensor, groups: Tensor) -> GaussianMixture:
    """One Gaussian a group of values [n, d], groups [n]; a group too small for a covariance joins the largest."""
    members = memberships(groups, max(LEAST_IN_GROUP, values.shape[1] + 1)).to(values.dtype)
    means = members @ values / members.sum(dim=1, keepdim=True)
    return GaussianMixture(members.mean(dim=1), means, covariances(values, means, members))
