"""Mutual-information estimates vs. the truth, for Gaussians whose mutual information is known in closed form.

    python -m mmim_train.experiments.estimators --output FOLDER

x and y have D dimensions, each pair of coordinates with correlation rho: I(x; y) = -D/2 log(1 - rho^2). Every estimator
is trained on 4096 pairs and evaluated on as many fresh ones. "published" is what the authors' code computes, before
weighting; it is not a bound, and its contrastive estimate is taken as log n minus the loss.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmim_live.model.mutual_information import ConditionalGaussian, InfoNCE, barber_agakov
from mmim_live.model.mutual_information.published import PublishedBarberAgakov, PublishedContrastive, PublishedMemory
from mmim_train.reporting.markdown_tables import markdown
from mmim_train.reporting.plots import axes

_D, _N, _BATCH, _STEPS = 4, 4096, 128, 400
_RHOS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


def truth(rho: float) -> float:
    """I(x; y) in nats."""
    return _D / 2 * -math.log(1 - rho**2) + 0.0  # not -0


def pairs(rho: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Samples x and y, each [N, D]."""
    x, noise = (torch.randn(_N, _D, generator=generator) for _ in range(2))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def estimates(rho: float, seed: int) -> dict[str, float]:
    """All four estimates at one correlation."""
    generator = torch.Generator().manual_seed(seed)
    training, fresh = pairs(rho, generator), pairs(rho, generator)
    torch.manual_seed(seed)
    q, critic = ConditionalGaussian(_D, _D, 32), InfoNCE(_D, _D)
    old_q, old_critic = PublishedBarberAgakov(_D, _D), PublishedContrastive(_D, _D)
    _train(q, training, generator, lambda x, y: -q.log_prob(x, y).mean())
    _train(critic, training, generator, lambda x, y: -critic(x, y))
    _train(old_q, training, generator, lambda x, y: -old_q.log_likelihood(x, y))
    _train(old_critic, training, generator, lambda x, y: old_critic(x, y))
    with torch.no_grad():
        x, y = fresh
        memory, labels = PublishedMemory(), y[:, 0]
        for _ in range(2):
            memory.entropy(old_q.project(y), labels)
        batches = list(zip(torch.split(x, _BATCH), torch.split(y, _BATCH), strict=True))
        contrast = [float(critic(*batch)) for batch in batches]
        old_contrast = [math.log(_BATCH) - float(old_critic(*batch)) for batch in batches]
        return {
            "corrected BA": float(barber_agakov(q, x, y, torch.zeros(_N, dtype=torch.long)).bound),
            "corrected CPC": sum(contrast) / len(contrast),
            "published BA": float(old_q.log_likelihood(x, y) + memory.entropy(old_q.project(y), labels)),
            "published CPC": sum(old_contrast) / len(old_contrast),
        }


def _train(
    module: torch.nn.Module,
    data: tuple[Tensor, Tensor],
    generator: torch.Generator,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> None:
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1 - step / _STEPS)
        rows = torch.randint(_N, (_BATCH,), generator=generator)
        optimizer.zero_grad()
        torch.autograd.backward(loss(data[0][rows], data[1][rows]))
        optimizer.step()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and write estimators.png."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = {rho: estimates(rho, seed=7) for rho in _RHOS}
    names = list(results[0.0])
    figure, ax = axes()
    ax.plot(_RHOS, [truth(rho) for rho in _RHOS], color="black", label="truth")
    for number, name in enumerate(names):
        style = "-" if name.startswith("corrected") else ":"
        ax.plot(_RHOS, [results[rho][name] for rho in _RHOS], style, marker="o", color=f"C{number % 2}", label=name)
    ax.axhline(math.log(_BATCH), color="grey", linewidth=0.5)
    ax.set(xlabel=f"correlation of each of {_D} pairs", ylabel="nats", title="estimates vs. truth")
    ax.legend(fontsize="small")
    args.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.output / "estimators.png", dpi=120)
    rows = [[f"{rho:g}", f"{truth(rho):.3f}", *(f"{results[rho][name]:.3f}" for name in names)] for rho in _RHOS]
    sys.stdout.write(markdown(["correlation", "truth", *names], rows) + "\n")


if __name__ == "__main__":
    main()
