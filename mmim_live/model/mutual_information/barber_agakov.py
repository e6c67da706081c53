"""The Barber-Agakov lower bound on I(x; y) (Barber and Agakov, "The IM algorithm", NIPS 2003).

    I(x; y) = H(y) - H(y | x) >= H(y) + E[log q(y | x)]

for any density q; the gap is E[KL(p(y | x) || q(y | x))]. H(y) is replaced by a lower bound (`entropy`), so the sum
remains a lower bound. Likelihood and entropy are of the same variable y' = y + e (`gaussian`), for which
I(x; y') <= I(x; y).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from mmim_live.model.mutual_information.entropy import mixture_entropy
from mmim_live.model.mutual_information.gaussian import ConditionalGaussian
from mmim_live.model.mutual_information.memory import MemoryBank


class BarberAgakov(NamedTuple):
    """The two terms of the bound in nats, scalars with gradient."""

    log_likelihood: Tensor  # mean of log q(y' | x)
    entropy: Tensor  # lower bound on H(y')

    @property
    def bound(self) -> Tensor:
        """Lower bound on I(x; y)."""
        return self.log_likelihood + self.entropy


def barber_agakov(
    q: ConditionalGaussian, x: Tensor, y: Tensor, groups: Tensor, bank: MemoryBank | None = None
) -> BarberAgakov:
    """Estimate from a batch x [b, x_width], y [b, d], groups [b], with the entropy over the batch and the bank.

    Pass only samples where both modalities are present; an empty batch gives 0. The bank is read, not written: push
    after the step. Its samples carry no gradient: with b of n samples moving, the entropy would pull n / b times too
    weakly against the likelihood, which draws y towards its prediction until y is constant. The batch's gradient is
    therefore scaled as if all n samples moved alike.
    """
    with torch.autocast(x.device.type, enabled=False):
        x, y = x.float(), y.float()
        if len(y) == 0:
            return BarberAgakov(0.0 * x.sum(), 0.0 * y.sum())
        values, value_groups = y, groups
        if bank is not None and len(bank) > 0:
            past, past_groups = bank.contents()
            scale = (len(past) + len(y)) / len(y)
            scaled = y.detach() + scale * (y - y.detach())
            values, value_groups = torch.cat((past, scaled)), torch.cat((past_groups, groups))
        return BarberAgakov(q.log_prob(x, y).mean(), mixture_entropy(values, value_groups))
