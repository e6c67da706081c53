"""The expression of a face: a small network on a grey picture of it, aligned by the landmarks of eyes and mouth.

The network is trained by `mmim_train.default_checkpoint.emotion.expression` on the votes of FER+ and on CK+.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmim_live.errors import AssetError

Expression = Literal["neutral", "happy", "surprised", "sad", "angry", "disgusted", "fearful"]
EXPRESSIONS: tuple[Expression, ...] = ("neutral", "happy", "surprised", "sad", "angry", "disgusted", "fearful")
EXPRESSION_NAMES: tuple[str, ...] = tuple(f"expression_{name}" for name in EXPRESSIONS)

ALIGNED_PX, CROP_PX = 48, 44
LEAST_LOG_SHARE = -12.0  # far below, the numbers of the network vary without meaning

# Points of the landmarker whose mean is the left eye in the picture, the right eye, and the mouth; and where these lie
# in an aligned picture (x, y): their means over the pictures of FER2013.
_ANCHORS = ((33, 133, 159, 145), (263, 362, 386, 374), (61, 291, 13, 14))
_TARGETS = np.array(((15.06, 18.95), (32.94, 18.80), (24.0, 37.37)))
_MARGIN_PX = 4.0  # of the aligned picture; what is cut out around it for interpolation
_OVERSAMPLING = 1.5  # a large face is reduced by area to this many pixels per pixel of the aligned picture
_WIDTHS = (24, 40, 80, 144)


def aligned_face(image: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The face in `image` [h, w, 3] (RGB), turned, scaled and shifted so that eyes and mouth lie where they always do.

    `points` [478, 2] are fractions of the image's width and height. Returns grey [48, 48].
    """
    height, width = image.shape[:2]
    anchors = np.array([points[list(group)].mean(axis=0) for group in _ANCHORS], np.float64) * (width, height)
    scale, transform = _similarity(anchors - 0.5, _TARGETS)
    # The part of the image that the aligned picture shows.
    edge = np.array(
        [(x, y) for x in (-_MARGIN_PX, ALIGNED_PX + _MARGIN_PX) for y in (-_MARGIN_PX, ALIGNED_PX + _MARGIN_PX)]
    )
    shown = (edge - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    left, top = (int(v) for v in np.clip(np.floor(shown.min(axis=0)), 0, (width - 1, height - 1)))
    right, bottom = (int(v) for v in np.clip(np.ceil(shown.max(axis=0)) + 1, (left + 1, top + 1), (width, height)))
    part = cv2.cvtColor(np.ascontiguousarray(image[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    offset, ratio = np.array((left, top), np.float64), np.ones(2)
    if scale * _OVERSAMPLING < 1:  # bilinear interpolation alone would alias
        rows, columns = part.shape
        size = (max(1, round(columns * scale * _OVERSAMPLING)), max(1, round(rows * scale * _OVERSAMPLING)))
        ratio = np.array((columns, rows)) / size
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    # A pixel's centre p of the part lies at offset + (p + 0.5) * ratio - 0.5 in the image.
    linear = transform[:, :2] * ratio
    shift = transform[:, :2] @ (offset + 0.5 * ratio - 0.5) + transform[:, 2]
    moved = np.concatenate((linear, shift[:, None]), axis=1)
    return np.asarray(
        cv2.warpAffine(part, moved, (ALIGNED_PX, ALIGNED_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The scale and the matrix [2, 3] of the rotation, scale and shift that map points to points in least squares."""
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    size = max(float((a * a).sum()), 1e-9)
    cos, sin = float((a * b).sum()) / size, float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    linear = np.array(((cos, -sin), (sin, cos)))
    if abs(np.linalg.det(linear)) < 1e-8:  # a face seen as a point
        linear = np.eye(2)
    shift = target.mean(axis=0) - linear @ source.mean(axis=0)
    return float(np.hypot(*linear[0])), np.concatenate((linear, shift[:, None]), axis=1)


class ExpressionNetwork(nn.Module):
    """[n, 1, 44, 44] standardized crops -> [n, 7] logits of `EXPRESSIONS`."""

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
        self.classify = nn.Linear(last, len(EXPRESSIONS))

    def forward(self, crops: Tensor) -> Tensor:
        """[n, 1, 44, 44] -> [n, 7]."""
        return self.classify(self.dropout(self.body(crops)))  # type: ignore[no-any-return]


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


def crop(pictures: NDArray[np.uint8]) -> Tensor:
    """Aligned pictures [n, 48, 48] -> the standardized middle [n, 1, 44, 44]."""
    edge = (ALIGNED_PX - CROP_PX) // 2
    middle = np.ascontiguousarray(pictures[:, edge:-edge, edge:-edge])
    return standardize(torch.from_numpy(middle)[:, None].float())


def standardize(crops: Tensor) -> Tensor:
    """Brightness and contrast carry no expression."""
    return (crops - crops.mean((2, 3), keepdim=True)) / (crops.std((2, 3), keepdim=True) + 4.0)


@torch.inference_mode()
def log_shares(network: ExpressionNetwork, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Aligned pictures [n, 48, 48] -> log of the share of raters to be expected for each of `EXPRESSIONS`, [n, 7]."""
    parts = [network(part).log_softmax(1) for part in crop(pictures).split(256)]  # type: ignore[no-untyped-call]
    return np.asarray(torch.cat(parts).clamp(min=LEAST_LOG_SHARE).numpy(), np.float32)


def load_expression_network(path: Path) -> ExpressionNetwork:
    """The network with the weights in a safetensors file. Raises AssetError."""
    network = ExpressionNetwork()
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise AssetError(f"{path} is not a usable expression network: {reason}; see `mmim-live models`") from error
    return network.eval().requires_grad_(False)
