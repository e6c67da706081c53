"""Samples -> sequences like those of a live session: expressions that come and go, talking, blinks, another microphone.

FER+ and CK+ are cropped stills of faces that do not talk; RAVDESS and EmoDB are two studios. Whatever a session has
and these lack is drawn at random here, so that the model learns to ignore it: head movement and position, talking,
blinking, lost rows, and for voices the frequency response and level of the microphone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmim_live.features.expression import EXPRESSION_NAMES, LEAST_LOG_SHARE
from mmim_live.features.face import FACE_NAMES, FACE_RATE_HZ
from mmim_live.features.voice import MEL_BINS, VOICE_NAMES, VOICE_RATE_HZ

Rows = NDArray[np.float32]

_POSE = FACE_NAMES.index("yaw_rad")  # the blendshapes come before it
_PLACE = FACE_NAMES.index("x_cm")
_BLINK = [FACE_NAMES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]
_EXPRESSION = FACE_NAMES.index(EXPRESSION_NAMES[0])  # the last columns
_TALK = [i for i, name in enumerate(FACE_NAMES) if name.startswith(("jaw", "mouth", "expression"))]
_LEVEL = VOICE_NAMES.index("level")
_PITCH, _RELATIVE_PITCH = VOICE_NAMES.index("pitch_octaves"), VOICE_NAMES.index("pitch_relative_octaves")
_MAX_TAIL_ROWS = 60  # 3 s: the longest stretch that a second recording adds


@dataclass(frozen=True, slots=True, eq=False)
class TalkingFaces:
    """Rows of people who talk without an emotion, one array per clip; only their movement is used."""

    clips: tuple[Rows, ...]

    def movement(self, count: int, draw: np.random.Generator) -> Rows:
        """Deviations of `_TALK` from a clip's mean [count, columns], at a random offset, speed and strength."""
        clip = self.clips[draw.integers(len(self.clips))][:, _TALK]
        speed = draw.uniform(0.7, 1.3)
        at = draw.uniform(0, len(clip)) + speed * np.arange(count)
        at = np.abs((at + len(clip)) % (2 * len(clip) - 2) - (len(clip) - 1))  # back and forth
        low = np.minimum(at.astype(np.int64), len(clip) - 2)
        part = (at - low)[:, None]
        moved = (1 - part) * clip[low] + part * clip[low + 1] - clip.mean(axis=0)
        return np.asarray(draw.uniform(0.3, 1.5) * moved, np.float32)


def face_sequence(
    expression: Rows, neutral: Rows, talking: TalkingFaces | None, seconds: float, draw: np.random.Generator
) -> Rows:
    """A face that moves from `neutral` [n, 65] to `expression` [m, 65] and perhaps back, [T, 65].

    The given rows are variants of one still; the sequence wanders between them.
    """
    count = max(8, round(seconds * draw.uniform(0.6, 1.0) * FACE_RATE_HZ))
    strength = _ramp(count, draw)[:, None]
    rows = (1 - strength) * _wander(neutral, count, draw) + strength * _wander(expression, count, draw)
    if talking is not None:
        rows[:, _TALK] += talking.movement(count, draw)
    rows[:, :_POSE] *= np.exp(_smooth(count, 1, draw) * 0.1)
    rows[:, :_POSE] += 0.02 * _smooth(count, _POSE, draw)
    _blink(rows, draw)
    rows[:, :_POSE] = rows[:, :_POSE].clip(0.0, 1.0)
    rows[:, _POSE:_PLACE] += draw.normal(0, (0.15, 0.1, 0.06)) + 0.05 * _smooth(count, 3, draw)
    # The position of the head carries no information, and stills do not have it.
    rows[:, _PLACE:_EXPRESSION] = draw.uniform((-15, -10, -75), (15, 10, -18)) + _smooth(count, 3, draw)
    rows[:, _EXPRESSION:] = _shares(rows[:, _EXPRESSION:] + 0.2 * _smooth(count, len(EXPRESSION_NAMES), draw))
    kept = draw.uniform(size=count) >= draw.uniform(0, 0.3)
    return np.asarray(rows[kept | (np.arange(count) < 8)], np.float32)


def still_sequence(rows: Rows, count: int = 30) -> Rows:
    """A face that holds its expression for two seconds."""
    return np.asarray(np.resize(rows, (max(count, len(rows)), rows.shape[1])), np.float32)


def voice_sequence(takes: Sequence[Rows], draw: np.random.Generator) -> Rows:
    """A stretch of one recording, or of two by the same speaker, as heard by another microphone; [T, 47]."""
    rows = _stretch(takes[0], draw)
    if len(takes) > 1:
        rows = np.concatenate((rows, _stretch(takes[1], draw)[:_MAX_TAIL_ROWS]))
    rows = rows.copy()
    tone = np.linspace(-1, 1, MEL_BINS)
    colour = draw.normal(0, 0.7) * tone + draw.normal(0, 0.5) * (tone**2 - 1 / 3) + draw.normal(0, 0.25, MEL_BINS)
    rows[:, :MEL_BINS] += (colour - colour.mean()).astype(np.float32)
    rows[:, _LEVEL] += np.float32(draw.normal(0, 0.5))  # the running level has adapted to the speaker more or less
    voiced = rows[:, _PITCH] != 0
    rows[voiced, _PITCH] += np.float32(draw.normal(0, 0.08))
    rows[voiced, _RELATIVE_PITCH] += np.float32(draw.normal(0, 0.08))
    kept = draw.uniform(size=len(rows)) >= draw.uniform(0, 0.1)
    return np.asarray(rows[kept], np.float32)


VOICE_SECONDS = 6.0
MAX_VOICE_ROWS = round(VOICE_SECONDS * VOICE_RATE_HZ)


def _stretch(rows: Rows, draw: np.random.Generator) -> Rows:
    """A random part, at least 60% of it."""
    length = max(1, round(len(rows) * draw.uniform(0.6, 1.0)))
    start = draw.integers(len(rows) - length + 1)
    return rows[start : start + length][:MAX_VOICE_ROWS]


def _ramp(count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """The strength of the expression, [count]: at least part of it for at least half of the time."""
    peak = draw.uniform(0.6, 1.1)
    time = np.linspace(0, 1, count)
    begin, end = draw.uniform(-0.3, 0.3), draw.uniform(0.7, 1.4)
    width = draw.uniform(0.03, 0.15)
    rise, fall = 1 / (1 + np.exp(-(time - begin) / width)), 1 / (1 + np.exp((time - end) / width))
    return np.asarray(peak * rise * fall)


def _wander(variants: Rows, count: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """A path through the convex hull of the variants, [count, columns]."""
    weights = np.exp(2 * _smooth(count, len(variants), draw))
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ variants)


def _smooth(count: int, columns: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Noise of about unit variance that changes over half a second, [count, columns]."""
    knots = max(2, count // 8 + 2)
    values = draw.normal(size=(knots, columns))
    at = np.linspace(0, knots - 1, count)
    low = np.minimum(at.astype(np.int64), knots - 2)
    part = (at - low)[:, None]
    return np.asarray((1 - part) * values[low] + part * values[low + 1])


def _shares(logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms [T, 7] of shares that add up to one again, as the network gives them."""
    total = np.log(np.exp(logarithms).sum(axis=1, keepdims=True))
    return np.asarray((logarithms - total).clip(min=LEAST_LOG_SHARE))


def _blink(rows: NDArray[np.float64], draw: np.random.Generator) -> None:
    """Close the eyes for 0.2 s, about every four seconds."""
    for at in np.flatnonzero(draw.uniform(size=len(rows)) < 1 / (4 * FACE_RATE_HZ)):
        depth = draw.uniform(0.4, 0.8)
        for offset, part in ((0, 0.6), (1, 1.0), (2, 0.5)):
            if at + offset < len(rows):
                rows[at + offset, _BLINK] = np.maximum(rows[at + offset, _BLINK], depth * part)
