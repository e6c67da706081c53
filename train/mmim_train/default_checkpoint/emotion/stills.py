"""Still pictures of faces with an expression: FER+ and CK+, each in three parts.

"network" teaches the expression network (`expression`). What it reads in those pictures would flatter it, so the face
encoder and the fusion learn from "train", pictures that the network has not seen; "valid" is for validation alone.

Votes of FER+: Barsoum et al. 2016, "Training deep networks for facial expression recognition with crowd-sourced label
distribution".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_live.features.expression import EXPRESSIONS
from mmim_live.types import VideoFrame
from mmim_train.default_checkpoint.emotion.valence import CKPLUS, Emotion

T = TypeVar("T")

Part = Literal["network", "train", "valid"]
CLASSES: tuple[Emotion, ...] = EXPRESSIONS
FILES = ("ferplus_train.npz", "ckplus_train.npz")  # of faces/
PICTURE_PX = 48
_VOTES = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")  # `CLASSES` in the words of FER+
_STILL_PX, _BORDER_PX = 256, 64  # mediapipe finds the face in 9 of 10 pictures of 48 px enlarged this much
_BLANK = np.zeros((64, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """Pictures of one expression of one person."""

    source: Literal["ferplus", "ckplus"]
    person: str  # "" if unknown
    part: Part
    pictures: Sequence[NDArray[np.uint8]]  # each [48, 48]
    shares: NDArray[np.float32]  # [7]: of raters who saw each of `CLASSES`

    @property
    def emotion(self) -> Emotion:
        """What most raters saw."""
        return CLASSES[int(self.shares.argmax())]


def read_stills(folder: Path) -> Iterator[Still]:
    """All of FER+ and CK+ in faces/ of the data folder. Raises DataError."""
    yield from read_ferplus(folder / "faces" / FILES[0])
    yield from read_ckplus(folder / "faces" / FILES[1])


def read_ferplus(path: Path) -> Iterator[Still]:
    """One still per picture; those that no rater gave one of `CLASSES` are left out. Raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = [str(name) for name in file["columns"]]
            votes = file["votes"][:, [columns.index(name) for name in _VOTES]].astype(np.float32)
            ends, jpeg = file["offsets"], file["jpeg"]
        pictures = [_decode(jpeg[a:b]) for a, b in pairwise(ends)]
    except (OSError, EOFError, ValueError, KeyError, cv2.error) as error:
        raise DataError(f"{path} cannot be read as pictures with the votes of FER+ ({error})") from error
    for index, (picture, own) in enumerate(zip(pictures, votes, strict=True)):
        if own.sum() > 0:
            yield Still("ferplus", "", _part(index % 8), [picture], own / own.sum())


def read_ckplus(path: Path) -> Iterator[Still]:
    """The last three frames of each expression of a person make one still. Contempt is left out. Raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, names = file["image"], file["label"], [str(name) for name in file["classes"]]
            people = [str(name) for name in file["subject"]]
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read as a set of faces ({error})") from error
    order = {person: index for index, person in enumerate(sorted(set(people)))}
    groups: dict[tuple[str, str], list[NDArray[np.uint8]]] = {}
    for image, label, person in zip(images, labels, people, strict=True):
        if names[label] in CKPLUS:
            groups.setdefault((person, names[label]), []).append(image)
    for (person, name), group in groups.items():
        shares = np.array([emotion == CKPLUS[name] for emotion in CLASSES], np.float32)
        yield Still("ckplus", person, _part(order[person] % 5), group, shares)


def _part(place: int) -> Part:
    return "valid" if place == 0 else "train" if place == 1 else "network"


def _decode(jpeg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.shape != (PICTURE_PX, PICTURE_PX):
        raise ValueError(f"a picture is not a JPEG of {PICTURE_PX}x{PICTURE_PX}")
    return np.asarray(picture, np.uint8)


class StillReader(Generic[T]):
    """Shows stills to what looks at a stream of frames and tracks faces in it."""

    def __init__(self, look: Callable[[VideoFrame], T | None]) -> None:
        self._look, self._time_s = look, 0.0

    def read(self, picture: NDArray[np.uint8], variants: int = 1, draw: random.Random | None = None) -> Iterator[T]:
        """What is seen in a picture [48, 48]: as it is, then slightly rotated, shifted and mirrored at random."""
        for variant in range(variants):
            self._show(_BLANK)  # it forgets the face before
            found = self._show(_enlarge(picture, draw if variant else None, mirror=variant % 2 == 1))
            if found is not None:
                yield found

    def _show(self, image: NDArray[np.uint8]) -> T | None:
        self._time_s += 1 / 15
        return self._look(VideoFrame(self._time_s, image))


def _enlarge(picture: NDArray[np.uint8], draw: random.Random | None, mirror: bool) -> NDArray[np.uint8]:
    """[48, 48] grey -> [384, 384, 3]."""
    size = _STILL_PX + 2 * _BORDER_PX
    large = cv2.resize(picture[:, ::-1] if mirror else picture, (_STILL_PX, _STILL_PX), interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(large, *(_BORDER_PX,) * 4, cv2.BORDER_REPLICATE)
    if draw is not None:
        rotation = cv2.getRotationMatrix2D((size / 2, size / 2), draw.uniform(-8, 8), draw.uniform(0.85, 1.1))
        rotation[:, 2] += np.array((draw.uniform(-12, 12), draw.uniform(-12, 12)))
        large = cv2.warpAffine(large, rotation, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2))
