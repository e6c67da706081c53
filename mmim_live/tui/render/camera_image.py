"""The camera preview as characters: two pixels per cell, with the outline of the face over it in dots.

In ASCII brightness becomes a character, and the outline the letter o.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmim_live.session_types import Preview

Rgb = tuple[int, int, int]

_STEP = 16  # channel values are rounded to multiples of this: fewer styles, which are most of the cost of drawing
_RAMP = " .:-=+*%@"
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # [row][column] of a braille cell
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


class PreviewCell(NamedTuple):
    """One character with its colors; None is the screen's default. `outline`: uses the outline's color."""

    character: str
    ink: Rgb | None = None
    ground: Rgb | None = None
    outline: bool = False


def draw_preview(preview: Preview, columns: int, rows: int, *, ascii_only: bool) -> list[list[PreviewCell]]:
    """The preview as rows of cells, one for every two rows of pixels, scaled down to at most this many cells."""
    image = _fitted(preview.image, columns, 2 * rows)
    image = image[: len(image) // 2 * 2]
    height, width = image.shape[:2]
    dots = _outline_dots(preview, width, height // 2)
    pairs = image.reshape(height // 2, 2, width, 3).astype(int)
    if ascii_only:
        luma = pairs.mean(axis=1) @ _LUMA
        ramp = np.clip(luma / 256 * len(_RAMP), 0, len(_RAMP) - 1).astype(int).tolist()
        return [
            [PreviewCell("o", outline=True) if bits else PreviewCell(_RAMP[at]) for at, bits in zip(*rows, strict=True)]
            for rows in zip(ramp, dots.tolist(), strict=True)
        ]
    means = _rounded(pairs.mean(axis=1)).tolist()
    uppers, lowers = (_rounded(pairs[:, half]).tolist() for half in (0, 1))
    return [
        [
            PreviewCell(chr(0x2800 + bits), None, tuple(mean), outline=True)
            if bits
            else PreviewCell("▀", tuple(upper), tuple(lower))
            for upper, lower, mean, bits in zip(*rows, strict=True)
        ]
        for rows in zip(uppers, lowers, means, dots.tolist(), strict=True)
    ]


def _fitted(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The image, smaller if it exceeds `width` or `height` pixels: each pixel is the mean of those it covers."""
    scale = min(width / image.shape[1], height / image.shape[0])
    if scale >= 1 or scale <= 0:
        return image
    total = image.astype(np.float32)
    for axis in (0, 1):
        size = image.shape[axis]
        starts = np.arange(max(1, round(size * scale))) * size // max(1, round(size * scale))
        counts = np.diff(starts, append=size)
        total = np.add.reduceat(total, starts, axis) / np.expand_dims(counts, (1 - axis, 2))
    return total.astype(np.uint8)


def _rounded(colors: NDArray[Any]) -> NDArray[np.int_]:
    return (colors // _STEP * _STEP + _STEP // 2).astype(np.int_)


def _outline_dots(preview: Preview, columns: int, rows: int) -> NDArray[np.int_]:
    """The dots of each cell, as braille bits."""
    dots = np.zeros((rows, columns), np.int_)
    if columns and rows and len(preview.points):
        x = (preview.points[:, 0] * 2 * columns).astype(int)
        y = (preview.points[:, 1] * 4 * rows).astype(int)
        inside = (x >= 0) & (x < 2 * columns) & (y >= 0) & (y < 4 * rows)
        x, y = x[inside], y[inside]
        np.bitwise_or.at(dots, (y // 4, x // 2), _DOTS[y % 4, x % 2])
    return dots
