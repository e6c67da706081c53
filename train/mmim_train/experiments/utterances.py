"""MOSI's utterance features for experiments: data, models with a frozen text encoder, and predictions by epoch.

The text encoder is frozen, so its embeddings are computed once for all runs; the models look them up by sentence index,
which takes the place of the token ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmim_live import assets
from mmim_live.model.encoders import TextEncoder, backbone_config, load_text_backbone
from mmim_live.model.mmim import MMIM, Batch, MMIMConfig
from mmim_live.model.tokenizer import load_pretrained_tokenizer
from mmim_train.data.dataset import SplitName
from mmim_train.data.formats.utterance import read_utterances
from mmim_train.data.registry import dataset_spec
from mmim_train.training.collate import SplitExamples, fit_preprocessing
from mmim_train.training.distributed import World
from mmim_train.training.microbatch import Encoder
from mmim_train.training.options import TrainOptions
from mmim_train.training.seeding import Purpose, seeded
from mmim_train.training.trainer import EpochRecord, StepRecord, predict, train

CPU = torch.device("cpu")
_BATCH = 64


class PrecomputedText(nn.Module):
    """Sentence embeddings [sentences, width], looked up by index; called like a text encoder's backbone."""

    embeddings: Tensor

    def __init__(self, config: Any, embeddings: Tensor) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("embeddings", embeddings, persistent=False)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:  # noqa: ARG002
        """input_ids [B, 1] -> last_hidden_state [B, 1, width]."""
        return SimpleNamespace(last_hidden_state=self.embeddings[input_ids])


@dataclass(frozen=True, slots=True, eq=False)
class PrecomputedExamples:
    """Utterances with one row each of voice and face, all present; their sentence indices begin at `first`."""

    whole: Batch  # the token ids are not used
    labels: Tensor  # [N, 1]
    first: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def costs(self) -> NDArray[np.int64]:
        return np.ones(len(self), np.int64)

    def batch(self, indices: Sequence[int]) -> Batch:
        i = torch.tensor(list(indices), dtype=torch.long)
        ones = torch.ones(len(i), dtype=torch.long)
        ids = (self.first + i).unsqueeze(1)
        return Batch.of(
            text=(ids, torch.ones_like(ids, dtype=torch.bool)),
            voice=(self.whole.voice[i], ones),
            face=(self.whole.face[i], ones),
            present=self.whole.present[i],
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        return self.labels[list(indices)]


class MosiUtterances:
    """The train and valid files, with precomputed sentence embeddings."""

    def __init__(self, folder: Path) -> None:
        source = str(assets.obtain("all-MiniLM-L6-v2").folder)
        dataset = read_utterances(dataset_spec("mosi-utterance"), folder)
        inputs = fit_preprocessing(dataset, load_pretrained_tokenizer(source, 128, local_only=True))
        backbone = load_text_backbone(source, local_only=True)
        encoder = TextEncoder(backbone, "mean").eval()
        tabled: list[PrecomputedExamples] = []
        embeddings: list[Tensor] = []
        names: tuple[SplitName, ...] = ("train", "valid")
        for name in names:
            split = SplitExamples(dataset.split(name), inputs, ("M",))
            numbers = range(len(split))
            first = sum(len(part) for part in embeddings)
            tabled.append(PrecomputedExamples(split.batch(numbers), split.targets(numbers), first))
            embeddings += [_embed(encoder, split, numbers[i : i + _BATCH]) for i in numbers[::_BATCH]]
        self.train, self.valid = tabled
        self.videos = np.array([name.rsplit("_", 1)[0] for name in dataset.split("valid").ids])  # of `valid`
        self._sentences = PrecomputedText(backbone.config, torch.cat(embeddings))
        self._fixed: dict[str, Any] = {
            "text_encoder": backbone_config(backbone),
            "text_pooling": "mean",
            "voice_dim": dataset.voice_width,
            "face_dim": dataset.face_width,
        }

    def model(self, seed: int, **architecture: Any) -> MMIM:
        """A new model. Its weights depend only on the seed, except the pretrained ones."""
        with seeded(CPU, seed, Purpose.WEIGHTS):
            return MMIM(MMIMConfig(**self._fixed, **architecture), self._sentences)


@torch.no_grad()
def _embed(encoder: TextEncoder, split: SplitExamples, numbers: Sequence[int]) -> Tensor:
    batch = split.batch(numbers)
    embeddings: Tensor = encoder(batch.token_ids, batch.token_mask)
    return embeddings


def split_videos(videos: Sequence[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """A random split; the second part gets the fraction `share`."""
    order = np.random.default_rng(seed).permutation(len(videos))
    count = round(share * len(videos))
    return [videos[i] for i in order[count:]], [videos[i] for i in order[:count]]


def predictions_by_epoch(
    utterances: MosiUtterances, options: TrainOptions, architecture: dict[str, Any], seed: int
) -> NDArray[np.float32]:
    """[epochs, N]: train on the whole train file, and predict the valid file after every epoch.

    There is no early stopping, and validation uses a single training example.
    """
    model = utterances.model(seed, **architecture)
    encoder, predictions = Encoder(model, CPU, World()), []

    def observe(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            predictions.append(
                predict(encoder, utterances.valid, len(utterances.valid))[:, 0].numpy().astype(np.float32)
            )

    one = PrecomputedExamples(utterances.train.whole, utterances.train.labels[:1], utterances.train.first)
    unstopped = options.model_copy(update={"patience": options.epochs})
    train(model, utterances.train, one, unstopped, seed=seed, device=CPU, observe=observe)
    return np.stack(predictions)
