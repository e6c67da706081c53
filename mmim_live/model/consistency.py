"""How well a voice or face matches the words: log q(h | words) - log p(h), from the q networks trained with MMIM.

This is the pointwise mutual information of words and h; see `mutual_information.mixture`. For a checkpoint without p(h)
it is log q(h | words) alone. The predictor turns it into a percentile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from mmim_live.model.checkpoint_config import Mixture
from mmim_live.model.mmim import MMIM, Encodings
from mmim_live.model.mutual_information import Marginal
from mmim_live.types import Modality


def consistency_statistics(
    model: MMIM, encodings: Encodings, prior: Mapping[Literal["voice", "face"], Marginal]
) -> dict[Modality, Tensor]:
    """By modality, [B] in nats; higher is a better match. Meaningful only where both words and modality are present."""
    found = model.log_likelihoods(encodings.h_t, encodings.h_a, encodings.h_v)
    if "voice" in prior and "voice" in found:
        found["voice"] = found["voice"] - prior["voice"].log_prob(encodings.h_a)
    if "face" in prior and "face" in found:
        found["face"] = found["face"] - prior["face"].log_prob(encodings.h_v)
    return found


def marginal_from_config(mixture: Mixture, device: torch.device) -> Marginal:
    """The density described in a checkpoint's configuration."""
    return Marginal(torch.tensor(mixture.means, device=device), torch.tensor(mixture.log_variances, device=device))


def marginal_to_config(marginal: Marginal) -> Mixture:
    """The same as it is stored in a checkpoint's configuration."""
    return Mixture.model_validate({"means": marginal.means.tolist(), "log_variances": marginal.log_variances.tolist()})
