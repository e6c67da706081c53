"""The cost of an epoch, ours vs. the published procedure: CPU time and peak memory, each in a process of its own.

    python -m mmim_train.experiments.cost --data FOLDER

Published: texts padded to 50 tokens, batches in random order, stage 0 backpropagated through the encoders, plain Adam.
Ours: this package's trainer, practically without validation. Both train the same MMIM, including all of MiniLM-L6, on
the same data, on one thread in float32. Also measures the time per window of fusion and information terms, without
the encoders.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from mmim_live import assets
from mmim_live.model.encoders import backbone_config, load_text_backbone
from mmim_live.model.mmim import MMIM, Batch, Encodings, MMIMConfig, MMIMOutput
from mmim_live.model.tokenizer import load_pretrained_tokenizer
from mmim_train.data.formats.utterance import read_utterances
from mmim_train.data.registry import dataset_spec
from mmim_train.experiments.utterances import CPU
from mmim_train.reporting.markdown_tables import markdown
from mmim_train.training.collate import SplitExamples, fit_preprocessing
from mmim_train.training.examples import Examples
from mmim_train.training.objective import make_objective
from mmim_train.training.options import TrainOptions
from mmim_train.training.trainer import train

_TOKENS = 50
_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Padded:
    """Examples with all texts padded to a fixed length."""

    whole: Examples

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.whole.costs

    def batch(self, indices: Sequence[int]) -> Batch:
        batch = self.whole.batch(indices)
        short = (0, _TOKENS - batch.token_ids.shape[1])
        return replace(batch, token_ids=pad(batch.token_ids, short), token_mask=pad(batch.token_mask, short))

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self.whole.targets(indices)


def _load(folder: Path) -> tuple[MMIM, SplitExamples]:
    source = str(assets.obtain("all-MiniLM-L6-v2").folder)
    dataset = read_utterances(dataset_spec("mosi-utterance"), folder)
    inputs = fit_preprocessing(dataset, load_pretrained_tokenizer(source, _TOKENS, local_only=True))
    backbone = load_text_backbone(source, local_only=True)
    config = MMIMConfig(
        text_encoder=backbone_config(backbone), voice_dim=dataset.voice_width, face_dim=dataset.face_width
    )
    return MMIM(config, backbone), SplitExamples(dataset.split("train"), inputs, ("M",))


def published_epoch(model: MMIM, examples: Examples) -> None:
    """One epoch, as in the public code."""
    options = TrainOptions(objective="published")
    objective = make_objective(model, options)
    q = {id(p) for p in objective.q_parameters()}
    rest = [p for p in (*model.parameters(), *objective.parameters()) if id(p) not in q]
    stages = torch.optim.Adam(objective.q_parameters(), lr=1e-3), torch.optim.Adam(rest, lr=5e-5)
    order = torch.randperm(len(examples)).tolist()
    model.train()
    for stage, optimizer in enumerate(stages):
        for start in range(0, len(order), _BATCH):
            indices = order[start : start + _BATCH]
            e = model.encode(examples.batch(indices))
            prediction, z = model.fuse(*e)
            if stage == 0:
                loss = objective.stage0(Encodings(*e))
            else:
                output = MMIMOutput(prediction, z, *e[:3], e.present, e.present)
                loss = objective.stage1(output, examples.targets(indices)).total
            model.zero_grad()
            objective.zero_grad()
            torch.autograd.backward([loss])
            torch.nn.utils.clip_grad_norm_([*model.parameters(), *objective.parameters()], 1.0)
            optimizer.step()


def our_epochs(model: MMIM, examples: Examples) -> tuple[float, float]:
    """CPU seconds of the first epoch of our trainer, which alone has a stage 0, and of the second."""
    options = TrainOptions(epochs=2, precision="float32")
    first, second = train(model, examples, _FirstExample(examples), options, seed=1, device=CPU).epochs
    return first.cpu_s, second.cpu_s


@dataclass(frozen=True, slots=True, eq=False)
class _FirstExample(Padded):
    """A single example to validate on, so that only training is timed."""

    def __len__(self) -> int:
        return 1

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.whole.costs[:1]


def parts_at_batch_1(model: MMIM, repeats: int = 300) -> dict[str, float]:
    """CPU milliseconds per window, excluding the encoders."""
    model.eval()
    widths = [e.width for e in (model.text_encoder, model.voice_encoder, model.face_encoder) if e is not None]
    h = [torch.randn(1, width) for width in widths]
    present = torch.ones(1, 3, dtype=torch.bool)
    calls: dict[str, Callable[[], object]] = {
        "fusion": lambda: model.fuse(h[0], h[1], h[2], present),
        "mutual information": lambda: model.log_likelihoods(h[0], h[1], h[2]),
    }
    medians = {}
    with torch.inference_mode():
        for name, call in calls.items():
            times = []
            for _ in range(repeats):
                started = time.thread_time()
                call()
                times.append(1000 * (time.thread_time() - started))
            medians[f"{name}, ms"] = float(np.median(times))
    return medians


def _measure(folder: Path, which: str) -> dict[str, Any]:
    torch.set_num_threads(1)
    model, examples = _load(folder)
    examples.batch([0, 1])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if which == "published":
        started = time.process_time()
        published_epoch(model, Padded(examples))
        usage = {"cpu_s": time.process_time() - started}
    else:
        first, second = our_epochs(model, examples)
        usage = {"cpu_s": second, "first_epoch_cpu_s": first}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**usage, "peak_mb": peak, "loaded_mb": before, **(parts_at_batch_1(model) if which == "ours" else {})}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both and print a table; with --only, measure one and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=("published", "ours"))
    args = parser.parse_args(arguments)
    if args.only:
        sys.stdout.write(json.dumps(_measure(args.data, args.only)) + "\n")
        return
    results = {}
    for which in ("published", "ours"):
        command = [sys.executable, "-m", "mmim_train.experiments.cost", "--data", str(args.data), "--only", which]
        results[which] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    names = list(results["ours"])
    rows = [[name, *(f"{results[w][name]:.2f}" if name in results[w] else "-" for w in results)] for name in names]
    sys.stdout.write(markdown(["", *results], rows) + "\n")


if __name__ == "__main__":
    main()
