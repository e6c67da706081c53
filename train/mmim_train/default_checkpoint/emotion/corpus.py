"""Emotion samples by emotion, from which sequences are drawn that resemble a live session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mmim_live.model.predictor import MIN_VOICE_ROWS
from mmim_train.default_checkpoint.emotion.samples import EmotionSample
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces, face_sequence, voice_sequence
from mmim_train.default_checkpoint.emotion.valence import Emotion


class FaceSequenceConfig(BaseModel):
    """How stills become sequences of a face."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silent: float = Field(default=0.15, ge=0, le=1)  # share of faces that do not talk
    min_s: float = 1.5
    max_s: float = 6.0


class EmotionCorpus(Protocol):
    """Draws sequences that show an emotion."""

    @property
    def emotions(self) -> tuple[Emotion, ...]:
        """Those that it has samples of."""

    def draw(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        """A sequence [T, columns of the contract]."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceCorpus:
    """Voices by emotion, in alphabetical order."""

    samples: Mapping[Emotion, Sequence[EmotionSample]]

    @classmethod
    def of(cls, samples: Sequence[EmotionSample]) -> VoiceCorpus:
        """A voice of less than half a second is left out."""
        return cls(_by_emotion([sample for sample in samples if len(sample.rows) >= MIN_VOICE_ROWS]))

    @property
    def emotions(self) -> tuple[Emotion, ...]:
        """Those that it has samples of."""
        return tuple(self.samples)

    def draw(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        """A voice that expresses an emotion, [T, 47]."""
        samples = self.samples[emotion]
        first = samples[int(draw.integers(len(samples)))]
        takes = [first.rows]
        if draw.uniform() < 0.4:
            others = [sample for sample in samples if sample.person == first.person and sample.source == first.source]
            takes.append(others[int(draw.integers(len(others)))].rows)
        return voice_sequence(takes, draw)


@dataclass(frozen=True, slots=True, eq=False)
class FaceCorpus:
    """Faces by emotion, in alphabetical order, and how people talk."""

    samples: Mapping[Emotion, Sequence[EmotionSample]]
    talking: TalkingFaces
    config: FaceSequenceConfig

    @classmethod
    def of(cls, samples: Sequence[EmotionSample], talking: TalkingFaces, config: FaceSequenceConfig) -> FaceCorpus:
        """Of faces, neutral ones among them."""
        return cls(_by_emotion(samples), talking, config)

    @property
    def emotions(self) -> tuple[Emotion, ...]:
        """Those that it has samples of."""
        return tuple(self.samples)

    def draw(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        """A face that expresses an emotion, [T, 65]."""
        samples, neutral = self.samples[emotion], self.samples["neutral"]
        talking = None if draw.uniform() < self.config.silent else self.talking
        seconds = draw.uniform(self.config.min_s, self.config.max_s)
        return face_sequence(
            samples[int(draw.integers(len(samples)))].rows,
            neutral[int(draw.integers(len(neutral)))].rows,
            talking,
            seconds,
            draw,
        )


def _by_emotion(samples: Sequence[EmotionSample]) -> dict[Emotion, list[EmotionSample]]:
    found: dict[Emotion, list[EmotionSample]] = {}
    for sample in samples:
        found.setdefault(sample.emotion, []).append(sample)
    return dict(sorted(found.items()))
