"""The training objectives of MMIM (Han, Chen, Poria 2021, section 3), in two stages per epoch.

    stage 0, the q networks only:       - sum_m E[log q(h_m | h_t)]
    stage 1, everything else:           L_task - alpha sum_m I_CPC(Z; h_m) - beta sum_m I_BA(h_t; h_m)

"corrected" uses true lower bounds, in nats, for both kinds of terms; "published" reproduces the authors' code; "none"
is the task loss alone. By default, "corrected" maximizes I_BA over the encoders of voice and face alone, and h_t is a
constant there (`TrainOptions.text_gradient`); the value is the same bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

from mmim_live.model.encoders import ModalityEncoder
from mmim_live.model.mmim import MMIM, Encodings, MMIMOutput
from mmim_live.model.mutual_information import (
    InfoNCE,
    MemoryBank,
    barber_agakov,
    sentiment_groups,
)
from mmim_live.model.mutual_information.published import PublishedBarberAgakov, PublishedContrastive, PublishedMemory
from mmim_live.types import MODALITIES, Modality
from mmim_train.training.options import TrainOptions

TEXT = MODALITIES.index("text")


class StageLoss(NamedTuple):
    """The loss of stage 1 and its parts by name; parts "mi_..." are estimates in nats, higher is better."""

    total: Tensor  # []
    parts: dict[str, Tensor]  # each []


class TaskObjective(nn.Module):
    """The task loss alone: L1 for scores, cross entropy for classes. Unlabeled examples are ignored.

    Stage 1 trains the parameters of an objective, except `q_parameters`.
    """

    def __init__(self, model: MMIM, options: TrainOptions) -> None:
        super().__init__()
        self._model = [model]  # in a list, so that its weights are not registered as this module's
        self.options = options
        self.critics = nn.ModuleDict()

    @property
    def model(self) -> MMIM:
        """The model being trained; "corrected" also uses its q networks."""
        return self._model[0]

    def start_epoch(self) -> None:
        """Reset state that must not persist across epochs."""

    def fit_projection(self, encodings: Encodings) -> None:
        """Fit the input projection of the q networks; called before every stage 0, with the encoded train split."""

    def track_projection(self, encodings: Encodings) -> None:
        """Let the input projection of the q networks follow the encoders; called with the encodings of a batch."""

    @property
    def refreshes_q_by_step(self) -> bool:
        """Whether q takes a step on every batch of stage 1, so that stage 0 is needed once only."""
        return False

    def q_parameters(self) -> list[nn.Parameter]:
        """The parameters that stage 0 trains; empty if there is no stage 0."""
        return []

    def stage0(self, encodings: Encodings) -> Tensor:
        """The loss of stage 0, []."""
        return encodings.h_t.new_zeros(())

    def stage1(self, output: MMIMOutput, targets: Tensor) -> StageLoss:
        """The loss of stage 1. May store the batch for the next step, so call it once per step."""
        task = task_loss(output.prediction, targets)
        return StageLoss(task, {"task": task})

    def pairs(self) -> list[Modality]:
        """The modalities m of the enabled terms I(h_t; h_m)."""
        return [m for m in self.options.ba if m in self.model.q] if self.options.beta > 0 else []

    def contrasted(self) -> list[Modality]:
        """The modalities m of the enabled terms I(Z; h_m)."""
        return [m for m in dict.fromkeys(self.options.cpc) if m in self.critics]

    def make_critics(self, critic: Callable[[int, int], nn.Module]) -> None:
        """Create a critic for every enabled term I(Z; h_m)."""
        widths = {m: h.width for m, h in zip(MODALITIES, encoders(self.model), strict=True) if h is not None}
        enabled = [m for m in self.options.cpc if m in widths] if self.options.alpha > 0 else []
        self.critics = nn.ModuleDict({m: critic(widths[m], self.model.config.fusion) for m in enabled})


class CorrectedObjective(TaskObjective):
    """True lower bounds, with the model's own q networks and a memory bank that persists across epochs."""

    def __init__(self, model: MMIM, options: TrainOptions) -> None:
        super().__init__(model, options)
        self.make_critics(InfoNCE)
        self.banks = nn.ModuleDict({m: MemoryBank(options.memory, model.config.d_prj) for m in self.pairs()})

    def fit_projection(self, encodings: Encodings) -> None:
        h_t = encodings.h_t[encodings.present[:, TEXT]]
        for m in self.pairs():
            if len(h_t):
                self.model.conditional(m).fit_projection(h_t)

    def track_projection(self, encodings: Encodings) -> None:
        h_t = encodings.h_t[encodings.present[:, TEXT]]
        for m in self.pairs():
            self.model.conditional(m).track_projection(h_t)

    @property
    def refreshes_q_by_step(self) -> bool:
        return self.options.q_refresh == "step"

    def q_parameters(self) -> list[nn.Parameter]:
        return [p for m in self.pairs() for p in self.model.q[m].parameters()]

    def stage0(self, encodings: Encodings) -> Tensor:
        loss = encodings.h_t.new_zeros(())
        for m in self.pairs():
            x, y, _ = _paired(encodings, m)
            if len(x):
                # h_t is wide and examples are few: without dropout q memorizes its training examples, and on others
                # its log-likelihood falls far below that of a q that ignores the text.
                x = dropout(x, self.options.dropout_q)
                loss = loss - self.model.conditional(m).log_prob(x, y).mean()
        return loss

    def stage1(self, output: MMIMOutput, targets: Tensor) -> StageLoss:
        total, parts = super().stage1(output, targets)
        encodings = Encodings(output.h_t, output.h_a, output.h_v, output.present)
        as_seen_by_q = encodings._replace(h_t=_scale_gradient(output.h_t, self.options.text_gradient))
        groups = label_groups(targets)
        for m in self.contrasted():
            seen = output.seen[:, MODALITIES.index(m)]
            parts[f"mi_z_{m}"] = estimate = self.critics[m](hidden(encodings, m)[seen], output.z[seen])
            total = total - self.options.alpha * estimate
        for m in self.pairs():
            x, y, kept = _paired(as_seen_by_q, m)
            bank = self._bank(m)
            both = barber_agakov(self.model.conditional(m), x, y, groups[kept], bank)
            parts[f"mi_text_{m}"] = both.bound
            total = total - self.options.beta * both.bound
            bank.push(y, groups[kept])
        return StageLoss(total, parts)

    def _bank(self, m: Modality) -> MemoryBank:
        bank = self.banks[m]
        assert isinstance(bank, MemoryBank)
        return bank


class PublishedObjective(TaskObjective):
    """The authors' terms, defects included (see `mutual_information.published`), with q networks of its own."""

    def __init__(self, model: MMIM, options: TrainOptions) -> None:
        super().__init__(model, options)
        self.make_critics(PublishedContrastive)
        width = model.text_encoder.width if model.text_encoder is not None else 0
        self.q = nn.ModuleDict({m: PublishedBarberAgakov(width, model.config.d_prj) for m in self.pairs()})
        self._memories: dict[str, PublishedMemory] = {}
        self._last: dict[str, list[tuple[Tensor, Tensor]]] = {}  # what the memories received, at most two batches
        self.start_epoch()

    def start_epoch(self) -> None:
        self._memories = {m: PublishedMemory() for m in self.q}
        self._last = {m: [] for m in self.q}

    def q_parameters(self) -> list[nn.Parameter]:
        # These include the projection under the entropy. Stage 0 gives it no gradient, so nothing trains it.
        return list(self.q.parameters())

    def stage0(self, encodings: Encodings) -> Tensor:
        loss = encodings.h_t.new_zeros(())
        for m in self.pairs():
            x, y, _ = _paired(encodings, m)
            loss = loss - self._q(m).log_likelihood(x, y)
        return loss

    def stage1(self, output: MMIMOutput, targets: Tensor) -> StageLoss:
        total, parts = super().stage1(output, targets)
        encodings = Encodings(output.h_t, output.h_a, output.h_v, output.present)
        for m in self.contrasted():
            seen = output.seen[:, MODALITIES.index(m)]
            parts[f"cpc_{m}"] = loss = self.critics[m](hidden(encodings, m)[seen], output.z[seen])
            total = total + self.options.alpha * loss
        for m in self.pairs():
            x, y, kept = _paired(encodings, m)
            projected, signs = self._q(m).project(y), polarity(targets)[kept]
            value = self._q(m).log_likelihood(x, y) + self._memories[m].entropy(projected, signs)
            self._last[m] = [*self._last[m], (projected.detach(), signs)][-2:]
            parts[f"ba_{m}"] = value
            total = total - self.options.beta * value
        return StageLoss(total, parts)

    def get_extra_state(self) -> dict[str, list[tuple[Tensor, Tensor]]]:
        """What the memories hold, for the training state."""
        return {m: list(batches) for m, batches in self._last.items()}

    def set_extra_state(self, state: dict[str, list[tuple[Tensor, Tensor]]]) -> None:
        """Restore the memories by feeding them the same batches again."""
        self.start_epoch()
        for m, batches in state.items():
            self._last[m] = [(projected, signs) for projected, signs in batches]
            for projected, signs in batches:
                self._memories[m].entropy(projected, signs)

    def _q(self, m: Modality) -> PublishedBarberAgakov:
        q = self.q[m]
        assert isinstance(q, PublishedBarberAgakov)
        return q


def has_terms(options: TrainOptions, modalities: Sequence[Modality]) -> bool:
    """Whether a model of these modalities is trained with any mutual-information term."""
    if options.objective == "none":
        return False
    between = options.beta > 0 and "text" in modalities and any(m in modalities for m in options.ba)
    return between or (options.alpha > 0 and any(m in modalities for m in options.cpc))


def make_objective(model: MMIM, options: TrainOptions) -> TaskObjective:
    """The objective that the options name, on the weights of `model`."""
    kinds = {"corrected": CorrectedObjective, "published": PublishedObjective, "none": TaskObjective}
    return kinds[options.objective](model, options)


def task_loss(prediction: Tensor, targets: Tensor) -> Tensor:
    """Prediction [B, K]; targets [B, K] scores, NaN if unlabeled, or [B] int64 classes, -1 if unlabeled -> []."""
    if not targets.is_floating_point():
        kept = targets >= 0
        return cross_entropy(prediction[kept], targets[kept]) if bool(kept.any()) else 0.0 * prediction.sum()
    labeled = ~targets.isnan()
    return (prediction - targets)[labeled].abs().sum() / labeled.sum().clamp(min=1)


def label_groups(targets: Tensor) -> Tensor:
    """The mixture component of each utterance, [B]: its class, or the sign of its first score."""
    return sentiment_groups(targets[:, 0]) if targets.is_floating_point() else targets


def polarity(targets: Tensor) -> Tensor:
    """The first score [B]; 0, neither positive nor negative, if the labels are classes."""
    return targets[:, 0] if targets.is_floating_point() else torch.zeros(len(targets), device=targets.device)


def encoders(model: MMIM) -> tuple[ModalityEncoder | None, ModalityEncoder | None, ModalityEncoder | None]:
    """The encoders in the order of MODALITIES; None for unused modalities."""
    return model.text_encoder, model.voice_encoder, model.face_encoder


def hidden(encodings: Encodings, modality: str) -> Tensor:
    """The encoding of one modality."""
    return {"text": encodings.h_t, "voice": encodings.h_a, "face": encodings.h_v}[modality]


def _scale_gradient(values: Tensor, share: float) -> Tensor:
    """The same values; their gradient is scaled by `share`."""
    return values.detach() + share * (values - values.detach()) if share > 0 else values.detach()


def _paired(encodings: Encodings, modality: Modality) -> tuple[Tensor, Tensor, Tensor]:
    """h_t and h_m of the rows where both are present, and the mask of these rows [B]."""
    kept = encodings.present[:, TEXT] & encodings.present[:, MODALITIES.index(modality)]
    return encodings.h_t[kept], hidden(encodings, modality)[kept], kept
