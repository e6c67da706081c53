"""A single optimizer step of either stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmim_live.errors import MmimLiveError
from mmim_live.model.mmim import MMIM, Batch, Encodings, MMIMOutput, drop_modalities
from mmim_train.training.distributed import World
from mmim_train.training.examples import Examples
from mmim_train.training.lr_schedule import set_learning_rates
from mmim_train.training.microbatch import Encoder, Key, select_rows
from mmim_train.training.objective import StageLoss, TaskObjective, make_objective
from mmim_train.training.optimizers import Optimizers, all_finite, zero_gradients
from mmim_train.training.options import TrainOptions
from mmim_train.training.seeding import Purpose, seeded

_MAX_SKIPPED = 20  # consecutive steps without a finite gradient: the training will not recover


class TrainStep:
    """A model, its objective and their optimizers, on a device."""

    def __init__(self, model: MMIM, options: TrainOptions, seed: int, device: torch.device, world: World) -> None:
        self.model = model.to(device)
        self.options = options
        self.device = device
        self.world = world
        with seeded(torch.device("cpu"), seed, Purpose.CRITICS):
            self.objective: TaskObjective = make_objective(model, options).to(device)
        self.optimizers = Optimizers(model, self.objective, options)
        self.encoder = Encoder(model, device, world, options.precision, options.tokens_in_flight)
        self.skipped = 0  # consecutive steps without a finite gradient

    def stage0(self, encodings: Encodings, indices: Sequence[int], factor: float) -> dict[str, float]:
        """One step of the q networks on the given rows of the detached encodings; the encoders are not touched."""
        return self._q_step(select_rows(encodings, torch.tensor(indices, device=self.device)), factor)

    def _q_step(self, encodings: Encodings, factor: float) -> dict[str, float]:
        optimizer = self.optimizers.stage0
        assert optimizer is not None
        q = self.optimizers.parts["q"][0]
        zero_gradients(q)
        loss = self.objective.stage0(encodings)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
            self._step(optimizer, factor, "q")
        return {"q": float(loss.detach())}

    def stage1(self, examples: Examples, indices: Sequence[int], key: Key, factor: float) -> dict[str, float]:
        """One step of everything except the q networks; `key` seeds dropout. Returns the parts of the loss."""
        trained = [p for name in ("text", "rest") for p in self.optimizers.parts[name][0]]
        zero_gradients(trained)  # before the forward pass: old gradients and a graph never coexist
        shard = self.world.shard(len(indices))
        batch = examples.batch([indices[i] for i in shard])
        parts = self.encoder.micro_batches(batch)
        with frozen(self.objective.q_parameters()):
            # Only one micro-batch has a graph at a time: the last keeps it from here, the others are encoded again.
            with torch.no_grad():
                encoded = [self._encode(batch, part, shard.start, key) for part in parts[:-1]]
            encoded += [self._encode(batch, part, shard.start, key) for part in parts[-1:]]
            rows = [range(shard.start + part.start, shard.start + part.stop) for part in parts]
            leaves = _leaves(self.encoder.join(list(zip(rows, encoded, strict=True)), len(indices)))
            if not all(bool(torch.isfinite(h).all()) for h in leaves[:3]):
                self._skip()  # before the estimators, whose matrix factorizations raise on NaN
                return {}
            loss = self._loss(leaves, examples.targets(indices).to(self.device), key)
            loss.total.backward()  # type: ignore[no-untyped-call]
            if not self.world.is_main:
                zero_gradients(trained)  # this part of the gradient is the same in every process and counts once
            if parts:
                _backpropagate(leaves, encoded.pop(), rows[-1])
            for part, whole in zip(parts[:-1], rows[:-1], strict=True):
                _backpropagate(leaves, self._encode(batch, part, shard.start, key), whole)
        self.world.sum_gradients(trained)
        self._step(self.optimizers.stage1, factor, "text", "rest")
        reported = {name: float(value.detach()) for name, value in loss.parts.items()}
        return reported | self._refresh_q(leaves, key, factor)

    def _refresh_q(self, leaves: Encodings, key: Key, factor: float) -> dict[str, float]:
        """One step of the q networks on the encodings of a batch of stage 1, which cost nothing more."""
        if self.optimizers.stage0 is None or not self.objective.refreshes_q_by_step:
            return {}
        h_t, h_a, h_v, present = leaves
        encodings = Encodings(h_t.detach(), h_a.detach(), h_v.detach(), present)
        self.objective.track_projection(encodings)
        with seeded(self.device, *key, Purpose.REFRESH):
            return self._q_step(encodings, factor)

    def _encode(self, batch: Batch, part: range, offset: int, key: Key) -> Encodings:
        """Encode the rows `part` of this process's shard, which begins at `offset` of the whole batch."""
        return self.encoder.encode(batch.rows(part), (*key, Purpose.ENCODE, offset + part.start))

    def _loss(self, e: Encodings, targets: Tensor, key: Key) -> StageLoss:
        with seeded(self.device, *key, Purpose.FUSE) as generator:
            share = self.model.config.modality_dropout
            seen = drop_modalities(e.present, share, generator) if share > 0 else e.present
            prediction, z = self.model.fuse(e.h_t, e.h_a, e.h_v, seen)
        output = MMIMOutput(prediction, z, h_t=e.h_t, h_a=e.h_a, h_v=e.h_v, present=e.present, seen=seen)
        return self.objective.stage1(output, targets)

    def _step(self, optimizer: torch.optim.Optimizer, factor: float, *names: str) -> None:
        if all_finite(self.optimizers.clip(*names)):
            set_learning_rates(optimizer, factor)
            optimizer.step()
            self.skipped = 0
        else:
            self._skip()

    def _skip(self) -> None:
        self.skipped += 1
        if self.skipped >= _MAX_SKIPPED:
            raise MmimLiveError(
                f"training diverged: {self.skipped} steps without a finite gradient; lower lr_text and lr_main"
            )


@contextmanager
def frozen(parameters: list[nn.Parameter]) -> Iterator[None]:
    """Within, the parameters receive no gradients, but gradients flow through them."""
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in parameters:
            p.requires_grad_(True)


def _leaves(joined: Encodings) -> Encodings:
    """The encodings as leaves of a new graph, so that the loss gives each its gradient."""
    h_t, h_a, h_v, present = joined
    return Encodings(h_t.requires_grad_(), h_a.requires_grad_(), h_v.requires_grad_(), present)


def _backpropagate(leaves: Encodings, encoded: Encodings, rows: range) -> None:
    """Backpropagate the gradient at the encodings through the encoders."""
    pairs = [
        (h, leaf.grad[rows.start : rows.stop])
        for h, leaf in zip(encoded[:3], leaves[:3], strict=True)
        if h.requires_grad and leaf.grad is not None
    ]
    if pairs:
        torch.autograd.backward([h for h, _ in pairs], [g for _, g in pairs])
