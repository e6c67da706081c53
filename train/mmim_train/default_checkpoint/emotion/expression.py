"""A small network that reads the expression of a face from a grey picture, trained on the votes of FER+ and on CK+.

    python -m mmim_train.default_checkpoint.emotion.expression --data FOLDER --out FILE.safetensors [--epochs 11]

FOLDER holds faces/ferplus_train.npz and faces/ckplus_train.npz. Votes: Barsoum et al. 2016, "Training deep networks for
facial expression recognition with crowd-sourced label distribution". Every eighth picture of FER+ and every fifth
person of CK+ is for validation; training pictures that nearly equal a validation picture are left out. On one thread
of one machine, the same command gives the same weights to the bit.

No live feature reads these weights yet: rows of them would be another feature contract.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from mmim_live.errors import DataError
from mmim_train.default_checkpoint.emotion.extraction import read_stills
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

CLASSES: tuple[Emotion, ...] = ("neutral", "happy", "surprised", "sad", "angry", "disgusted", "fearful")
_VOTES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")  # the same in the words of FER+
PICTURE_PX, CROP_PX = 48, 44
_WIDTHS = (24, 40, 80, 144)
_BATCH, _PEAK_RATE, _WEIGHT_DECAY = 128, 4e-3, 0.02
_NEARLY_EQUAL = 0.97  # correlation of two pictures; FER2013 holds many photographs twice
_SEED = 2013


class ExpressionNetwork(nn.Module):
    """[n, 1, 44, 44] standardized crops -> [n, 7] logits of `CLASSES`; `embed` -> [n, 144]."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, last = _WIDTHS
        layers = (
            _convolution(1, first, kernel=5, stride=2),
            _convolution(first, second),
            nn.MaxPool2d(2, ceil_mode=True),
            _convolution(second, third),
            _Residual(third),
            nn.MaxPool2d(2, ceil_mode=True),
            _convolution(third, last),
            _Residual(last),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.classify = nn.Linear(last, len(CLASSES))

    def embed(self, crops: Tensor) -> Tensor:
        """[n, 1, 44, 44] -> [n, 144]."""
        return self.body(crops)  # type: ignore[no-any-return]

    def forward(self, crops: Tensor) -> Tensor:
        """[n, 1, 44, 44] -> [n, 7]."""
        return self.classify(self.dropout(self.embed(crops)))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = _convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)  # type: ignore[no-any-return]


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Pictures [n, 48, 48] and, for each, the share of raters who saw each of `CLASSES` [n, 7]."""

    pictures: NDArray[np.uint8]
    shares: NDArray[np.float32]

    @property
    def sentiment(self) -> NDArray[np.float32]:
        """[n]: of the class that most raters saw."""
        return _SENTIMENTS[self.shares.argmax(1)]  # type: ignore[no-any-return]


_SENTIMENTS = np.array([SENTIMENT[name] for name in CLASSES], np.float32)


def read_ferplus(path: Path) -> tuple[Faces, Faces]:
    """The train and the validation part; pictures that no rater gave one of `CLASSES` are dropped. Raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = [str(name) for name in file["columns"]]
            votes = file["votes"][:, [columns.index(name) for name in _VOTES]].astype(np.float32)
            ends, jpeg = file["offsets"], file["jpeg"]
        pictures = np.stack([_decode(jpeg[a:b]) for a, b in pairwise(ends)])
    except (OSError, EOFError, ValueError, KeyError, cv2.error) as error:
        raise DataError(f"{path} cannot be read as pictures with the votes of FER+ ({error})") from error
    keep = votes.sum(1) > 0
    valid = np.arange(len(votes)) % 8 == 0
    shares = votes / np.maximum(votes.sum(1, keepdims=True), 1)
    return (
        Faces(pictures[keep & ~valid], shares[keep & ~valid]),
        Faces(pictures[keep & valid], shares[keep & valid]),
    )


def _decode(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.shape != (PICTURE_PX, PICTURE_PX):
        raise ValueError(f"a picture is not a JPEG of {PICTURE_PX}x{PICTURE_PX}")
    return np.asarray(picture, np.uint8)


def read_ckplus(path: Path) -> tuple[Faces, Faces]:
    """The train and the validation people. Raises DataError."""
    parts: dict[str, list[tuple[NDArray[np.uint8], int]]] = {"train": [], "valid": []}
    for pictures, _, emotion, split in read_stills(path):
        parts[split] += [(picture, CLASSES.index(emotion)) for picture in pictures]
    train, valid = (
        Faces(np.stack([picture for picture, _ in part]), np.eye(len(CLASSES), dtype=np.float32)[[c for _, c in part]])
        for part in (parts["train"], parts["valid"])
    )
    return train, valid


def without_copies(faces: Faces, others: Faces) -> Faces:
    """The faces that do not nearly equal one of the others, mirrored or not."""
    theirs = _standardized_rows(others.pictures)
    keep = np.ones(len(faces.pictures), bool)
    for start in range(0, len(keep), 2048):
        part = faces.pictures[start : start + 2048]
        for pictures in (part, part[:, :, ::-1]):
            nearest = (_standardized_rows(pictures) @ theirs.T).max(1)
            keep[start : start + 2048] &= nearest < _NEARLY_EQUAL
    return Faces(faces.pictures[keep], faces.shares[keep])


def _standardized_rows(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows = pictures[:, ::2, ::2].reshape(len(pictures), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def crop(pictures: NDArray[np.uint8]) -> Tensor:
    """[n, 48, 48] -> the standardized middle [n, 1, 44, 44]."""
    edge = (PICTURE_PX - CROP_PX) // 2
    middle = np.ascontiguousarray(pictures[:, edge:-edge, edge:-edge])
    return _standardize(torch.from_numpy(middle)[:, None].float())


def _standardize(crops: Tensor) -> Tensor:
    """Brightness and contrast carry no expression."""
    return (crops - crops.mean((2, 3), keepdim=True)) / (crops.std((2, 3), keepdim=True) + 4.0)


def _augment(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """[n, 48, 48] uint8 -> [n, 1, 44, 44]: mirrored, turned, scaled, shifted, in another light, blurred, covered."""
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=draw) * (high - low) + low

    x = pictures[:, None].float() / 255
    angle, scale = uniform(-0.26, 0.26), uniform(0.80, 1.05) * CROP_PX / PICTURE_PX * 1.06
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = (cos * mirror, -sin, uniform(-0.12, 0.12), sin * mirror, cos, uniform(-0.12, 0.12))
    grid = nn.functional.affine_grid(torch.stack(rows, 1).view(n, 2, 3), [n, 1, CROP_PX, CROP_PX], align_corners=False)
    x = nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    x = x.clamp(1e-3, 1) ** uniform(-0.4, 0.4).exp().view(n, 1, 1, 1)
    soft = nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    x = torch.where((uniform(0, 1) < 0.2).view(n, 1, 1, 1), soft, x)
    x = _standardize(x * 255)
    at, width, height = torch.arange(CROP_PX), uniform(4, 14)[:, None], uniform(4, 14)[:, None]
    left, top = uniform(0, CROP_PX)[:, None], uniform(0, CROP_PX)[:, None]
    covered = ((at - left).abs() < width / 2)[:, None, None, :] & ((at - top).abs() < height / 2)[:, None, :, None]
    return x.masked_fill(covered & (uniform(0, 1) < 0.5).view(n, 1, 1, 1), 0.0)


def train(faces: Faces, epochs: int) -> ExpressionNetwork:
    """Cross-entropy to the raters' shares, one cycle of the learning rate, bfloat16 activations."""
    torch.manual_seed(_SEED)
    draw = torch.Generator().manual_seed(_SEED)
    network = ExpressionNetwork().to(memory_format=torch.channels_last)
    pictures, shares = torch.from_numpy(faces.pictures), torch.from_numpy(faces.shares)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_PEAK_RATE, weight_decay=_WEIGHT_DECAY)
    steps = len(pictures) // _BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_RATE, total_steps=epochs * steps, pct_start=0.2)
    network.train()
    for epoch in range(epochs):
        started, total = time.monotonic(), 0.0
        order = torch.randperm(len(pictures), generator=draw)
        for chosen in order[: steps * _BATCH].split(_BATCH):  # type: ignore[no-untyped-call]
            crops = _augment(pictures[chosen], draw).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(crops)
            loss = nn.functional.cross_entropy(logits.float(), shares[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        _say(f"epoch {epoch + 1}: loss {total / steps:.4f}, {time.monotonic() - started:.0f} s")
    return network.eval()


@torch.inference_mode()
def shares_of(network: ExpressionNetwork, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[n, 48, 48] -> the share of raters to be expected for each of `CLASSES` [n, 7]."""
    parts = [network(part).softmax(1) for part in crop(pictures).split(256)]  # type: ignore[no-untyped-call]
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def report(shares: NDArray[np.float32], faces: Faces) -> dict[str, float]:
    """r of the expected sentiment, accuracy in percent, and the mean reading of each class."""
    reading, true = shares @ _SENTIMENTS, faces.shares.argmax(1)
    means: dict[str, float] = {
        name: float(reading[true == index].mean()) for index, name in enumerate(CLASSES) if (true == index).any()
    }
    accuracy = 100 * float((shares.argmax(1) == true).mean())
    return {"n": len(true), "r": float(np.corrcoef(reading, faces.sentiment)[0, 1]), "accuracy": accuracy, **means}


def time_ms(network: ExpressionNetwork, frames: int = 200) -> float:
    """The median time of one frame, in milliseconds, on the threads that torch has."""
    one, spans = torch.zeros(1, 1, CROP_PX, CROP_PX), []
    with torch.inference_mode():
        for _ in range(frames):
            started = time.perf_counter()
            network(one)
            spans.append(time.perf_counter() - started)
    return 1000 * float(np.median(spans))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Train, save, and print one line of JSON per validation set."""
    parser = argparse.ArgumentParser(description="Train the network that reads expressions from faces.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=11)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        fer, fer_valid = read_ferplus(chosen.data / "faces" / "ferplus_train.npz")
        posed, posed_valid = read_ckplus(chosen.data / "faces" / "ckplus_train.npz")
    except DataError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    alone = without_copies(fer, fer_valid)
    _say(f"{len(alone.pictures)} of FER+ ({len(fer.pictures) - len(alone.pictures)} copies left out)")
    faces = Faces(np.concatenate([alone.pictures, posed.pictures]), np.concatenate([alone.shares, posed.shares]))
    network = train(faces, chosen.epochs)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, chosen.out)
    for name, valid in (("FER+", fer_valid), ("CK+", posed_valid)):
        _say(json.dumps({"set": name, **report(shares_of(network, valid.pictures), valid)}))
    parameters = sum(value.numel() for value in network.parameters())
    _say(json.dumps({"parameters": parameters, "ms_per_frame": time_ms(network)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
