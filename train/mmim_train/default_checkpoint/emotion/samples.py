"""Voices and faces with an emotion, measured by the live extractors: what the default checkpoint is composed of.

A *sample* is one recording or one still picture. Measuring takes minutes, so the result is kept in a file beside a hash
of the feature contract, and measured anew when the contract changes. Knows no sentences and no model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import DataError
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VOICE_NAMES, VoiceExtractor
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, ModalityContract, VideoFrame
from mmim_train.default_checkpoint.emotion.valence import EMODB, FACES, RAVDESS, Emotion

Log = Callable[[str], None]
Split = Literal["train", "valid"]

RAVDESS_VALID_ACTORS = ("17", "18", "19", "20")
_EMODB_VALID_SPEAKERS = ("15", "16")  # a man and a woman
_GAP_S = 0.5  # of silence between two recordings of one speaker
_STILL_PX, _BORDER_PX = 256, 64  # mediapipe finds the face in 9 of 10 pictures of 48 px made so large
_FIELDS = ("source", "person", "emotion", "split")
_BLANK = np.zeros((64, 64, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class EmotionSample:
    """Rows of one person showing one emotion. For a still: one row a variant of the picture."""

    source: str  # "ravdess", "emodb", "fer2013", "ckplus", "grid"
    person: str  # "" where nobody knows
    emotion: Emotion
    split: Split
    rows: NDArray[np.float32]  # [n, columns of the contract]


def measure_voices(folder: Path, log: Log) -> list[EmotionSample]:
    """RAVDESS and EmoDB of speech/{ravdess,emodb}.

    Each person's recordings are heard twice: once each by itself, as at the start of a session, and once one after
    another in random order, as later in it, when the running level and pitch know the speaker.
    """
    samples: list[EmotionSample] = []
    for source, read_name in (("ravdess", _ravdess), ("emodb", _emodb)):
        people: dict[str, list[tuple[Path, Emotion, Split]]] = {}
        for path in sorted((folder / "speech" / source).glob("*.flac")):
            person, emotion, split = read_name(path.stem)
            people.setdefault(person, []).append((path, emotion, split))
        if not people:
            raise DataError(f"{folder / 'speech' / source}: holds no .flac files")
        for person, takes in people.items():
            random.Random(f"{source}{person}").shuffle(takes)
            sounds = [_sound(path) for path, _, _ in takes]
            for rows in ([_hear([sound])[0] for sound in sounds], _hear(sounds)):
                samples += [
                    EmotionSample(source, person, emotion, split, row)
                    for (_, emotion, split), row in zip(takes, rows, strict=True)
                ]
            log(f"{source} {person}: {len(takes)} recordings")
    return samples


def measure_faces(folder: Path, log: Log, variants: int = 2) -> list[EmotionSample]:
    """FER2013 and CK+ of faces/*.npz; pictures without a face that mediapipe sees are left out.

    FER2013 names no people: every eighth picture is for validation. CK+: every fifth person. CK+ has the last three
    pictures of each expression in a row, which make one sample.
    """
    model = obtain("face-landmarker").folder / "face_landmarker.task"
    samples: list[EmotionSample] = []
    with FaceExtractor(model) as extractor:
        clock = Clock(extractor)
        for source in ("fer2013", "ckplus"):
            found = stills(folder / "faces" / f"{source}_train.npz")
            for seen, (pictures, person, emotion, split) in enumerate(found):
                draw = random.Random(f"{source}{seen}")
                rows = [row for picture in pictures for row in clock.fit_projection(picture, variants, draw)]
                if rows:
                    samples.append(EmotionSample(source, person, emotion, split, np.stack(rows)))
                if seen % 1000 == 999:
                    log(f"{source}: {seen} pictures, {len(samples)} faces")
    return samples


def measure_talking(folder: Path) -> list[EmotionSample]:
    """People who read out command sentences without an emotion (GRID, clips/grid_*.mpg), one sample a clip."""
    model = obtain("face-landmarker").folder / "face_landmarker.task"
    samples: list[EmotionSample] = []
    for path in sorted((folder / "clips").glob("grid_*.mpg")):
        recording = MediaFile(path, audio=False)
        try:
            with FaceExtractor(model) as extractor:
                items = iter(recording.read, None)
                rows = [extractor.push(item) for item in items if isinstance(item, VideoFrame)]
        finally:
            recording.close()
        found = [row.values for row in rows if row is not None]
        if found:
            samples.append(EmotionSample("grid", path.stem, "neutral", "train", np.stack(found)))
    return samples


class Clock:
    """Shows stills to an extractor that follows faces through time: a blank picture makes it forget the last one."""

    def __init__(self, extractor: FaceExtractor) -> None:
        self._extractor, self._time_s = extractor, 0.0

    def fit_projection(
        self, picture: NDArray[np.uint8], variants: int, draw: random.Random | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """The rows of a picture [48, 48]: as it is, and turned, shifted and mirrored a little, as `draw` says."""
        for variant in range(variants):
            self._push(_BLANK)
            row = self._push(_enlarge(picture, draw if variant else None, mirror=variant % 2 == 1))
            if row is not None:
                yield row

    def _push(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        self._time_s += 1 / 15
        row = self._extractor.push(VideoFrame(self._time_s, image))
        return None if row is None else row.values


def _enlarge(picture: NDArray[np.uint8], draw: random.Random | None, mirror: bool) -> NDArray[np.uint8]:
    """[48, 48] grey -> [384, 384, 3]."""
    side = _STILL_PX + 2 * _BORDER_PX
    large = cv2.resize(picture[:, ::-1] if mirror else picture, (_STILL_PX, _STILL_PX), interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(large, *(_BORDER_PX,) * 4, cv2.BORDER_REPLICATE)
    if draw is not None:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), draw.uniform(-8, 8), draw.uniform(0.85, 1.1))
        turn[:, 2] += np.array((draw.uniform(-12, 12), draw.uniform(-12, 12)))
        large = cv2.warpAffine(large, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2))


def stills(path: Path) -> Iterator[tuple[Sequence[NDArray[np.uint8]], str, Emotion, Split]]:
    """Pictures of one expression, who shows it, what it is, and which side it is on. Raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels, names = file["image"], file["label"], [str(name) for name in file["classes"]]
            people = [str(name) for name in file["subject"]] if "subject" in file else None
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} cannot be read as a set of faces ({error})") from error
    if people is None:
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield [image], "", FACES[names[label]], "valid" if index % 8 == 0 else "train"
        return
    order = {person: index for index, person in enumerate(sorted(set(people)))}
    groups: dict[tuple[str, str], list[NDArray[np.uint8]]] = {}
    for image, label, person in zip(images, labels, people, strict=True):
        if names[label] in FACES:
            groups.setdefault((person, names[label]), []).append(image)
    for (person, name), group in groups.items():
        yield group, person, FACES[name], "valid" if order[person] % 5 == 0 else "train"


def _ravdess(stem: str) -> tuple[str, Emotion, Split]:
    parts = stem.split("-")
    return parts[6], RAVDESS[parts[2]], "valid" if parts[6] in RAVDESS_VALID_ACTORS else "train"


def _emodb(stem: str) -> tuple[str, Emotion, Split]:
    return stem[:2], EMODB[stem[5]], "valid" if stem[:2] in _EMODB_VALID_SPEAKERS else "train"


def _sound(path: Path) -> NDArray[np.float32]:
    recording = MediaFile(path, video=False)
    try:
        blocks = [item.samples for item in iter(recording.read, None) if isinstance(item, AudioBlock)]
    finally:
        recording.close()
    return np.concatenate(blocks)


def _hear(sounds: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The rows of each sound, heard one after another with a gap between them by one extractor."""
    extractor = VoiceExtractor()
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), np.float32)
    found, starts, at = [], [], 0
    for sound in sounds:
        starts.append(at / SAMPLE_RATE_HZ)
        for samples in (sound, gap):
            found += extractor.push(AudioBlock(at / SAMPLE_RATE_HZ, samples))
            at += len(samples)
    found += extractor.flush()
    which = np.searchsorted(starts, [row.time_s for row in found], side="right") - 1
    values = np.array([row.values for row in found], np.float32).reshape(-1, len(VOICE_NAMES))
    return [values[which == index] for index in range(len(sounds))]


def save_samples(samples: Sequence[EmotionSample], path: Path, contract: ModalityContract) -> None:
    """Keep samples in one .npz file, with the hash of their contract."""
    lengths = np.array([len(sample.rows) for sample in samples])
    fields = {name: np.array([getattr(sample, name) for sample in samples]) for name in _FIELDS}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            contract=np.array(contract.hash),
            lengths=lengths,
            rows=np.concatenate([sample.rows for sample in samples]),
            source=fields["source"],
            person=fields["person"],
            emotion=fields["emotion"],
            split=fields["split"],
        )


def load_samples(path: Path, contract: ModalityContract) -> list[EmotionSample] | None:
    """What `save_samples` kept, or None where there is none or the contract has changed."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        if str(file["contract"]) != contract.hash:
            return None
        parts = np.split(file["rows"], np.cumsum(file["lengths"])[:-1])
        fields = [file[name].tolist() for name in _FIELDS]
    return [
        EmotionSample(source, person, emotion, split, rows)
        for source, person, emotion, split, rows in zip(*fields, parts, strict=True)
    ]
