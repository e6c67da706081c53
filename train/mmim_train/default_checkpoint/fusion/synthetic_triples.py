"""Triples of words, voice and face, joined by their sentiment: the examples of the default checkpoint.

There is no free set of clips of talking people with rated sentiment. So the words and their rating are real, the voice
is a real voice, the face a real face, but they do not belong to the same moment. Around the rating y of the words, the
valence of voice and face is drawn with noise; a part of the voices and faces is drawn regardless of y (people often
show nothing of what they say), and some are drawn against it. What a model learns of *how* words, voice and face go
together is therefore what is written here, not what people do.

Some examples have no words: a voice, a face or both, and what they show is the rating. Without these a face alone would
be read by what the words beside such faces were rated, which is next to nothing.

Others have nothing but words, and their rating is what the text encoder by itself reads: it learned MOSI's scale from
people, which the sentences here know by regression only.

Composed triples are examples as the training loop knows them. Words are numbers of sentences, voices and faces the
logits of emotions that encoders read in people they do not know (`crossfit`); `stand_ins` reads all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from mmim_live.model.mmim import Batch
from mmim_live.model.shapley import COALITIONS
from mmim_train.default_checkpoint.emotion.crossfit import Readings
from mmim_train.default_checkpoint.emotion.samples import EmotionSample
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces, face_sequence, voice_sequence
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

Congruence = Literal["congruent", "independent", "incongruent"]


class TripleConfig(BaseModel):
    """How triples are joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spread: float = Field(
        default=0.8, gt=0
    )  # standard deviation of what voice and face show around the rating of the words
    independent: float = Field(default=0.15, ge=0, le=1)  # share of voices, and of faces, that show whatever
    incongruent: float = Field(
        default=0.1, ge=0, le=1
    )  # share of triples whose voice, face or both contradict the words
    wordless: float = Field(default=0.3, ge=0, le=1)  # share of examples without words
    only_words: float = Field(default=0.15, ge=0, le=1)  # share of examples with words alone
    silent: float = Field(default=0.15, ge=0, le=1)  # share of faces that do not talk
    least_s: float = 1.5  # of a face
    most_s: float = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class EmotionCorpus:
    """What is joined: samples by emotion, and talking faces."""

    voices: Mapping[Emotion, Sequence[EmotionSample]]
    faces: Mapping[Emotion, Sequence[EmotionSample]]
    talking: TalkingFaces | None

    @classmethod
    def of(
        cls, voices: Sequence[EmotionSample], faces: Sequence[EmotionSample], talking: TalkingFaces | None
    ) -> EmotionCorpus:
        """Sort samples by emotion; a voice of less than half a second is left out."""
        return cls(_by_emotion([p for p in voices if len(p.rows) >= 10]), _by_emotion(faces), talking)

    def voice(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        """A voice with an emotion, [T, 47]."""
        samples = self.voices[emotion]
        first = samples[int(draw.integers(len(samples)))]
        takes = [first.rows]
        if draw.uniform() < 0.4:
            others = [sample for sample in samples if sample.person == first.person and sample.source == first.source]
            takes.append(others[int(draw.integers(len(others)))].rows)
        return voice_sequence(takes, draw)

    def face(self, emotion: Emotion, config: TripleConfig, draw: np.random.Generator) -> Rows:
        """A face with an emotion, [T, 58]."""
        samples, neutral = self.faces[emotion], self.faces["neutral"]
        talking = None if draw.uniform() < config.silent else self.talking
        seconds = draw.uniform(config.least_s, config.most_s)
        return face_sequence(
            samples[int(draw.integers(len(samples)))].rows,
            neutral[int(draw.integers(len(neutral)))].rows,
            talking,
            seconds,
            draw,
        )


def draw_emotion(
    emotions: Sequence[Emotion], rating: float, congruence: Congruence, spread: float, draw: np.random.Generator
) -> Emotion:
    """An emotion for words with a rating: its sentiment is around the rating, anywhere, or around the opposite.

    What is against the words is at least 2 away from them.
    """
    weight = emotion_weights(emotions, rating, congruence, spread)
    return emotions[min(int(np.searchsorted(np.cumsum(weight), draw.uniform() * weight.sum())), len(emotions) - 1)]


def emotion_weights(
    emotions: Sequence[Emotion], rating: float, congruence: Congruence, spread: float
) -> NDArray[np.float64]:
    """How likely `draw_emotion` takes each, but for a factor."""
    sentiment = np.array([SENTIMENT[emotion] for emotion in emotions])
    if congruence == "independent":
        weight = np.ones(len(emotions))
    else:
        centre = rating if congruence == "congruent" else -rating
        weight = np.exp(-0.5 * ((sentiment - centre) / spread) ** 2)
        if congruence == "incongruent":
            weight = np.where(np.abs(sentiment - rating) >= 2.0, weight + 1e-9, 0.0)
            if not weight.any():
                weight = (np.abs(sentiment - rating) == np.abs(sentiment - rating).max()).astype(np.float64)
    # Five emotions are negative and two positive; none is preferred for having neighbours.
    crowd = np.exp(-0.5 * ((sentiment[:, None] - sentiment[None]) / 0.4) ** 2).sum(axis=1)
    return np.asarray(weight / crowd)


@dataclass(frozen=True, slots=True, eq=False)
class TripleSpec:
    """What a triple is made of."""

    present: tuple[bool, bool, bool]  # text, voice, face
    congruence: tuple[Congruence, Congruence]  # of voice and face
    emotions: tuple[Emotion, Emotion]
    rating: float
    picks: tuple[int, int]  # which readings of these emotions, of voice and face


class SyntheticTriples:
    """Triples, composed anew from (seed, round, number): the same three numbers give the same triple.

    `ratings` [S] belong to sentences 0 .. S - 1 of a `SentenceTable`, `alone` [S] is what the text encoder reads of
    them by itself; `sentences` [N] says which one each triple has.
    """

    def __init__(
        self,
        voices: Readings,
        faces: Readings,
        ratings: NDArray[np.float32],
        alone: NDArray[np.float32],
        sentences: NDArray[np.int64],
        config: TripleConfig,
        seed: int,
    ) -> None:
        self._voices, self._faces = voices, faces
        self._ratings, self._alone, self._sentences = ratings, alone, sentences
        self.config, self._seed = config, seed
        self._round = 0
        self._specs: dict[int, TripleSpec] = {}  # of this round

    def moved(self, offset: int) -> SyntheticTriples:
        """The same triples for a table in which the sentences come `offset` places later."""
        before = np.zeros(offset, np.float32)
        ratings, alone = np.concatenate((before, self._ratings)), np.concatenate((before, self._alone))
        sentences = self._sentences + offset
        return SyntheticTriples(self._voices, self._faces, ratings, alone, sentences, self.config, self._seed)

    def __len__(self) -> int:
        return len(self._sentences)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all alike."""
        return np.ones(len(self), np.int64)

    def resample(self, number: int) -> None:
        """Draw all triples of round `number`."""
        self._round = number
        self._specs.clear()

    def start_epoch(self, epoch: int) -> None:
        """Every epoch trains on a round of its own."""
        self.resample(epoch)

    def spec(self, index: int) -> TripleSpec:
        """What a triple is made of."""
        if index not in self._specs:
            self._specs[index] = self._drawn(index, np.random.default_rng((self._seed, self._round, index)))
        return self._specs[index]

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; token_ids [B, 1] are numbers of sentences, voice and face [B, 1, len(EMOTIONS)] logits."""
        specs = [self.spec(index) for index in indices]
        voice = np.stack([self._voices[spec.emotions[0]][spec.picks[0]] for spec in specs])
        face = np.stack([self._faces[spec.emotions[1]][spec.picks[1]] for spec in specs])
        ids = torch.from_numpy(self._sentences[np.asarray(indices, np.int64)]).unsqueeze(1)
        one = torch.ones(len(specs), dtype=torch.long)
        return Batch(
            token_ids=ids,
            token_mask=torch.ones_like(ids, dtype=torch.bool),
            voice=torch.from_numpy(voice).unsqueeze(1),
            voice_lengths=one,
            face=torch.from_numpy(face).unsqueeze(1),
            face_lengths=one,
            present=torch.tensor([spec.present for spec in specs]),
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return torch.tensor([[self.spec(index).rating] for index in indices])

    def _drawn(self, index: int, draw: np.random.Generator) -> TripleSpec:
        kind = draw.uniform()
        if kind < self.config.wordless:
            return self._wordless(draw)
        sentence = self._sentences[index]
        rating = float(self._ratings[sentence])
        congruence = _congruence(draw, self.config)
        emotions = self._emotions(rating, congruence, draw)
        picks = self._picks(emotions, draw)
        if kind < self.config.wordless + self.config.only_words:
            return TripleSpec((True, False, False), congruence, emotions, float(self._alone[sentence]), picks)
        return TripleSpec((True, True, True), congruence, emotions, rating, picks)

    def _wordless(self, draw: np.random.Generator) -> TripleSpec:
        """A voice, a face or both, around a sentiment that is anywhere."""
        congruence: tuple[Congruence, Congruence] = ("congruent", "congruent")
        emotions = self._emotions(draw.uniform(-2.5, 2.5), congruence, draw)
        voiced, faced = ((True, False), (False, True), (True, True))[int(draw.integers(3))]
        shown = [SENTIMENT[emotion] for emotion, seen in zip(emotions, (voiced, faced), strict=True) if seen]
        return TripleSpec(
            (False, voiced, faced), congruence, emotions, float(np.mean(shown)), self._picks(emotions, draw)
        )

    def _picks(self, emotions: tuple[Emotion, Emotion], draw: np.random.Generator) -> tuple[int, int]:
        voices, faces = self._voices[emotions[0]], self._faces[emotions[1]]
        return int(draw.integers(len(voices))), int(draw.integers(len(faces)))

    def _emotions(
        self, rating: float, congruence: tuple[Congruence, Congruence], draw: np.random.Generator
    ) -> tuple[Emotion, Emotion]:
        spread = self.config.spread
        voiced = draw_emotion(tuple(self._voices), rating, congruence[0], spread, draw)
        return voiced, draw_emotion(tuple(self._faces), rating, congruence[1], spread, draw)


@dataclass(frozen=True, slots=True, eq=False)
class EveryCoalition:
    """Triples once for each set of modalities, so that the epoch is chosen by how well all of them are read."""

    whole: SyntheticTriples

    def __len__(self) -> int:
        return len(self.whole) * len(_COALITIONS)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all alike."""
        return np.ones(len(self), np.int64)

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; example i has the triple i // 7 and the coalition i % 7."""
        batch = self.whole.batch([index // len(_COALITIONS) for index in indices])
        kept = torch.tensor([_COALITIONS[index % len(_COALITIONS)] for index in indices])
        return replace(batch, present=batch.present & kept)

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return self.whole.targets([index // len(_COALITIONS) for index in indices])


_COALITIONS = tuple(coalition for coalition in COALITIONS if any(coalition))


def _congruence(draw: np.random.Generator, config: TripleConfig) -> tuple[Congruence, Congruence]:
    """Of voice and face."""
    against = draw.uniform() < config.incongruent
    who = draw.integers(3)  # voice, face, both
    regardless = draw.uniform(size=2) < config.independent
    found: list[Congruence] = ["independent" if regardless[i] else "congruent" for i in range(2)]
    if against:
        found = ["incongruent" if who in (i, 2) else found[i] for i in range(2)]
    return found[0], found[1]


def _by_emotion(samples: Sequence[EmotionSample]) -> dict[Emotion, list[EmotionSample]]:
    found: dict[Emotion, list[EmotionSample]] = {}
    for sample in samples:
        found.setdefault(sample.emotion, []).append(sample)
    return dict(sorted(found.items()))
