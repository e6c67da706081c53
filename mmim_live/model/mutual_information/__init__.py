"""Mutual information in nats: Barber-Agakov and InfoNCE lower bounds, and the terms that MMIM was published with."""

from mmim_live.model.mutual_information.barber_agakov import BarberAgakov, barber_agakov
from mmim_live.model.mutual_information.contrastive import InfoNCE
from mmim_live.model.mutual_information.entropy import mixture_entropy, sentiment_groups
from mmim_live.model.mutual_information.gaussian import ConditionalGaussian
from mmim_live.model.mutual_information.memory import MemoryBank
from mmim_live.model.mutual_information.mixture import Marginal, contrast, marginal

__all__ = [
    "BarberAgakov",
    "ConditionalGaussian",
    "InfoNCE",
    "Marginal",
    "MemoryBank",
    "barber_agakov",
    "contrast",
    "marginal",
    "mixture_entropy",
    "sentiment_groups",
]
