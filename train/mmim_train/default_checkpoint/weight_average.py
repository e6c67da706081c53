"""The mean of the weights of several models.

Averaging the weights of the last epochs, or of several runs, costs nothing at inference (Izmailov et al. 2018, arXiv
1803.05407; Wortsman et al. 2022, arXiv 2203.05482).
"""

from __future__ import annotations

from torch import Tensor, nn


class WeightAverage:
    """The running mean of the weights of models of one shape."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: dict[str, Tensor] = {}

    def add(self, model: nn.Module) -> None:
        """Include the weights as they are now."""
        self.count += 1
        for name, value in model.state_dict().items():
            if self.count == 1:
                self._mean[name] = value.detach().clone()
            elif value.is_floating_point():
                self._mean[name] += (value - self._mean[name]) / self.count

    def copy_to(self, model: nn.Module) -> None:
        """Put the mean into a model."""
        model.load_state_dict(self._mean)
