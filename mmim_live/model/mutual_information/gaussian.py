"""q(y | x): a diagonal Gaussian whose mean and variance are functions of x.

With a rank r, q sees x through its r leading principal components, whitened and clipped at 8 standard deviations. The
bound holds for any q, so it still bounds I(x; y). If x has hundreds of dimensions and examples are few, a q of all of x
memorizes its examples, and its likelihood on them does not estimate that on others; the components are computed without
y and cannot be fitted to it.

Each y is assumed to carry a little noise of known variance, y' = y + e with e ~ N(0, s0^2 I), s0^2 = NOISE_VARIANCE.
I(x; y') <= I(x; y) by the data processing inequality, so a lower bound on the first bounds the second; and y' has a
density with a finite entropy even if y is constant or lies on a plane, so nothing here can become infinite.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

# A standard deviation of 0.02, for representations of about unit size: costs 0.01 nats per dimension at correlation
# 0.99.
NOISE_VARIANCE = 4e-4
MAX_LOG_VARIANCE = 8.0  # a standard deviation of 55; no representation is that wide
_CLIP = 8.0  # standard deviations
_MIN_SPREAD = 1e-2  # of the widest component's
_ROUNDING = 1e-6
_TRACKING = 0.1  # the weight of a batch in the moving average of centre and spreads
_MIN_LOG_VARIANCE = math.log(NOISE_VARIANCE)  # y' is never narrower than its noise


class ConditionalGaussian(nn.Module):
    """q(y | x) = N(mu(x), diag sigma2(x)). mu is affine plus a small MLP, log sigma2 a small MLP, bounded smoothly."""

    centre: Tensor  # [x_width], with a rank
    directions: Tensor  # [x_width, rank], unit vectors; zero until `fit_projection`, so that q ignores x
    spreads: Tensor  # [rank], standard deviation of x along them

    def __init__(self, x_width: int, y_width: int, hidden: int, rank: int = 0) -> None:
        super().__init__()
        self.rank = min(rank, x_width)
        if self.rank:
            self.register_buffer("centre", torch.zeros(x_width))
            self.register_buffer("directions", torch.zeros(x_width, self.rank))
            self.register_buffer("spreads", torch.ones(self.rank))
            x_width = self.rank
        self.affine = nn.Linear(x_width, y_width)
        self.bend = _mlp(x_width, hidden, y_width)
        self.log_variance = _mlp(x_width, hidden, y_width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From x [B, x_width] to mu [B, y_width], log sigma2 [B, y_width] in (log s0^2, MAX_LOG_VARIANCE)."""
        if self.rank:
            x = (((x - self.centre) @ self.directions) / self.spreads).clamp(-_CLIP, _CLIP)
        log_variance = MAX_LOG_VARIANCE - softplus(MAX_LOG_VARIANCE - self.log_variance(x))
        return self.affine(x) + self.bend(x), _MIN_LOG_VARIANCE + softplus(log_variance - _MIN_LOG_VARIANCE)

    @torch.no_grad()
    def fit_projection(self, x: Tensor) -> None:
        """Compute the components of x [n, x_width], n > 0, on the first call; later only its center and spreads.

        As the encoder learns, x moves, and q would be evaluated far outside its training range.
        """
        if self.rank == 0:
            return
        self.centre.copy_(x.mean(dim=0))
        centered = x - self.centre
        if not bool(self.directions.any()):
            found = torch.linalg.svd(centered.double(), full_matrices=False)[2][: self.rank]
            self.directions[:, : len(found)] = found.T.to(self.directions.dtype)
        self._set_spreads((centered @ self.directions).square().mean(dim=0).sqrt())

    @torch.no_grad()
    def track_projection(self, x: Tensor) -> None:
        """Move centre and spreads towards those of a batch x [n, x_width], as the encoder learns.

        Raises nothing for n < 2, which says nothing of a spread: it changes nothing.
        """
        if self.rank == 0 or len(x) < 2:
            return
        self.centre.lerp_(x.mean(dim=0), _TRACKING)
        variances = ((x - self.centre) @ self.directions).square().mean(dim=0)
        self._set_spreads(self.spreads.square().lerp(variances, _TRACKING).sqrt())

    def _set_spreads(self, spreads: Tensor) -> None:
        # A direction in which x hardly varies must not be amplified: that variation is dropout or rounding.
        self.spreads.copy_(spreads.clamp(min=max(_MIN_SPREAD * float(spreads.max()), _ROUNDING)))

    def log_prob(self, x: Tensor, y: Tensor) -> Tensor:
        """E_e log q(y + e | x) [B] in nats, of x [B, x_width] and y [B, y_width].

        = sum over dimensions of -1/2 ((y - mu)^2 + s0^2) / sigma2 - 1/2 log sigma2 - 1/2 log 2 pi.
        """
        mu, log_variance = self(x)
        return log_density(mu, log_variance, y)


def log_density(mu: Tensor, log_variance: Tensor, y: Tensor) -> Tensor:
    """E_e log N(y + e; mu, diag sigma2) of mu, log sigma2 and y, each [..., d] -> [...]."""
    squared: Tensor = (y - mu).square() + NOISE_VARIANCE
    terms = squared * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
    log_prob: Tensor = -0.5 * terms.sum(dim=-1)
    return log_prob


def _mlp(x_width: int, hidden: int, y_width: int) -> nn.Sequential:
    last = nn.Linear(hidden, y_width)
    # Initially q is an affine map with unit variance, whatever x is.
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(x_width, hidden), nn.ReLU(), last)
