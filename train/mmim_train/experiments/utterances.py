"""What the experiments on MOSI's utterance features share: parts of the videos, text encoder, a training, its scores.

The train file's videos are cut once and for all into `ground` and `aside`; every seed cuts `ground` into what is fitted
and what stops the training. `aside` and the valid file are only ever scored. The video features of the train file were
made by a network that saw all its labels, so `aside` shares their strength and the valid file does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmim_live import assets
from mmim_live.model.encoders import backbone_config, load_text_backbone
from mmim_live.model.mmim import MMIM, Batch, MMIMConfig
from mmim_live.model.tokenizer import load_pretrained_tokenizer
from mmim_live.types import MODALITIES, Modality
from mmim_train.batches import SplitExamples, inputs_for
from mmim_train.data.catalogue import spec_of
from mmim_train.data.utterance import read_utterances
from mmim_train.encoding import Encoder
from mmim_train.examples import Examples
from mmim_train.experiments.upper_layers import UpperLayers, lower_layer_outputs
from mmim_train.judge import judge
from mmim_train.loop import predict, train
from mmim_train.options import TrainOptions
from mmim_train.parallel import World
from mmim_train.randomness import Purpose, seeded

CPU = torch.device("cpu")
_ASIDE_SHARE = _STOPPING_SHARE = 0.2
_ASIDE_SEED = 20_210_900


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some of the examples of a split."""

    whole: Examples
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def costs(self) -> NDArray[np.int64]:
        return self.whole.costs[self.numbers]

    def batch(self, indices: Sequence[int]) -> Batch:
        return self.whole.batch(self.numbers[np.asarray(indices)].tolist())

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self.whole.targets(self.numbers[np.asarray(indices)].tolist())


class Ground:
    """The data and the text encoder, loaded once; `trained_layers` of it learn, the others are frozen."""

    def __init__(self, folder: Path, trained_layers: int, modalities: tuple[Modality, ...] = MODALITIES) -> None:
        source = str(assets.obtain("all-MiniLM-L6-v2").folder)
        dataset = read_utterances(spec_of("mosi-utterance"), folder)
        tokenizer = load_pretrained_tokenizer(source, 128, local_only=True)
        inputs = inputs_for(dataset, tokenizer)
        self.trained_layers, self.modalities = trained_layers, modalities
        self.widths = dataset.voice_width, dataset.face_width
        self.train = SplitExamples(dataset.split("train"), inputs, ("M",))
        self.valid = SplitExamples(dataset.split("valid"), inputs, ("M",))
        self.videos = np.array([name.rsplit("_", 1)[0] for name in dataset.split("train").ids])
        self.backbone = load_text_backbone(source, local_only=True)
        texts = [tokenizer.ids(text) for split in dataset.splits.values() for text in split.texts]
        self.table = lower_layer_outputs(self.backbone, texts, trained_layers)
        self.upper = {
            k: v.clone() for k, v in UpperLayers(self.backbone, self.table, trained_layers).state_dict().items()
        }

    @cached_property
    def parts(self) -> tuple[list[str], list[str]]:
        """The videos of `ground` and of `aside`."""
        return cut_videos(sorted(set(self.videos)), _ASIDE_SHARE, _ASIDE_SEED)

    def part(self, videos: Sequence[str]) -> Part:
        """The train file's utterances of some videos."""
        return Part(self.train, np.flatnonzero(np.isin(self.videos, list(videos))))

    def model(self, seed: int, **architecture: Any) -> MMIM:
        """A model whose every weight depends on the seed alone, but for the pretrained ones."""
        upper = UpperLayers(self.backbone, self.table, self.trained_layers)
        upper.load_state_dict(self.upper)
        config = MMIMConfig(
            modalities=self.modalities,
            text_encoder=backbone_config(self.backbone),
            text_pooling="mean",
            voice_dim=self.widths[0],
            face_dim=self.widths[1],
            **architecture,
        )
        with seeded(CPU, seed, Purpose.WEIGHTS):
            return MMIM(config, upper)


def cut_videos(videos: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """A random cut; the second part gets the share."""
    order = np.random.default_rng(seed).permutation(len(videos))
    count = round(share * len(videos))
    return [videos[i] for i in order[count:]], [videos[i] for i in order[:count]]


def run(
    ground: Ground, options: TrainOptions, seed: int, architecture: dict[str, Any], scores: bool = True
) -> dict[str, Any]:
    """Train once; the figures on what stopped it, the estimates, and with `scores` those on `aside` and valid file."""
    fit, stop = cut_videos(ground.parts[0], _STOPPING_SHARE, seed)
    model = ground.model(seed, **architecture)
    started = time.process_time()
    result = train(model, ground.part(fit), ground.part(stop), options, seed, CPU)
    spent = time.process_time() - started
    encoder = Encoder(model, CPU, World())
    judged: dict[str, Examples] = {"aside": ground.part(ground.parts[1]), "valid": ground.valid} if scores else {}
    figures = {name: score(encoder, split) for name, split in judged.items()}
    return {
        "stop": result.valid,
        **figures,
        "epochs": len(result.epochs),
        "best_epoch": result.best_epoch,
        "parts": result.epochs[result.best_epoch].parts,
        "cpu_s": round(spent, 2),
    }


def score(encoder: Encoder, examples: Examples) -> dict[str, Any]:
    """The figures of MOSI's protocol."""
    targets = examples.targets(range(len(examples)))
    return judge(encoder.model.config.head, "mosi", targets, predict(encoder, examples)).figures
