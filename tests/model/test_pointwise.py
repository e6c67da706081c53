"""Pointwise mutual information: p is the mean of q, and the bound on its mean holds and is tight."""

from __future__ import annotations

import math

import pytest
import torch

from mmim_live.model.mutual_information import ConditionalGaussian, contrast, marginal


def test_the_marginal_is_the_mean_of_q() -> None:
    torch.manual_seed(0)
    q = ConditionalGaussian(3, 2, 8)
    x, y = torch.randn(5, 3), torch.randn(40, 2)
    each = torch.stack([q.log_prob(row.expand(40, -1), y) for row in x])
    torch.testing.assert_close(marginal(q, x).log_prob(y), each.exp().mean(dim=0).log(), atol=1e-5, rtol=1e-4)
    # If x carries no information the difference is 0, however typical y is.
    same = x[:1].expand(7, -1)
    torch.testing.assert_close(marginal(q, same).log_prob(y), q.log_prob(same[:1].expand(40, -1), y))


def test_the_contrast_is_with_the_marginal_of_the_batch() -> None:
    torch.manual_seed(0)
    q = ConditionalGaussian(3, 2, 8)
    x, y = torch.randn(30, 3), torch.randn(30, 2)
    torch.testing.assert_close(contrast(q, x, y), q.log_prob(x, y) - marginal(q, x).log_prob(y))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_a_fitted_contrast_is_a_tight_lower_bound_for_gaussians(correlation: float) -> None:
    torch.manual_seed(0)

    def draw(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(count, 2)
        return x, correlation * x + math.sqrt(1 - correlation**2) * torch.randn(count, 2)

    truth = -math.log(1 - correlation**2)  # of two independent pairs
    q = ConditionalGaussian(2, 2, 16)
    optimizer = torch.optim.AdamW(q.parameters(), lr=3e-3)
    for _ in range(600):
        loss = -contrast(q, *draw(256)).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        values = torch.stack([contrast(q, *draw(256)).mean() for _ in range(200)])
    error = 3 * float(values.std()) / math.sqrt(len(values))
    assert truth - 0.1 - error <= float(values.mean()) <= truth + error


def test_the_contrast_never_exceeds_the_log_of_the_batch_size() -> None:
    torch.manual_seed(0)
    q = ConditionalGaussian(2, 2, 8)
    x = torch.randn(16, 2)
    for scale in (1.0, 100.0):
        assert float(contrast(q, scale * x, scale * x).mean().detach()) <= math.log(16) + 1e-5
