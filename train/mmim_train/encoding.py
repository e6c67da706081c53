"""Running the encoders over shares of a batch, and giving their outputs the gradient of a loss over the whole batch.

The losses of MMIM compare the utterances of a batch with one another, so they need all its representations at once; the
encoders do not. Hence: every process encodes its share, in micro-batches if memory asks for it; the representations are
joined; the loss over the whole batch gives each of them its gradient; and this is carried into the encoders share by
share (Gao et al. 2021, arXiv 2101.06983). The step is that of the whole batch, however it was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmim_live.model.mmim import MMIM, Encodings
from mmim_train.examples import Examples
from mmim_train.objective import encoders
from mmim_train.options import Precision
from mmim_train.parallel import World
from mmim_train.randomness import seeded

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """The encoders of a model on a device, among some processes."""

    model: MMIM
    device: torch.device
    world: World
    precision: Precision = "auto"
    micro_batch: int | None = None

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

    def micro_batches(self, count: int) -> list[range]:
        """The parts of a batch of `count` that this process encodes, each in one go."""
        share = self.world.share(count)
        size = self.micro_batch or max(len(share), 1)
        return [share[i : i + size] for i in range(0, len(share), size)]

    def encode(self, examples: Examples, indices: Sequence[int], key: Key) -> Encodings:
        """The encodings of some examples, in float32; dropout draws by `key`."""
        batch = examples.batch(indices).to(self.device)
        with seeded(self.device, *key), self.autocast:
            h_t, h_a, h_v, present = self.model.encode(batch)
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
        mine = self.world.share(len(plan))
        parts, order = [], [i for indices in plan for i in indices]
        position = sum(len(indices) for indices in plan[: mine.start])
        for number in mine:
            indices = plan[number]
            parts.append((range(position, position + len(indices)), self.encode(examples, indices, (*key, number))))
            position += len(indices)
        joined = self.join(parts, count)
        rank = torch.empty(count, dtype=torch.long)
        rank[torch.tensor(order, dtype=torch.long)] = torch.arange(count)
        return Encodings(*(h[rank.to(self.device)] for h in joined))


def rows_of(encodings: Encodings, indices: Tensor) -> Encodings:
    """Some rows of encodings."""
    return Encodings(*(h[indices] for h in encodings))
