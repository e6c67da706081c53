"""The emotion stage: measure voices and faces, then fit an encoder to each.

It needs nothing of the text stage, so it runs in a background process; what it returns are keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmim_live.assets import FACE_LANDMARKER
from mmim_live.features.contract import CONTRACT
from mmim_live.model.checkpoint_config import Normalization
from mmim_live.model.predictor import MIN_VOICE_ROWS
from mmim_train.default_checkpoint.artifacts import Artifacts, Key, files_digest
from mmim_train.default_checkpoint.config import DefaultRecipe
from mmim_train.default_checkpoint.emotion.corpus import EmotionCorpus, FaceCorpus, VoiceCorpus
from mmim_train.default_checkpoint.emotion.crossfit import EMOTION_ENCODER, EmotionEncoder, cross_fit
from mmim_train.default_checkpoint.emotion.extraction import (
    TALKING_CLIPS,
    VOICE_SOURCES,
    extract_faces,
    extract_talking_faces,
    extract_voices,
)
from mmim_train.default_checkpoint.emotion.samples import SAMPLES, EmotionSample, of_split
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces
from mmim_train.default_checkpoint.emotion.stills import FILES
from mmim_train.default_checkpoint.log import Log

Samples = list[EmotionSample]


@dataclass(frozen=True, slots=True)
class EmotionKeys:
    """Names what the stage made."""

    voices: Key[Samples]
    faces: Key[Samples]
    talking: Key[Samples]
    voice: Key[EmotionEncoder]
    face: Key[EmotionEncoder]


@dataclass(frozen=True, slots=True, eq=False)
class EmotionResult:
    """What the stage made."""

    keys: EmotionKeys
    voices: Samples
    faces: Samples  # talking ones among them
    voice: EmotionEncoder
    face: EmotionEncoder

    @classmethod
    def load(cls, keys: EmotionKeys, artifacts: Artifacts) -> EmotionResult:
        """Raises MmimLiveError."""
        return cls(
            keys,
            artifacts.load(keys.voices),
            artifacts.load(keys.faces) + artifacts.load(keys.talking),
            artifacts.load(keys.voice),
            artifacts.load(keys.face),
        )


def fit_emotion_encoders(data: Path, recipe: DefaultRecipe, artifacts: Artifacts, log: Log) -> EmotionKeys:
    """Measure the voices and faces of the folder `data` and fit their encoders. Raises DataError, AssetError."""
    landmarker = {"contract": CONTRACT.face.hash, "landmarker": FACE_LANDMARKER.sha256}
    voices = Key.of(
        "voice-samples",
        SAMPLES,
        contract=CONTRACT.voice.hash,
        files=files_digest(data, [p for source in VOICE_SOURCES for p in (data / "speech" / source).glob("*.flac")]),
    )
    faces = Key.of(
        "face-samples",
        SAMPLES,
        **landmarker,
        files=files_digest(data, [data / "faces" / name for name in FILES]),
    )
    talking = Key.of(
        "talking-samples", SAMPLES, **landmarker, files=files_digest(data, (data / "clips").glob(TALKING_CLIPS))
    )
    fitted = {"seed": recipe.seed, "bidirectional": recipe.bidirectional}
    voice = Key.of("voice-encoder", EMOTION_ENCODER, samples=voices, config=recipe.voice, **fitted)
    face = Key.of(
        "face-encoder",
        EMOTION_ENCODER,
        samples=[faces, talking],
        config=recipe.face,
        sequences=recipe.face_sequences,
        **fitted,
    )
    voice_samples = artifacts.get(voices, lambda: extract_voices(data, log))
    face_samples = artifacts.get(faces, lambda: extract_faces(data, log))
    talking_samples = artifacts.get(talking, lambda: extract_talking_faces(data))
    artifacts.get(voice, lambda: _fit_voice(voice_samples, recipe, log))
    artifacts.get(face, lambda: _fit_face(face_samples, talking_samples, recipe, log))
    return EmotionKeys(voices, faces, talking, voice, face)


def face_normalization(corpus: EmotionCorpus, count: int = 600) -> Normalization:
    """Over sequences as they are drawn, since stills do not move."""
    draw = np.random.default_rng(0)
    emotions = corpus.emotions
    return _normalization([corpus.draw(emotions[i % len(emotions)], draw) for i in range(count)])


def _fit_voice(samples: Samples, recipe: DefaultRecipe, log: Log) -> EmotionEncoder:
    log("fitting the voice encoder")
    normalization = _normalization([sample.rows for sample in of_split(samples, "train")])
    return cross_fit(
        [sample for sample in samples if len(sample.rows) >= MIN_VOICE_ROWS],
        VoiceCorpus.of,
        normalization,
        config=recipe.voice,
        bidirectional=recipe.bidirectional,
        seed=recipe.seed,
        log=log,
    )


def _fit_face(stills: Samples, talking: Samples, recipe: DefaultRecipe, log: Log) -> EmotionEncoder:
    log("fitting the face encoder")
    samples = stills + talking
    movement = TalkingFaces(tuple(sample.rows for sample in talking))

    def corpus_of(some: Sequence[EmotionSample]) -> FaceCorpus:
        return FaceCorpus.of(some, movement, recipe.face_sequences)

    return cross_fit(
        samples,
        corpus_of,
        face_normalization(corpus_of(of_split(samples, "train"))),
        config=recipe.face,
        bidirectional=recipe.bidirectional,
        seed=recipe.seed,
        log=log,
    )


def _normalization(sequences: Sequence[Rows]) -> Normalization:
    rows = np.concatenate(sequences).astype(np.float64)
    # A column that hardly moves in the data must not dominate when it moves in use.
    std = np.maximum(rows.std(axis=0), 0.02)
    return Normalization(mean=tuple(rows.mean(axis=0).tolist()), std=tuple(std.tolist()))
