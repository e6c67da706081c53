"""InfoNCE is a lower bound that never exceeds log n, learns its temperature and is finite for any batch."""

import math

import pytest
import torch

from mmim_live.model.mutual_information import InfoNCE


@pytest.mark.parametrize(("d", "correlation"), [(2, 0.3), (4, 0.6), (4, 0.9), (16, 0.9)])
def test_infonce_stays_below_the_truth_and_below_log_n(d: int, correlation: float) -> None:
    torch.manual_seed(d)
    z = torch.randn(12_000, d)
    h = correlation * z + math.sqrt(1 - correlation**2) * torch.randn(12_000, d)
    truth = -0.5 * d * math.log(1 - correlation**2)
    bound = InfoNCE(d, d)
    optimizer = torch.optim.Adam(bound.parameters(), lr=2e-2)
    for _ in range(200):
        rows = torch.randint(6000, (64,))
        optimizer.zero_grad()
        torch.autograd.backward(-bound(h[rows], z[rows]))
        optimizer.step()
    with torch.no_grad():
        held_out = torch.stack([bound(h[i : i + 64], z[i : i + 64]) for i in range(6000, 11_936, 64)])
        shuffled = torch.stack([bound(h[i : i + 64], z[i + 64 : i + 128]) for i in range(6000, 11_872, 64)])
    error = float(held_out.std()) / len(held_out) ** 0.5
    assert float(held_out.max()) <= math.log(64)
    assert float(held_out.mean()) <= truth + 3 * error
    if truth > 0.5:  # a cosine says little about weak dependence
        assert float(held_out.mean()) > 0.4 * min(truth, math.log(64))
    assert float(shuffled.mean()) <= 3 * error


def test_infonce_learns_its_temperature() -> None:
    torch.manual_seed(0)
    h = torch.randn(64, 8)
    bound = InfoNCE(8, 8)
    with torch.no_grad():
        bound.predict.weight.copy_(torch.eye(8))
        bound.predict.bias.zero_()
        bound.log_scale.fill_(0.0)
        # Without a temperature even perfect pairs score low; with one they reach the ceiling.
        assert float(bound(h, h)) < 1.0
        bound.log_scale.fill_(9.0)
        assert float(bound(h, h)) == pytest.approx(math.log(64), abs=1e-3)
        bound.log_scale.fill_(0.0)
    before = bound.log_scale.item()
    torch.autograd.backward(bound(h, h))
    assert bound.log_scale.grad is not None
    assert float(bound.log_scale.grad) > 0
    assert before == 0


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["random", "zero", "equal"])
def test_infonce_is_finite(n: int, kind: str) -> None:
    torch.manual_seed(0)
    h = {"random": torch.randn(n, 4), "zero": torch.zeros(n, 4), "equal": torch.ones(n, 4)}[kind].requires_grad_()
    bound = InfoNCE(4, 6)
    value = bound(h, torch.zeros(n, 6))
    torch.autograd.backward(value)
    assert torch.isfinite(value)
    assert h.grad is not None
    assert torch.isfinite(h.grad).all()
    assert n > 1 or float(value.detach()) == 0
