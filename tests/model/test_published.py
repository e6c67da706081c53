"""The published terms against their formulas in numpy, and the defects that they are kept for."""

import numpy as np
import pytest
import torch

from mmim_live.model.mutual_information.published import (
    PublishedBarberAgakov,
    PublishedContrastive,
    PublishedMemory,
)


def test_the_likelihood_is_the_published_one_and_favors_infinite_variance() -> None:
    torch.manual_seed(0)
    module = PublishedBarberAgakov(5, 8)
    x, y = torch.randn(7, 5), torch.randn(7, 8)
    with torch.no_grad():
        mu, log_variance = module.mu(x).numpy(), module.log_variance(x).numpy()
        expected = np.mean(np.sum(-((mu - y.numpy()) ** 2) / 2 / np.exp(log_variance), axis=-1))
        assert float(module.log_likelihood(x, y)) == pytest.approx(float(expected), rel=1e-5)
        last = module.log_variance[2]
        assert isinstance(last, torch.nn.Linear)
        last.bias.fill_(20.0)
        assert float(module.log_likelihood(x, y)) == pytest.approx(0, abs=1e-5)


def test_the_entropy_is_the_published_one_from_the_third_batch_on() -> None:
    torch.manual_seed(0)
    memory = PublishedMemory()
    batches = [(torch.tanh(torch.randn(32, 4)), torch.randn(32).round()) for _ in range(4)]
    for i, (projected, labels) in enumerate(batches):
        found = float(memory.entropy(projected, labels))
        if i < 2:
            assert found == 0
            continue
        expected = 0.0
        before, before_labels = batches[i - 1]
        for side in (1, -1):
            both = torch.cat((before[before_labels * side > 0], projected[labels * side > 0])).double().numpy()
            expected += 0.25 * np.linalg.slogdet(np.cov(both.T, bias=True))[1]
        assert found == pytest.approx(expected, abs=1e-3)


def test_the_entropy_is_of_another_variable_than_the_likelihood() -> None:
    module = PublishedBarberAgakov(5, 16)
    assert module.project(torch.randn(3, 16)).shape == (3, 4)
    torch.autograd.backward(module.log_likelihood(torch.randn(3, 5), torch.randn(3, 16)))
    assert all(parameter.grad is None for parameter in module.entropy_projection.parameters())


def test_the_contrastive_loss_has_the_published_range() -> None:
    torch.manual_seed(0)
    module = PublishedContrastive(16, 16)
    torch.nn.init.eye_(module.predict.weight)
    torch.nn.init.zeros_(module.predict.bias)
    with torch.no_grad():
        random = module(torch.randn(32, 16), torch.randn(32, 16))
        # The optimum: a simplex, each vector as far from all others as is possible for 32.
        simplex = torch.eye(32) - 1 / 32
        best = PublishedContrastive(32, 32)
        torch.nn.init.eye_(best.predict.weight)
        torch.nn.init.zeros_(best.predict.bias)
        assert float(random) == pytest.approx(np.log(32), abs=0.2)
        assert float(best(simplex, simplex)) == pytest.approx(2.46, abs=0.03)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 32])
@pytest.mark.parametrize("labels", ["mixed", "positive", "neutral"])
@pytest.mark.parametrize("constant", [False, True])
def test_no_batch_gives_nan(n: int, labels: str, constant: bool) -> None:
    torch.manual_seed(0)
    module, contrastive, memory = PublishedBarberAgakov(5, 16), PublishedContrastive(16, 6), PublishedMemory()
    sign = {"mixed": torch.randn(n), "positive": torch.ones(n), "neutral": torch.zeros(n)}[labels]
    for _ in range(3):
        y = (torch.zeros(n, 16) if constant else torch.randn(n, 16)).requires_grad_()
        loss = (
            contrastive(y, torch.zeros(n, 6))
            - module.log_likelihood(torch.randn(n, 5), y)
            - memory.entropy(module.project(y), sign)
        )
        torch.autograd.backward(loss)
        assert torch.isfinite(loss)
        assert y.grad is not None
        assert torch.isfinite(y.grad).all()
