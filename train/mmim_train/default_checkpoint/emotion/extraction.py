"""Voices and faces with an emotion, measured by the live extractors."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import FACE_LANDMARKER, obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import DataError
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VOICE_NAMES, VoiceExtractor
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, Split
from mmim_train.default_checkpoint.emotion.valence import EMODB, FACES, RAVDESS, Emotion
from mmim_train.default_checkpoint.log import Log

VOICE_SOURCES = ("ravdess", "emodb")  # folders of speech/
FACE_SOURCES = ("fer2013", "ckplus")  # files of faces/
TALKING_CLIPS = "grid_*.mpg"  # of clips/
RAVDESS_VALID_ACTORS = ("17", "18", "19", "20")
_EMODB_VALID_SPEAKERS = ("15", "16")  # a man and a woman
_GAP_S = 0.5  # of silence between two recordings of one speaker
_STILL_PX, _BORDER_PX = 256, 64  # mediapipe finds the face in 9 of 10 pictures of 48 px enlarged this much
_BLANK = np.zeros((64, 64, 3), np.uint8)


def extract_voices(folder: Path, log: Log) -> list[EmotionSample]:
    """RAVDESS and EmoDB, from speech/{ravdess,emodb}.

    Each speaker's recordings are measured twice: each by itself, as at the start of a session, and one after another in
    random order, as later in it, when the running level and pitch have adapted to the speaker. Raises DataError.
    """
    samples: list[EmotionSample] = []
    for source, read_name in zip(VOICE_SOURCES, (_ravdess, _emodb), strict=True):
        people: dict[str, list[tuple[Path, Emotion, Split]]] = {}
        for path in sorted((folder / "speech" / source).glob("*.flac")):
            person, emotion, split = read_name(path.stem)
            people.setdefault(person, []).append((path, emotion, split))
        if not people:
            raise DataError(f"{folder / 'speech' / source}: holds no .flac files")
        for person, takes in people.items():
            random.Random(f"{source}{person}").shuffle(takes)
            recordings = [read_audio(path) for path, _, _ in takes]
            for rows in ([extract_rows([recording])[0] for recording in recordings], extract_rows(recordings)):
                samples += [
                    EmotionSample(source, person, emotion, split, row)
                    for (_, emotion, split), row in zip(takes, rows, strict=True)
                ]
            log(f"{source} {person}: {len(takes)} recordings")
    return samples


def extract_faces(folder: Path, log: Log, variants: int = 2) -> list[EmotionSample]:
    """FER2013 and CK+, from faces/*.npz; pictures in which mediapipe finds no face are left out.

    FER2013 names no people: every eighth picture is for validation. CK+: every fifth person; the last three frames of
    each expression make one sample. Raises DataError.
    """
    model = obtain(FACE_LANDMARKER.name).folder / "face_landmarker.task"
    samples: list[EmotionSample] = []
    with FaceExtractor(model) as extractor:
        stills = StillReader(extractor)
        for source in FACE_SOURCES:
            found = read_stills(folder / "faces" / f"{source}_train.npz")
            for seen, (pictures, person, emotion, split) in enumerate(found):
                draw = random.Random(f"{source}{seen}")
                rows = [row for picture in pictures for row in stills.rows(picture, variants, draw)]
                if rows:
                    samples.append(EmotionSample(source, person, emotion, split, np.stack(rows)))
                if seen % 1000 == 999:
                    log(f"{source}: {seen} pictures, {len(samples)} faces")
    return samples


def extract_talking_faces(folder: Path) -> list[EmotionSample]:
    """People who read commands without an emotion (GRID, clips/grid_*.mpg), one sample per clip. Raises DataError."""
    model = obtain(FACE_LANDMARKER.name).folder / "face_landmarker.task"
    samples: list[EmotionSample] = []
    for path in sorted((folder / "clips").glob(TALKING_CLIPS)):
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
    if not samples:
        raise DataError(f"{folder / 'clips'}: no {TALKING_CLIPS} shows a face")
    return samples


class StillReader:
    """Shows stills to an extractor that tracks faces over time: a blank frame makes it forget the last one."""

    def __init__(self, extractor: FaceExtractor) -> None:
        self._extractor, self._time_s = extractor, 0.0

    def rows(
        self, picture: NDArray[np.uint8], variants: int, draw: random.Random | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """The rows of a picture [48, 48]: as it is, then slightly rotated, shifted and mirrored at random."""
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
    size = _STILL_PX + 2 * _BORDER_PX
    large = cv2.resize(picture[:, ::-1] if mirror else picture, (_STILL_PX, _STILL_PX), interpolation=cv2.INTER_CUBIC)
    large = cv2.copyMakeBorder(large, *(_BORDER_PX,) * 4, cv2.BORDER_REPLICATE)
    if draw is not None:
        rotation = cv2.getRotationMatrix2D((size / 2, size / 2), draw.uniform(-8, 8), draw.uniform(0.85, 1.1))
        rotation[:, 2] += np.array((draw.uniform(-12, 12), draw.uniform(-12, 12)))
        large = cv2.warpAffine(large, rotation, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2))


def read_stills(path: Path) -> Iterator[tuple[Sequence[NDArray[np.uint8]], str, Emotion, Split]]:
    """Pictures of one expression, the person ("" if unknown), the emotion and the split. Raises DataError."""
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


def read_audio(path: Path) -> NDArray[np.float32]:
    """A recording's samples [n] at 16 kHz."""
    recording = MediaFile(path, video=False)
    try:
        blocks = [item.samples for item in iter(recording.read, None) if isinstance(item, AudioBlock)]
    finally:
        recording.close()
    return np.concatenate(blocks)


def extract_rows(recordings: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The rows of each recording, played one after another, with gaps, to one extractor."""
    extractor = VoiceExtractor()
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), np.float32)
    found, starts, at = [], [], 0
    for recording in recordings:
        starts.append(at / SAMPLE_RATE_HZ)
        for samples in (recording, gap):
            found += extractor.push(AudioBlock(at / SAMPLE_RATE_HZ, samples))
            at += len(samples)
    found += extractor.flush()
    which = np.searchsorted(starts, [row.time_s for row in found], side="right") - 1
    values = np.array([row.values for row in found], np.float32).reshape(-1, len(VOICE_NAMES))
    return [values[which == index] for index in range(len(recordings))]
