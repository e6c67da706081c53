"""Encodes a batch in micro-batches, for a loss over the whole batch (gradient caching).

The losses of MMIM contrast the utterances of a batch with one another, so they need all of its representations at once;
the encoders do not. Each process therefore encodes its shard, in micro-batches; the representations are gathered; the
loss over the whole batch gives the gradient of each representation; and this is backpropagated through the encoders
one micro-batch at a time (Gao et al. 2021, arXiv 2101.06983). However the batch is split, the step is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmim_live.model.mmim import MMIM, Batch, Encodings
from mmim_train.training.distributed import World
from mmim_train.training.examples import Examples
from mmim_train.training.objective import encoders
from mmim_train.training.options import Precision
from mmim_train.training.seeding import seeded

Key = tuple[int, ...]

# A transformer with 6 layers and width 384 stores about 0.2 MB of activations per token for the backward pass.
_TOKENS_ON_CPU = 448


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The encoders of a model, on a device, shared among processes."""

    model: MMIM
    device: torch.device
    world: World
    precision: Precision = "auto"
    tokens_in_flight: int | None = None  # see TrainOptions

    @property
    def autocast(self) -> torch.autocast:
        """The precision of the encoders. "auto" is bfloat16 on CUDA devices that support it.

        Not on the CPU: measured on a processor with AVX-512 BF16, it saves a fifth of an epoch, which is not worth
        rounding the gradients.
        """
        enabled = self.precision == "bfloat16"
        if self.precision == "auto" and self.device.type == "cuda":
            enabled = torch.cuda.is_bf16_supported()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def micro_batches(self, batch: Batch) -> list[range]:
        """Split a batch into consecutive ranges of rows, each as long as the token budget allows."""
        limit = self.tokens_in_flight
        if limit is None:
            limit = _TOKENS_ON_CPU if self.device.type == "cpu" else 0
        lengths = batch.token_mask.sum(dim=1).tolist()
        parts: list[range] = []
        start, longest = 0, 0
        for row, length in enumerate(lengths):
            longest = max(longest, length)
            if limit and row > start and longest * (row + 1 - start) > limit:
                parts.append(range(start, row))
                start, longest = row, length
        return [*parts, range(start, len(lengths))] if lengths else parts

    def encode(self, batch: Batch, key: Key) -> Encodings:
        """The encodings of a batch in float32; `key` seeds dropout."""
        with seeded(self.device, *key), self.autocast:
            h_t, h_a, h_v, present = self.model.encode(batch.to(self.device))
        return Encodings(h_t.float(), h_a.float(), h_v.float(), present)

    def join(self, parts: Sequence[tuple[range, Encodings]], count: int) -> Encodings:
        """Encodings of `count` examples, gathered from the parts that each process holds; detached."""
        widths = self.widths
        joined = torch.zeros(count, sum(widths) + 3, device=self.device)
        for part, (h_t, h_a, h_v, present) in parts:
            joined[part.start : part.stop] = torch.cat((h_t, h_a, h_v, present.float()), dim=1).detach()
        h_t, h_a, h_v, present = torch.split(self.world.sum(joined), [*widths, 3], dim=1)
        return Encodings(h_t.contiguous(), h_a.contiguous(), h_v.contiguous(), present > 0.5)

    @property
    def widths(self) -> tuple[int, int, int]:
        """The widths of h_t, h_a and h_v."""
        text, voice, face = (0 if e is None else int(e.width) for e in encoders(self.model))
        return text, voice, face

    @torch.no_grad()
    def encode_all(self, examples: Examples, plan: Sequence[Sequence[int]], key: Key) -> Encodings:
        """The encodings of all examples, by index; the processes share the batches of `plan`."""
        count = sum(len(indices) for indices in plan)
        mine = self.world.shard(len(plan))
        parts, order = [], [i for indices in plan for i in indices]
        position = sum(len(indices) for indices in plan[: mine.start])
        for number in mine:
            indices = plan[number]
            parts.append(
                (range(position, position + len(indices)), self.encode(examples.batch(indices), (*key, number)))
            )
            position += len(indices)
        joined = self.join(parts, count)
        rank = torch.empty(count, dtype=torch.long)
        rank[torch.tensor(order, dtype=torch.long)] = torch.arange(count)
        return Encodings(*(h[rank.to(self.device)] for h in joined))


def select_rows(encodings: Encodings, indices: Tensor) -> Encodings:
    """The given rows of the encodings."""
    return Encodings(*(h[indices] for h in encodings))
