"""Running the encoders over shares of a batch, and giving their outputs the gradient of a loss over the whole batch.

The losses of MMIM compare the utterances of a batch with one another, so they need all its representations at once; the
encoders do not. Hence: every process encodes its share, long texts in micro-batches; the representations are
joined; the loss over the whole batch gives each of them its gradient; and this is carried into the encoders share by
share (Gao et al. 2021, arXiv 2101.06983). The step is that of the whole batch, however it was cut.
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

# A transformer of 6 layers and width 384 keeps about 0.2 MB of every token until its backward pass.
_TOKENS_ON_CPU = 512


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The encoders of a model on a device, among some processes."""

    model: MMIM
    device: torch.device
    world: World
    precision: Precision = "auto"
    tokens_in_flight: int | None = None  # see TrainOptions

    @property
    def autocast(self) -> torch.autocast:
        """The arithmetic of the encoders. "auto" is bfloat16 on CUDA devices that have it.

        Not on the CPU: measured on a processor with AVX-512 BF16, it saves a fifth of an epoch, which is not worth
        rounding gradients for.
        """
        wanted = self.precision == "bfloat16"
        if self.precision == "auto" and self.device.type == "cuda":
            wanted = torch.cuda.is_bf16_supported()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted)

    def micro_batches(self, batch: Batch) -> list[range]:
        """The rows of a batch that are encoded in one go: in their order, as many as the budget of tokens allows."""
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
        """The encodings of a batch, in float32; dropout draws by `key`."""
        with seeded(self.device, *key), self.autocast:
            h_t, h_a, h_v, present = self.model.encode(batch.to(self.device))
        return Encodings(h_t.float(), h_a.float(), h_v.float(), present)

    def join(self, parts: Sequence[tuple[range, Encodings]], count: int) -> Encodings:
        """Encodings of `count` examples, without a graph, from the parts that the processes have."""
        widths = self.widths
        joined = torch.zeros(count, sum(widths) + 3, device=self.device)
        for part, (h_t, h_a, h_v, present) in parts:
            joined[part.start : part.stop] = torch.cat((h_t, h_a, h_v, present.float()), dim=1).detach()
        h_t, h_a, h_v, present = torch.split(self.world.sum(joined), [*widths, 3], dim=1)
        return Encodings(h_t.contiguous(), h_a.contiguous(), h_v.contiguous(), present > 0.5)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Of h_t, h_a and h_v."""
        text, voice, face = (0 if e is None else int(e.width) for e in encoders(self.model))
        return text, voice, face

    @torch.no_grad()
    def encode_all(self, examples: Examples, plan: Sequence[Sequence[int]], key: Key) -> Encodings:
        """The encodings of all examples, by their number, computed once; the processes share the batches of `plan`."""
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
    """Some rows of encodings."""
    return Encodings(*(h[indices] for h in encodings))
