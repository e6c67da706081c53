"""Consistency of voice and face with the text: q fitted again, and p.

In training q saw all triples, so that its bound is one on what the encoders really say. For consistency another q takes
its place, which has to know what voice and face are like when they do go with the text. It is evaluated by
log q(h | text) - log p(h), with p the mean of q over sentences (`mutual_information.mixture`), so that is what it is
fitted to: a q that is fitted to likelihood alone spends its capacity on the shape of h that all texts share, and
discriminates less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mmim_live.model.mmim import MMIM, Encodings, MMIMConfig
from mmim_live.model.mutual_information import ConditionalGaussian, Marginal, contrast, marginal
from mmim_train.default_checkpoint.fusion.synthetic_triples import SyntheticTriples
from mmim_train.default_checkpoint.log import Log
from mmim_train.evaluation.calibration import joined

Nonverbal = Literal["voice", "face"]
NONVERBAL: tuple[Nonverbal, Nonverbal] = ("voice", "face")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTriples:
    """Encodings of N triples, and how voice and face were paired with the text."""

    encodings: Encodings
    congruence: NDArray[np.str_]  # [N, 2]

    @classmethod
    @torch.inference_mode()
    def encode(cls, model: MMIM, examples: SyntheticTriples, batch: int = 64) -> EncodedTriples:
        """All `examples` of this round, in order, by a model whose encoders are precomputed."""
        model.eval()
        starts = range(0, len(examples), batch)
        parts = [model.encode(examples.batch(range(at, min(at + batch, len(examples))))) for at in starts]
        specs = [examples.spec(index) for index in range(len(examples))]
        return cls(joined(parts), np.array([spec.congruence for spec in specs]))

    @classmethod
    def concatenate(cls, parts: Sequence[EncodedTriples]) -> EncodedTriples:
        """Several, in order."""
        return cls(
            joined([part.encodings for part in parts]),
            np.concatenate([part.congruence for part in parts]),
        )


def fit_q(
    triples: EncodedTriples, config: MMIMConfig, *, lr: float, steps: int, seed: int, log: Log
) -> dict[Nonverbal, ConditionalGaussian]:
    """New q(voice | text) and q(face | text), fitted to the congruent ones of `triples`.

    They have the width and the rank that `config` gives them. What is maximized is InfoNCE with q as its critic,
    E[log q(h_i | w_i) - log mean_k q(h_i | w_k)] over a batch: a lower bound on the mutual information for any q, as
    that of Barber and Agakov is (Poole et al. 2019, "On variational bounds of mutual information", equation 12).
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    hidden = {"voice": triples.encodings.h_a, "face": triples.encodings.h_v}
    fitted: dict[Nonverbal, ConditionalGaussian] = {}
    for column, name in enumerate(NONVERBAL):
        congruent = torch.from_numpy(triples.congruence[:, column] == "congruent")
        chosen = congruent & triples.encodings.present[:, 0] & triples.encodings.present[:, 1 + column]
        x, y = triples.encodings.h_t[chosen], hidden[name][chosen]
        q = ConditionalGaussian(x.shape[1], y.shape[1], config.q_hidden, config.q_rank)
        q.fit_projection(x)
        noise = 0.3 * x.std(dim=0)
        optimizer = torch.optim.AdamW(q.parameters(), lr=lr, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        total = 0.0
        for _ in range(steps):
            batch = torch.randint(len(x), (256,), generator=draw)
            noisy = x[batch] + noise * torch.randn(len(batch), x.shape[1], generator=draw)
            loss = -contrast(q, noisy, y[batch]).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        fitted[name] = q
        log(f"q({name} | text): at least {-total / max(steps, 1):.2f} nats")
    return fitted


def fit_prior(q: ConditionalGaussian, triples: EncodedTriples, count: int = 128) -> Marginal:
    """p(h): the mean of q over some sentences."""
    texts = triples.encodings.h_t[triples.encodings.present[:, 0]]
    return marginal(q, texts[:: max(1, len(texts) // count)][:count])
