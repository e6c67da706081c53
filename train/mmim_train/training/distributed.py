"""Data-parallel training over the processes started by torchrun or accelerate.

Each process encodes its shard of a batch; all of them hold the whole batch's representations. Processes communicate
only by all-reduced sums, so any number of processes computes the same step.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mmim_live.errors import ConfigError


@dataclass(frozen=True, slots=True)
class World:
    """The process group, and the rank of this process."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def shard(self, count: int) -> range:
        """This process's share of `count` items: a contiguous range. Shard sizes differ by at most one."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum(self, tensor: Tensor) -> Tensor:
        """All-reduce the tensor in place, by summing over processes, and return it."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients over all processes, in one all-reduce."""
        if self.size == 1:
            return
        kept = [p for p in parameters if p.requires_grad]
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in kept])
        dist.all_reduce(flat)
        for p, gradient in zip(kept, torch.split(flat, [p.numel() for p in kept]), strict=True):
            p.grad = gradient.view_as(p).clone()

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def world_from_environment(device: torch.device) -> Iterator[World]:
    """Within, join the process group if torchrun or accelerate started this process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    if device.type == "mps":
        raise ConfigError("several processes cannot share the device 'mps'; start a single one, or use --device cpu")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def is_main_from_environment() -> bool:
    """`World.is_main`, before the process group exists."""
    return os.environ.get("RANK", "0") == "0"


def local_device(device: torch.device) -> torch.device:
    """The device of this process; with several CUDA devices, the one of the local rank."""
    if str(device) == "cuda" and "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return device
