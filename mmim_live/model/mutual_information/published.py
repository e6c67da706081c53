"""The mutual-information terms as the authors of MMIM computed them, for comparison. None of them is a bound.

Kept on purpose: the Gaussian log-likelihood lacks -1/2 log sigma2, so the best variance is infinite; the entropy is
that of a narrower projection that nothing trains, so it is not of the variable in the likelihood; the memory is just
the previous batch and is cleared each epoch; neutral utterances do not count; the contrastive term has no temperature.
The only difference: no input gives NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmim_live.model.mutual_information.contrastive import unit

_RIDGE = 1e-6  # the covariances of tanh outputs are around 0.1
_MAX_LOG_VARIANCE = 30.0


class PublishedBarberAgakov(nn.Module):
    """q(y | x) without its normalization term, and the projection for the entropy, which receives no gradient."""

    def __init__(self, x_width: int, y_width: int) -> None:
        super().__init__()
        self.mu = _mlp(x_width, y_width)
        self.log_variance = _mlp(x_width, y_width)
        self.entropy_projection = nn.Sequential(nn.Linear(y_width, max(y_width // 4, 1)), nn.Tanh())
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)

    def log_likelihood(self, x: Tensor, y: Tensor) -> Tensor:
        """X [b, x_width], y [b, y_width] -> mean of -1/2 sum (y - mu)^2 / sigma2, []; 0 for an empty batch."""
        log_variance = self.log_variance(x).clamp(-_MAX_LOG_VARIANCE, _MAX_LOG_VARIANCE)
        terms = -0.5 * (y - self.mu(x)).square() * (-log_variance).exp()
        mean: Tensor = terms.sum() / max(len(x), 1)
        return mean

    def project(self, y: Tensor) -> Tensor:
        """Y [b, y_width] -> [b, y_width // 4], as the memory holds it."""
        projected: Tensor = self.entropy_projection(y)
        return projected


class PublishedMemory:
    """The previous batch, positive and negative utterances apart. Make a new one for each epoch."""

    def __init__(self) -> None:
        self._batches = 0
        self._positive: Tensor | None = None
        self._negative: Tensor | None = None

    def entropy(self, projected: Tensor, labels: Tensor) -> Tensor:
        """1/4 (log det of the positive + log det of the negative covariance) over this batch and the previous one, [].

        0 in the first two batches, where the authors omit the term, and where a side has too few samples for a
        covariance of full rank. Then remembers the batch.
        """
        positive, negative = projected[labels > 0], projected[labels < 0]
        result = 0.0 * projected.sum()
        if self._batches >= 2 and self._positive is not None and self._negative is not None:
            result = result + 0.25 * (
                _log_determinant(torch.cat((self._positive, positive)))
                + _log_determinant(torch.cat((self._negative, negative)))
            )
        self._batches += 1
        self._positive, self._negative = positive.detach(), negative.detach()
        return result


class PublishedContrastive(nn.Module):
    """InfoNCE without a temperature: with 32 samples it stays between 2.49 and 3.47, whatever is learned."""

    def __init__(self, h_width: int, z_width: int) -> None:
        super().__init__()
        self.predict = nn.Linear(z_width, h_width)
        nn.init.xavier_normal_(self.predict.weight)

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """H [n, h_width], z [n, z_width] -> the loss, [] (lower is better); 0 for an empty batch."""
        logits = unit(h) @ unit(self.predict(z)).T
        losses = logits.logsumexp(dim=1) - logits.diagonal()
        return losses.sum() / max(len(h), 1)


def _log_determinant(samples: Tensor) -> Tensor:
    n, d = samples.shape
    if n <= d:
        return 0.0 * samples.sum()
    centered = samples - samples.mean(dim=0)
    covariance = centered.T @ centered / n + _RIDGE * torch.eye(d, dtype=samples.dtype, device=samples.device)
    factor: Tensor = torch.linalg.cholesky(covariance)
    return 2 * factor.diagonal().log().sum()


def _mlp(x_width: int, y_width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(x_width, y_width), nn.ReLU(), nn.Linear(y_width, y_width))
