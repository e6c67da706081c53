"""Voices and faces with an emotion, measured by the live extractors."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.assets import FACE_LANDMARKER, obtain
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import DataError
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VOICE_NAMES, VoiceExtractor
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame
from mmim_train.default_checkpoint.emotion.samples import EmotionSample, Split
from mmim_train.default_checkpoint.emotion.stills import StillReader, read_stills
from mmim_train.default_checkpoint.emotion.valence import EMODB, RAVDESS, Emotion
from mmim_train.default_checkpoint.log import Log

VOICE_SOURCES = ("ravdess", "emodb")  # folders of speech/
TALKING_CLIPS = "grid_*.mpg"  # of clips/
RAVDESS_VALID_ACTORS = ("17", "18", "19", "20")
_EMODB_VALID_SPEAKERS = ("15", "16")  # a man and a woman
_GAP_S = 0.5  # of silence between two recordings of one speaker


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
    """FER+ and CK+ without the part that the expression network learned from; a picture without a face is left out.

    Raises DataError.
    """
    model = obtain(FACE_LANDMARKER.name).folder / "face_landmarker.task"
    samples: list[EmotionSample] = []
    with FaceExtractor(model) as extractor:
        reader = StillReader(extractor.push)
        for seen, still in enumerate(read_stills(folder)):
            if still.part == "network":
                continue
            draw = random.Random(f"{still.source}{seen}")
            rows = [row.values for picture in still.pictures for row in reader.read(picture, variants, draw)]
            if rows:
                samples.append(EmotionSample(still.source, still.person, still.emotion, still.part, np.stack(rows)))
                if len(samples) % 1000 == 0:
                    log(f"{len(samples)} faces")
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
