"""The bounds against mutual information known in closed form or by numerical integration."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from mmim_live.model.mutual_information import (
    ConditionalGaussian,
    MemoryBank,
    barber_agakov,
    mixture_entropy,
    sentiment_groups,
)
from mmim_live.model.mutual_information.gaussian import NOISE_VARIANCE

LOG_TWO_PI_E = math.log(2 * math.pi * math.e)


def train(q: ConditionalGaussian, x: Tensor, y: Tensor, steps: int = 250) -> None:
    optimizer = torch.optim.Adam(q.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (256,))
        loss = -q.log_prob(x[rows], y[rows]).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()


def trained_bound(x: Tensor, y: Tensor, groups: Tensor, steps: int = 250) -> tuple[float, float]:
    """The estimate and its standard error: q trained on the first third, H on the second, likelihood on the last."""
    third, d = len(x) // 3, y.shape[1]
    q = ConditionalGaussian(x.shape[1], d, hidden=16)
    train(q, x[:third], y[:third], steps)
    bank = MemoryBank(third, d)
    bank.push(y[third : 2 * third], groups[third : 2 * third])
    with torch.no_grad():
        last = slice(2 * third, None)
        estimate = barber_agakov(q, x[last], y[last], groups[last], bank)
        spread = q.log_prob(x[last], y[last]).std() / third**0.5
    # 1/2 log det of a covariance of n samples has variance d / (2 n).
    return float(estimate.bound), float(spread.square() + d / (2 * third)) ** 0.5


@pytest.mark.parametrize("d", [1, 4, 16])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_the_bound_is_tight_for_correlated_gaussians(d: int, correlation: float) -> None:
    torch.manual_seed(d)
    x = torch.randn(18_000, d)
    y = correlation * x + math.sqrt(1 - correlation**2) * torch.randn(18_000, d)
    truth = -0.5 * d * math.log(1 - correlation**2)
    estimate, error = trained_bound(x, y, torch.zeros(len(x), dtype=torch.long))
    assert estimate <= truth + 3 * error
    assert estimate >= 0.9 * truth - 3 * error


def test_the_bound_does_not_depend_on_scale_and_location() -> None:
    torch.manual_seed(0)
    x = torch.randn(18_000, 2)
    y = 0.8 * x + 0.6 * torch.randn(18_000, 2)
    truth = -math.log(1 - 0.64)
    for scale in (0.3, 1.0, 4.0):
        estimate, error = trained_bound(x, scale * y + 2, torch.zeros(len(x), dtype=torch.long), steps=400)
        assert 0.9 * truth - 3 * error <= estimate <= truth + 3 * error


def test_with_a_misspecified_q_the_bound_stays_below_the_truth() -> None:
    torch.manual_seed(0)
    d = 4
    x = torch.randn(18_000, d)
    mixing = torch.randn(d, d)
    y = x + 0.5 * torch.randn(18_000, d) @ mixing  # conditional covariance not diagonal
    joint = torch.eye(d) + 0.25 * mixing.T @ mixing
    truth = 0.5 * float(torch.logdet(joint) - torch.logdet(0.25 * mixing.T @ mixing))
    estimate, error = trained_bound(x, y, torch.zeros(len(x), dtype=torch.long))
    assert 0 < estimate <= truth + 3 * error


def wide(n: int, correlation: float) -> tuple[Tensor, Tensor]:
    """x of 128 dimensions, of which the 4 widest are correlated with y; y of 4."""
    x = torch.randn(n, 128) * torch.cat((torch.full((4,), 5.0), torch.ones(124)))
    return x, correlation * x[:, :4] / 5 + math.sqrt(1 - correlation**2) * torch.randn(n, 4)


def projected(x: Tensor, rank: int) -> ConditionalGaussian:
    q = ConditionalGaussian(x.shape[1], 4, hidden=16, rank=rank)
    q.fit_projection(x)
    return q


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_the_bound_is_tight_through_informative_components(correlation: float) -> None:
    torch.manual_seed(0)
    x, y = wide(18_000, correlation)
    q = projected(x[:6000], rank=8)
    train(q, x[:6000], y[:6000])
    truth = -2 * math.log(1 - correlation**2)
    with torch.no_grad():
        estimate = barber_agakov(q, x[6000:], y[6000:], torch.zeros(12_000, dtype=torch.long))
    assert 0.9 * truth - 0.05 <= float(estimate.bound) <= truth + 0.05


def test_few_components_keep_q_from_memorizing_few_examples() -> None:
    torch.manual_seed(0)
    x, y = wide(300, 0.0)
    fresh_x, fresh_y = wide(3000, 0.0)
    seen, fresh = {}, {}
    for rank in (0, 4):
        q = projected(x, rank) if rank else ConditionalGaussian(128, 4, hidden=16)
        train(q, x, y)
        with torch.no_grad():
            seen[rank] = float(barber_agakov(q, x, y, torch.zeros(300, dtype=torch.long)).bound)
            fresh[rank] = float(barber_agakov(q, fresh_x, fresh_y, torch.zeros(3000, dtype=torch.long)).bound)
    # The truth is 0.
    assert seen[0] > 5 * seen[4]
    assert fresh[0] < 5 * fresh[4] < 0


@pytest.mark.parametrize("n", [1, 2, 3, 40])
@pytest.mark.parametrize("spread", [0.0, 1e-8, 1.0])
def test_components_are_finite_for_any_sample(n: int, spread: float) -> None:
    torch.manual_seed(0)
    x = 3 + spread * torch.randn(n, 6)
    q = ConditionalGaussian(6, 2, hidden=4, rank=4)
    q.fit_projection(x)
    log_prob = q.log_prob(x + torch.randn(n, 6), torch.randn(n, 2))
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in q.parameters())


def test_q_ignores_x_until_the_projection_is_fitted() -> None:
    q = ConditionalGaussian(6, 2, hidden=4, rank=4)
    y = torch.zeros(3, 2)
    assert torch.equal(q.log_prob(torch.randn(3, 6), y), q.log_prob(torch.randn(3, 6), y))
    q.fit_projection(torch.randn(50, 6))
    assert not torch.equal(q.log_prob(torch.randn(3, 6), y), q.log_prob(torch.randn(3, 6), y))


@torch.no_grad()
def test_components_follow_an_encoder_that_moves() -> None:
    torch.manual_seed(0)
    x, y = wide(2000, 0.9)
    q = projected(x, rank=4)
    before, directions = q.log_prob(x, y), q.directions.clone()
    q.fit_projection(x)  # fitting to the same again changes nothing, not a bit
    assert torch.equal(q.log_prob(x, y), before)
    far = 3 * x + 100
    assert float((q.log_prob(far, y) - before).abs().max()) > 1
    q.fit_projection(far)
    assert torch.equal(q.directions, directions)
    torch.testing.assert_close(q.log_prob(far, y), before, rtol=1e-3, atol=1e-2)


@torch.no_grad()
def test_tracking_by_batches_reaches_what_fitting_to_all_would_find() -> None:
    torch.manual_seed(0)
    x, _ = wide(4000, 0.9)
    far = 3 * x + 100
    fitted, tracked = projected(x, rank=4), projected(x, rank=4)
    fitted.fit_projection(far)
    for _ in range(200):
        tracked.track_projection(far[torch.randint(len(far), (64,))])
    assert torch.equal(tracked.directions, fitted.directions)
    torch.testing.assert_close(tracked.spreads, fitted.spreads, rtol=0.2, atol=0)
    offset = (tracked.centre - fitted.centre) @ fitted.directions / fitted.spreads
    assert float(offset.abs().max()) < 0.2
    before = tracked.centre.clone(), tracked.spreads.clone()
    tracked.track_projection(far[:1])  # one sample has no spread
    tracked.track_projection(far[:0])
    assert torch.equal(tracked.centre, before[0])
    assert torch.equal(tracked.spreads, before[1])


@torch.no_grad()
def test_directions_that_hardly_vary_are_not_amplified() -> None:
    torch.manual_seed(0)
    x = torch.randn(20, 6) * torch.tensor([1.0, 1e-3, 1e-3, 1e-4, 1e-5, 0.0])
    q = ConditionalGaussian(6, 2, hidden=4, rank=6)
    q.fit_projection(x)
    y = torch.randn(20, 2)
    near = q.log_prob(x, y)
    moved = q.log_prob(x + 1e-3 * torch.randn(20, 6), y)
    assert float((moved - near).abs().max()) < 5
    assert bool((q.log_prob(1e6 * x, y) > -1e4).all())


WEIGHTS = torch.tensor([0.5, 0.2, 0.3])
SPREADS = torch.tensor([1.0, 0.5, 1.5])


def label_mixture(n: int, d: int, separation: float, correlation: float) -> tuple[Tensor, Tensor, Tensor, float]:
    """Three groups that differ in the first dimension; x is the group and a correlated Gaussian.

    Returns x, y, groups and I(x; y).
    """
    groups = torch.multinomial(WEIGHTS, n, replacement=True)
    u = torch.randn(n, d)
    y = correlation * u + math.sqrt(1 - correlation**2) * torch.randn(n, d)
    y[:, 0] = y[:, 0] * SPREADS[groups] + (groups - 1) * separation
    known = torch.nn.functional.one_hot(groups, 3).float()
    # With these columns the mean of y given x is affine, and its log variance nearly so.
    x = torch.cat((known, known * u[:, :1], u[:, 1:]), dim=1)
    conditional = 0.5 * d * (LOG_TWO_PI_E + math.log(1 - correlation**2)) + float((WEIGHTS * SPREADS.log()).sum())
    return x, y, groups, mixture_truth(separation) + 0.5 * (d - 1) * LOG_TWO_PI_E - conditional


def mixture_truth(separation: float) -> float:
    """Entropy of the first dimension by the trapezoidal rule."""
    grid = np.linspace(-separation - 15, separation + 15, 40_001)
    weights, spreads = WEIGHTS.double().numpy(), SPREADS.double().numpy()
    means = np.array([-separation, 0, separation])
    parts = weights * np.exp(-0.5 * ((grid[:, None] - means) / spreads) ** 2) / spreads / math.sqrt(2 * math.pi)
    density = parts.sum(axis=1)
    return float(np.trapezoid(-density * np.log(density + 1e-300), grid))


@pytest.mark.parametrize("separation", [0.0, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(("d", "correlation"), [(1, 0.0), (1, 0.8), (4, 0.8)])
def test_the_bound_is_tight_for_label_mixtures(d: int, separation: float, correlation: float) -> None:
    torch.manual_seed(int(separation))
    x, y, groups, truth = label_mixture(24_000, d, separation, correlation)
    estimate, error = trained_bound(x, y, groups, steps=400)
    assert estimate <= truth + 3 * error
    assert estimate >= 0.9 * truth - 3 * error


@pytest.mark.parametrize("separation", [0.0, 0.5, 1.0, 2.0, 4.0, 8.0])
def test_mixture_entropy_is_tight_for_gaussian_groups(separation: float) -> None:
    torch.manual_seed(0)
    n = 20_000
    _, y, groups, _ = label_mixture(n, 1, separation, 0.0)
    error = 1 / math.sqrt(n)  # log p has a standard deviation of about 1
    assert abs(float(mixture_entropy(y, groups)) - mixture_truth(separation)) < 4 * error


@pytest.mark.parametrize("n", [2, 5, 20, 40, 100, 300])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_entropy_of_small_samples_is_biased_downwards(n: int, groups: int) -> None:
    """Also if the dimensions are strongly correlated, and if the groups are alike."""
    torch.manual_seed(16)  # gives a covariance with a condition number of 7,000
    d = 16
    mixing = torch.randn(d, d) / 4 + torch.eye(d)
    covariance = mixing.T @ mixing + NOISE_VARIANCE * torch.eye(d)
    truth = 0.5 * (d * LOG_TWO_PI_E + float(torch.logdet(covariance)))
    estimates = [mixture_entropy(torch.randn(n, d) @ mixing, torch.arange(n) % groups) for _ in range(40)]
    assert float(torch.stack(estimates).mean()) < truth


def test_groups_that_are_not_gaussian_add_their_negentropy_as_documented() -> None:
    torch.manual_seed(0)
    values = torch.rand(50_000, 1) * 4
    excess = float(mixture_entropy(values, torch.zeros(50_000, dtype=torch.long))) - math.log(4)
    assert excess == pytest.approx(0.5 * (LOG_TWO_PI_E - math.log(12)), abs=0.02)


@pytest.mark.parametrize("gap", [0.01, 0.02, 0.04, 0.06, 0.1])
def test_the_entropy_of_groups_separated_by_noise_alone_is_a_lower_bound(gap: float) -> None:
    """Two constants blurred by the noise: H(y') is that of two narrow Gaussians."""
    noise = math.sqrt(NOISE_VARIANCE)
    groups = torch.arange(100) % 2
    grid = np.linspace(-10 * noise, gap + 10 * noise, 20_001)
    density = sum(0.5 * np.exp(-0.5 * ((grid - m) / noise) ** 2) / noise / math.sqrt(2 * math.pi) for m in (0, gap))
    truth = float(np.trapezoid(-density * np.log(density + 1e-300), grid))
    assert float(mixture_entropy(gap * groups.float().unsqueeze(1), groups)) <= truth + 1e-3


def test_log_likelihood_is_that_of_the_noisy_variable() -> None:
    torch.manual_seed(0)
    q = ConditionalGaussian(3, 2, 8)
    x, y = torch.randn(1, 3), torch.randn(1, 2)
    noisy = y + math.sqrt(NOISE_VARIANCE) * torch.randn(200_000, 2)
    mu, log_variance = q(x)
    density: Any = Normal(mu, (0.5 * log_variance).exp())
    sampled = density.log_prob(noisy).sum(dim=1).mean()
    assert q.log_prob(x, y).item() == pytest.approx(sampled.item(), abs=1e-3)


def test_the_variance_is_bounded_and_fitted() -> None:
    q = ConditionalGaussian(2, 1, 8)
    last = q.log_variance[2]
    assert isinstance(last, torch.nn.Linear)
    values = []
    for bias in (-1e4, 0.0, 1e4):
        torch.nn.init.constant_(last.bias, bias)
        values.append(q(torch.zeros(1, 2))[1].item())
    assert values[0] == pytest.approx(math.log(NOISE_VARIANCE), abs=1e-3)
    assert values[1] == pytest.approx(0, abs=0.01)
    assert values[2] == pytest.approx(8, abs=1e-3)
    torch.manual_seed(0)
    torch.nn.init.zeros_(last.bias)
    x, y = torch.randn(3000, 2), 0.3 * torch.randn(3000, 1)
    train(q, x, y)
    assert (0.5 * q(x)[1]).exp().mean().item() == pytest.approx(0.3, abs=0.03)


BATCHES = {
    "one": (1, "mixed"),
    "two": (2, "mixed"),
    "three": (3, "mixed"),
    "one-sided": (32, "positive"),
    "all neutral": (32, "neutral"),
    "one negative": (32, "lonely"),
    "constant": (32, "constant"),
    "groups constant": (32, "groups constant"),
    "huge": (32, "huge"),
    "on a line": (32, "line"),
}


def awkward_batch(name: str, d: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    n, kind = BATCHES[name]
    x, y, labels = torch.randn(n, 5), torch.randn(n, d), torch.randn(n)
    if kind == "positive":
        labels = labels.abs() + 0.1
    elif kind == "neutral":
        labels = torch.zeros(n)
    elif kind == "lonely":
        labels = torch.cat((-torch.ones(1), torch.ones(n - 1)))
    elif kind == "constant":
        y = torch.full((n, d), 0.7)
    elif kind == "groups constant":
        y = labels.sign().unsqueeze(1).expand(-1, d).clone()
    elif kind == "huge":
        y = 1e6 * y
    elif kind == "line":
        y = torch.randn(n, 1) * torch.ones(d)
    return x.requires_grad_(), y.requires_grad_(), labels


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("d", [1, 16])
@pytest.mark.parametrize("remembered", [0, 1, 200])
def test_no_batch_gives_nan(name: str, d: int, remembered: int) -> None:
    x, y, labels = awkward_batch(name, d)
    groups = sentiment_groups(labels)
    q = ConditionalGaussian(5, d, 8)
    bank = MemoryBank(128, d)
    bank.push(torch.randn(remembered, d), torch.randint(3, (remembered,)))
    estimate = barber_agakov(q, x, y, groups, bank)
    torch.autograd.backward(estimate.bound)
    assert torch.isfinite(estimate.bound)
    for leaf in (x, y, *q.parameters()):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()


def test_an_empty_batch_gives_zero() -> None:
    q, bank = ConditionalGaussian(5, 3, 8), MemoryBank(10, 3)
    x = torch.zeros(0, 5, requires_grad=True)
    estimate = barber_agakov(q, x, torch.zeros(0, 3), torch.zeros(0, dtype=torch.long), bank)
    torch.autograd.backward(estimate.bound)
    assert estimate.bound.item() == 0


def test_remembered_samples_do_not_weaken_the_gradient_of_the_entropy() -> None:
    """A bank that holds the batch nine times over changes neither the entropy nor its gradient."""
    torch.manual_seed(0)
    y = torch.randn(300, 2, requires_grad=True)
    x, groups = torch.randn(300, 3), torch.randint(2, (300,))
    q = ConditionalGaussian(3, 2, 8)
    bank = MemoryBank(2700, 2)
    for _ in range(9):
        bank.push(y, groups)
    alone = barber_agakov(q, x, y, groups).entropy
    together = barber_agakov(q, x, y, groups, bank).entropy
    torch.testing.assert_close(alone, together, atol=2e-3, rtol=0)
    (expected,) = torch.autograd.grad(alone, y)
    (found,) = torch.autograd.grad(together, y)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0.02)


def test_the_entropy_keeps_representations_from_collapsing() -> None:
    """Once q fits, the likelihood alone shrinks y; both terms together leave its scale unchanged."""
    torch.manual_seed(0)
    x = torch.randn(2000, 3)
    y = (0.6 * x + 0.8 * torch.randn(2000, 3)).requires_grad_()
    q = ConditionalGaussian(3, 3, 8)
    train(q, x, y.detach(), steps=400)
    estimate = barber_agakov(q, x, y, torch.zeros(2000, dtype=torch.long))
    (likelihood,) = torch.autograd.grad(estimate.log_likelihood, y, retain_graph=True)
    (both,) = torch.autograd.grad(estimate.bound, y)
    # The derivative by the logarithm of y's scale: -d for the likelihood, and d for the entropy, in d = 3 dimensions.
    assert (likelihood * y).sum().item() == pytest.approx(-3, abs=0.3)
    assert (both * y).sum().item() == pytest.approx(0, abs=0.3)


def test_neutral_samples_are_a_group_of_their_own() -> None:
    labels = torch.tensor([-3.0, -0.1, 0.0, 0.1, 2.0])
    assert sentiment_groups(labels).tolist() == [0, 0, 1, 2, 2]
    assert sentiment_groups(labels, neutral_width=0.1).tolist() == [0, 1, 1, 1, 2]
    torch.manual_seed(0)
    values = torch.randn(600, 2)
    values[:200] += 12
    groups = (torch.arange(600) >= 200).long()
    assert float(mixture_entropy(values, groups)) < float(mixture_entropy(values, torch.zeros(600, dtype=torch.long)))


def test_the_memory_keeps_the_last_samples_and_can_be_restored() -> None:
    bank = MemoryBank(5, 1)
    assert len(bank) == 0
    assert bank.contents()[0].shape == (0, 1)
    for i in range(4):
        bank.push(torch.tensor([[2.0 * i], [2.0 * i + 1]], requires_grad=True), torch.tensor([0, 1]))
    values, groups = bank.contents()
    assert sorted(values.flatten().tolist()) == [3, 4, 5, 6, 7]
    assert [int(value) % 2 for value in values] == groups.tolist()
    assert not values.requires_grad
    restored = MemoryBank(5, 1)
    restored.load_state_dict(bank.state_dict())
    for other in (bank, restored):
        other.push(torch.full((1, 1), 9.0), torch.tensor([0]))
    assert torch.equal(bank.contents()[0], restored.contents()[0])
    bank.push(torch.arange(12.0).unsqueeze(1), torch.zeros(12, dtype=torch.long))
    assert sorted(bank.contents()[0].flatten().tolist()) == [7, 8, 9, 10, 11]
