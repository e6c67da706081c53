"""Trains the network that reads expressions from faces (mmim_live.features.expression), on votes of FER+ and on CK+.

    python -m mmim_train.default_checkpoint.emotion.expression --data FOLDER --out FILE.safetensors [--epochs 20]

FOLDER holds faces/ferplus_train.npz and faces/ckplus_train.npz. The network learns from the part "network" of `stills`,
without pictures that nearly equal one of the other parts; a temperature and an offset of "neutral" are then fitted to
the part "train". On one thread of one machine, the same command gives the same weights to the bit.

The weights that ship are mmim_live/bundled/expression.safetensors. Other weights are other features: replace the
checksum in `mmim_live.assets` and build the default checkpoint again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from mmim_live.assets import FACE_LANDMARKER, obtain
from mmim_live.errors import AssetError, DataError
from mmim_live.features.expression import ALIGNED_PX, CROP_PX, ExpressionNetwork, aligned_face, log_shares, standardize
from mmim_live.features.landmarker import Landmarker
from mmim_live.types import VideoFrame
from mmim_train.default_checkpoint.emotion.stills import CLASSES, Still, StillReader, read_stills
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT

_BATCH, _PEAK_RATE, _WEIGHT_DECAY = 128, 4e-3, 0.02
_NEARLY_EQUAL = 0.97  # correlation of two pictures; FER2013 holds many photographs twice
_SEED = 2013


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Aligned pictures [n, 48, 48] and, for each, the share of raters who saw each of `CLASSES` [n, 7]."""

    pictures: NDArray[np.uint8]
    shares: NDArray[np.float32]
    found: NDArray[np.bool_]  # [n]: whether the landmarker found the face; if not, the picture is as it was

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, kept: NDArray[np.bool_]) -> Faces:
        return Faces(self.pictures[kept], self.shares[kept], self.found[kept])

    @property
    def sentiment(self) -> NDArray[np.float32]:
        """[n]: of the class that most raters saw."""
        return _SENTIMENTS[self.shares.argmax(1)]  # type: ignore[no-any-return]


_SENTIMENTS = np.array([SENTIMENT[name] for name in CLASSES], np.float32)


def align(stills: Sequence[Still]) -> Faces:
    """Every picture as a live session would align it. Raises AssetError."""
    landmarker = Landmarker(obtain(FACE_LANDMARKER.name).folder / "face_landmarker.task")

    def look(frame: VideoFrame) -> NDArray[np.uint8] | None:
        face = landmarker.detect(frame)
        return None if face is None else aligned_face(frame.image, face.points)

    reader = StillReader(look)
    shown = [(picture, still.shares) for still in stills for picture in still.pictures]
    aligned = [next(reader.read(picture), None) for picture, _ in shown]
    landmarker.close()
    pictures = [picture if face is None else face for face, (picture, _) in zip(aligned, shown, strict=True)]
    found = np.array([face is not None for face in aligned])
    return Faces(np.stack(pictures), np.stack([shares for _, shares in shown]), found)


def without_copies(faces: Faces, others: Faces) -> Faces:
    """The faces that do not nearly equal one of the others, mirrored or not."""
    theirs = _standardized_rows(others.pictures)
    keep = np.ones(len(faces), bool)
    for start in range(0, len(keep), 2048):
        part = faces.pictures[start : start + 2048]
        for pictures in (part, part[:, :, ::-1]):
            nearest = (_standardized_rows(pictures) @ theirs.T).max(1)
            keep[start : start + 2048] &= nearest < _NEARLY_EQUAL
    return faces[keep]


def _standardized_rows(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows = pictures[:, ::2, ::2].reshape(len(pictures), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _augment(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """[n, 48, 48] uint8 -> [n, 1, 44, 44]: mirrored, turned, scaled, shifted, in other light, blurred, covered."""
    n = len(pictures)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=draw) * (high - low) + low

    x = pictures[:, None].float() / 255
    angle, scale = uniform(-0.2, 0.2), uniform(0.84, 1.08) * CROP_PX / ALIGNED_PX * 1.03
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = (cos * mirror, -sin, uniform(-0.09, 0.09), sin * mirror, cos, uniform(-0.09, 0.09))
    grid = nn.functional.affine_grid(torch.stack(rows, 1).view(n, 2, 3), [n, 1, CROP_PX, CROP_PX], align_corners=False)
    x = nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    x = x.clamp(1e-3, 1) ** uniform(-0.4, 0.4).exp().view(n, 1, 1, 1)
    soft = nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    sharpness = torch.where(uniform(0, 1) < 0.5, uniform(0.0, 2.0), torch.ones(n)).view(n, 1, 1, 1)
    x = standardize((soft + sharpness * (x - soft)) * 255)  # cameras are sharper than FER2013, or out of focus
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


@torch.no_grad()
def calibrate(network: ExpressionNetwork, faces: Faces) -> tuple[float, float]:
    """Change the last layer so that the sentiment expected of neutral faces is about 0; (temperature, offset).

    Raters see a little sadness in most neutral faces, so the expected sentiment of these is negative. Of all pairs that
    bring its mean within 0.05 of zero, the one with the best r is taken; without such a pair nothing is changed.
    """
    if len(faces) == 0:
        return 1.0, 0.0
    logits = torch.from_numpy(log_shares(network, faces.pictures)).double()
    neutral = torch.from_numpy(faces.shares.argmax(1) == CLASSES.index("neutral"))
    best = (-1.0, 1.0, 0.0)
    for temperature in np.arange(0.5, 1.31, 0.05):
        for offset in np.arange(-0.5, 2.01, 0.05):
            changed = logits / temperature
            changed[:, CLASSES.index("neutral")] += offset
            reading = (changed.softmax(1) @ torch.from_numpy(_SENTIMENTS).double()).numpy()
            if abs(reading[neutral.numpy()].mean()) < 0.05:
                r = float(np.corrcoef(reading, faces.sentiment)[0, 1])
                best = max(best, (r, float(temperature), float(offset)))
    _, temperature, offset = best
    network.classify.weight.div_(temperature)
    network.classify.bias.div_(temperature)
    network.classify.bias[CLASSES.index("neutral")] += offset
    return temperature, offset


def report(network: ExpressionNetwork, faces: Faces) -> dict[str, float]:
    """r of the expected sentiment, accuracy in percent, and the mean reading of each class."""
    shares, true = np.exp(log_shares(network, faces.pictures)), faces.shares.argmax(1)
    reading = shares @ _SENTIMENTS
    means: dict[str, float] = {
        name: float(reading[true == index].mean()) for index, name in enumerate(CLASSES) if (true == index).any()
    }
    accuracy = 100 * float((shares.argmax(1) == true).mean())
    return {"n": len(true), "r": float(np.corrcoef(reading, faces.sentiment)[0, 1]), "accuracy": accuracy, **means}


def time_ms(network: ExpressionNetwork, frames: int = 200) -> float:
    """The median time of one frame, in milliseconds, on the threads that torch has."""
    one, spans = np.zeros((1, ALIGNED_PX, ALIGNED_PX), np.uint8), []
    for _ in range(frames):
        started = time.perf_counter()
        log_shares(network, one)
        spans.append(time.perf_counter() - started)
    return 1000 * float(np.median(spans))


def fit(stills: Sequence[Still], faces: Faces, epochs: int) -> ExpressionNetwork:
    """Train and calibrate; `faces` are the stills' pictures in order. Prints one line of JSON per validation set."""
    part, source = (
        np.array([getattr(still, field) for still in stills for _ in still.pictures]) for field in ("part", "source")
    )
    taught, others = faces[part == "network"], faces[part != "network"]
    alone = without_copies(taught, others)
    _say(f"{len(alone)} pictures ({len(taught) - len(alone)} copies left out)")
    network = train(alone, epochs)
    temperature, offset = calibrate(network, faces[(part == "train") & (source == "ferplus") & faces.found])
    _say(json.dumps({"temperature": round(temperature, 3), "offset": round(offset, 3)}))
    for name in ("ferplus", "ckplus"):
        valid = faces[(part == "valid") & (source == name)]
        _say(json.dumps({"set": name, **report(network, valid)}))
        if valid.found.any():
            _say(json.dumps({"set": f"{name}, faces found", **report(network, valid[valid.found])}))
    return network


def save(network: ExpressionNetwork, path: Path) -> None:
    """Write the weights, in float16."""
    tensors = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Train, save, and print one line of JSON per validation set."""
    parser = argparse.ArgumentParser(description="Train the network that reads expressions from faces.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        stills = list(read_stills(chosen.data))
        network = fit(stills, align(stills), chosen.epochs)
    except (DataError, AssetError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    save(network, chosen.out)
    parameters = sum(value.numel() for value in network.parameters())
    _say(json.dumps({"parameters": parameters, "ms_per_frame": time_ms(network)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
