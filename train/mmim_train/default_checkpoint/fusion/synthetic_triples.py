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
from mmim_train.default_checkpoint.emotion.samples import Piece
from mmim_train.default_checkpoint.emotion.sequences import Rows, TalkingFaces, face_sequence, voice_sequence
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

Joining = Literal["with", "regardless", "against"]


class ComposeConfig(BaseModel):
    """How triples are joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spread: float = Field(
        default=0.8, gt=0
    )  # standard deviation of what voice and face show around the rating of the words
    regardless: float = Field(default=0.15, ge=0, le=1)  # share of voices, and of faces, that show whatever
    against: float = Field(default=0.1, ge=0, le=1)  # share of triples whose voice, face or both contradict the words
    wordless: float = Field(default=0.3, ge=0, le=1)  # share of examples without words
    only_words: float = Field(default=0.15, ge=0, le=1)  # share of examples with words alone
    silent: float = Field(default=0.15, ge=0, le=1)  # share of faces that do not talk
    least_s: float = 1.5  # of a face
    most_s: float = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is joined: pieces by emotion, and talking faces."""

    voices: Mapping[Emotion, Sequence[Piece]]
    faces: Mapping[Emotion, Sequence[Piece]]
    talking: TalkingFaces | None

    @classmethod
    def of(cls, voices: Sequence[Piece], faces: Sequence[Piece], talking: TalkingFaces | None) -> Material:
        """Sort pieces by emotion; a voice of less than half a second is left out."""
        return cls(_by_emotion([p for p in voices if len(p.rows) >= 10]), _by_emotion(faces), talking)

    def voice(self, emotion: Emotion, draw: np.random.Generator) -> Rows:
        """A voice with an emotion, [T, 47]."""
        pieces = self.voices[emotion]
        first = pieces[int(draw.integers(len(pieces)))]
        takes = [first.rows]
        if draw.uniform() < 0.4:
            others = [piece for piece in pieces if piece.person == first.person and piece.source == first.source]
            takes.append(others[int(draw.integers(len(others)))].rows)
        return voice_sequence(takes, draw)

    def face(self, emotion: Emotion, config: ComposeConfig, draw: np.random.Generator) -> Rows:
        """A face with an emotion, [T, 58]."""
        pieces, neutral = self.faces[emotion], self.faces["neutral"]
        talking = None if draw.uniform() < config.silent else self.talking
        seconds = draw.uniform(config.least_s, config.most_s)
        return face_sequence(
            pieces[int(draw.integers(len(pieces)))].rows,
            neutral[int(draw.integers(len(neutral)))].rows,
            talking,
            seconds,
            draw,
        )


def draw_emotion(
    emotions: Sequence[Emotion], rating: float, joining: Joining, spread: float, draw: np.random.Generator
) -> Emotion:
    """An emotion for words with a rating: its sentiment is around the rating, anywhere, or around the opposite.

    What is against the words is at least 2 away from them.
    """
    weight = emotion_weights(emotions, rating, joining, spread)
    return emotions[min(int(np.searchsorted(np.cumsum(weight), draw.uniform() * weight.sum())), len(emotions) - 1)]


def emotion_weights(emotions: Sequence[Emotion], rating: float, joining: Joining, spread: float) -> NDArray[np.float64]:
    """How likely `draw_emotion` takes each, but for a factor."""
    sentiment = np.array([SENTIMENT[emotion] for emotion in emotions])
    if joining == "regardless":
        weight = np.ones(len(emotions))
    else:
        centre = rating if joining == "with" else -rating
        weight = np.exp(-0.5 * ((sentiment - centre) / spread) ** 2)
        if joining == "against":
            weight = np.where(np.abs(sentiment - rating) >= 2.0, weight + 1e-9, 0.0)
            if not weight.any():
                weight = (np.abs(sentiment - rating) == np.abs(sentiment - rating).max()).astype(np.float64)
    # Five emotions are negative and two positive; none is preferred for having neighbours.
    crowd = np.exp(-0.5 * ((sentiment[:, None] - sentiment[None]) / 0.4) ** 2).sum(axis=1)
    return np.asarray(weight / crowd)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a triple is made of."""

    present: tuple[bool, bool, bool]  # text, voice, face
    joinings: tuple[Joining, Joining]  # of voice and face
    emotions: tuple[Emotion, Emotion]
    rating: float
    picks: tuple[int, int]  # which readings of these emotions, of voice and face


class ComposedExamples:
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
        config: ComposeConfig,
        seed: int,
    ) -> None:
        self._voices, self._faces = voices, faces
        self._ratings, self._alone, self._sentences = ratings, alone, sentences
        self.config, self._seed = config, seed
        self._round = 0
        self._plans: dict[int, Plan] = {}  # of this round

    def moved(self, offset: int) -> ComposedExamples:
        """The same triples for a table in which the sentences come `offset` places later."""
        before = np.zeros(offset, np.float32)
        ratings, alone = np.concatenate((before, self._ratings)), np.concatenate((before, self._alone))
        sentences = self._sentences + offset
        return ComposedExamples(self._voices, self._faces, ratings, alone, sentences, self.config, self._seed)

    def __len__(self) -> int:
        return len(self._sentences)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all alike."""
        return np.ones(len(self), np.int64)

    def join_anew(self, number: int) -> None:
        """Go to another round."""
        self._round = number
        self._plans.clear()

    def plan(self, index: int) -> Plan:
        """What a triple is made of."""
        if index not in self._plans:
            self._plans[index] = self._drawn(index, np.random.default_rng((self._seed, self._round, index)))
        return self._plans[index]

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; token_ids [B, 1] are numbers of sentences, voice and face [B, 1, len(EMOTIONS)] logits."""
        plans = [self.plan(index) for index in indices]
        voice = np.stack([self._voices[plan.emotions[0]][plan.picks[0]] for plan in plans])
        face = np.stack([self._faces[plan.emotions[1]][plan.picks[1]] for plan in plans])
        ids = torch.from_numpy(self._sentences[np.asarray(indices, np.int64)]).unsqueeze(1)
        one = torch.ones(len(plans), dtype=torch.long)
        return Batch(
            token_ids=ids,
            token_mask=torch.ones_like(ids, dtype=torch.bool),
            voice=torch.from_numpy(voice).unsqueeze(1),
            voice_lengths=one,
            face=torch.from_numpy(face).unsqueeze(1),
            face_lengths=one,
            present=torch.tensor([plan.present for plan in plans]),
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return torch.tensor([[self.plan(index).rating] for index in indices])

    def _drawn(self, index: int, draw: np.random.Generator) -> Plan:
        kind = draw.uniform()
        if kind < self.config.wordless:
            return self._wordless(draw)
        sentence = self._sentences[index]
        rating = float(self._ratings[sentence])
        joinings = _joinings(draw, self.config)
        emotions = self._emotions(rating, joinings, draw)
        picks = self._picks(emotions, draw)
        if kind < self.config.wordless + self.config.only_words:
            return Plan((True, False, False), joinings, emotions, float(self._alone[sentence]), picks)
        return Plan((True, True, True), joinings, emotions, rating, picks)

    def _wordless(self, draw: np.random.Generator) -> Plan:
        """A voice, a face or both, around a sentiment that is anywhere."""
        joinings: tuple[Joining, Joining] = ("with", "with")
        emotions = self._emotions(draw.uniform(-2.5, 2.5), joinings, draw)
        voiced, faced = ((True, False), (False, True), (True, True))[int(draw.integers(3))]
        shown = [SENTIMENT[emotion] for emotion, seen in zip(emotions, (voiced, faced), strict=True) if seen]
        return Plan((False, voiced, faced), joinings, emotions, float(np.mean(shown)), self._picks(emotions, draw))

    def _picks(self, emotions: tuple[Emotion, Emotion], draw: np.random.Generator) -> tuple[int, int]:
        voices, faces = self._voices[emotions[0]], self._faces[emotions[1]]
        return int(draw.integers(len(voices))), int(draw.integers(len(faces)))

    def _emotions(
        self, rating: float, joinings: tuple[Joining, Joining], draw: np.random.Generator
    ) -> tuple[Emotion, Emotion]:
        spread = self.config.spread
        voiced = draw_emotion(tuple(self._voices), rating, joinings[0], spread, draw)
        return voiced, draw_emotion(tuple(self._faces), rating, joinings[1], spread, draw)


@dataclass(frozen=True, slots=True, eq=False)
class EveryCoalition:
    """Triples once for each set of modalities, so that the epoch is chosen by how well all of them are read."""

    whole: ComposedExamples

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


def _joinings(draw: np.random.Generator, config: ComposeConfig) -> tuple[Joining, Joining]:
    """Of voice and face."""
    against = draw.uniform() < config.against
    who = draw.integers(3)  # voice, face, both
    regardless = draw.uniform(size=2) < config.regardless
    found: list[Joining] = ["regardless" if regardless[i] else "with" for i in range(2)]
    if against:
        found = ["against" if who in (i, 2) else found[i] for i in range(2)]
    return found[0], found[1]


def _by_emotion(pieces: Sequence[Piece]) -> dict[Emotion, list[Piece]]:
    found: dict[Emotion, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.emotion, []).append(piece)
    return dict(sorted(found.items()))
