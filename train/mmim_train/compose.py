"""Triples of words, voice and face, joined by their sentiment: the examples of the default checkpoint.

There is no free set of clips of talking people with rated sentiment. So the words and their rating are real, the voice
is a real voice, the face a real face, but they do not belong to the same moment. Around the rating y of the words, the
valence of voice and face is drawn with noise; a part of the voices and faces is drawn regardless of y (people often
show nothing of what they say), and some are drawn against it. What a model learns of *how* words, voice and face go
together is therefore what is written here, not what people do.

Some examples have no words: a voice, a face or both, and what they show is the rating. Without these a face alone would
be read by what the words beside such faces were rated, which is next to nothing.

Composed triples are examples as the training loop knows them. Words are numbers of sentences, read through
`SentenceTable`, since the text encoder is not trained here and its reading of a sentence never changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from mmim_live.model.manifest import Normalisation
from mmim_live.model.mmim import Batch
from mmim_train.pieces import Piece
from mmim_train.sequences import Rows, TalkingFaces, face_sequence, voice_sequence
from mmim_train.unimodal import pad
from mmim_train.valence import SENTIMENT, Emotion

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
    weight = weight / crowd
    return emotions[draw.choice(len(emotions), p=weight / weight.sum())]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a triple is made of; `draw` goes on to make the sequences."""

    present: tuple[bool, bool, bool]  # text, voice, face
    joinings: tuple[Joining, Joining]  # of voice and face
    emotions: tuple[Emotion, Emotion]
    rating: float
    draw: np.random.Generator


class ComposedExamples:
    """Triples, composed anew from (seed, round, number): the same three numbers give the same triple.

    `ratings` [S] belong to sentences 0 .. S - 1 of a `SentenceTable`; `sentences` [N] says which one each triple has.
    """

    def __init__(
        self,
        material: Material,
        ratings: NDArray[np.float32],
        sentences: NDArray[np.int64],
        voice: Normalisation,
        face: Normalisation,
        config: ComposeConfig,
        seed: int,
    ) -> None:
        self._material, self._ratings, self._sentences = material, ratings, sentences
        self._voice, self._face = voice, face
        self._config, self._seed = config, seed
        self.round = 0  # raise it to join everything anew
        self._kept: dict[int, tuple[Rows, Rows]] | None = None

    def keep(self) -> ComposedExamples:
        """Remember every triple once it was composed: for validation, which is read again and again."""
        self._kept = {}
        return self

    def moved(self, offset: int) -> ComposedExamples:
        """The same triples for a table in which the sentences come `offset` places later."""
        ratings = np.concatenate((np.zeros(offset, np.float32), self._ratings))
        examples = ComposedExamples(
            self._material, ratings, self._sentences + offset, self._voice, self._face, self._config, self._seed
        )
        examples._kept = self._kept
        return examples

    def __len__(self) -> int:
        return len(self._sentences)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all alike: how long a triple is, is drawn with it."""
        return np.ones(len(self), np.int64)

    def joining(self, index: int) -> tuple[Joining, Joining]:
        """How voice and face of a triple were joined to its words."""
        return self._plan(index).joinings

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; token_ids [B, 1] are numbers of sentences."""
        rows = [self._rows(index) for index in indices]
        voice, voice_lengths = pad([self._voice.apply(v) for v, _ in rows])
        face, face_lengths = pad([self._face.apply(f) for _, f in rows])
        ids = torch.from_numpy(self._sentences[np.asarray(indices, np.int64)]).unsqueeze(1)
        present = torch.tensor([self._plan(index).present for index in indices])
        return Batch(ids, torch.ones_like(ids, dtype=torch.bool), voice, voice_lengths, face, face_lengths, present)

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return torch.tensor([[self._plan(index).rating] for index in indices])

    def _plan(self, index: int) -> Plan:
        draw = np.random.default_rng((self._seed, self.round, index))
        if draw.uniform() < self._config.wordless:
            return self._wordless(draw)
        rating = float(self._ratings[self._sentences[index]])
        joinings = _joinings(draw, self._config)
        return Plan((True, True, True), joinings, self._emotions(rating, joinings, draw), rating, draw)

    def _wordless(self, draw: np.random.Generator) -> Plan:
        """A voice, a face or both, around a sentiment that is anywhere."""
        joinings: tuple[Joining, Joining] = ("with", "with")
        emotions = self._emotions(draw.uniform(-2.5, 2.5), joinings, draw)
        voiced, faced = ((True, False), (False, True), (True, True))[int(draw.integers(3))]
        shown = [SENTIMENT[emotion] for emotion, seen in zip(emotions, (voiced, faced), strict=True) if seen]
        return Plan((False, voiced, faced), joinings, emotions, float(np.mean(shown)), draw)

    def _emotions(
        self, rating: float, joinings: tuple[Joining, Joining], draw: np.random.Generator
    ) -> tuple[Emotion, Emotion]:
        material, spread = self._material, self._config.spread
        voiced = draw_emotion(tuple(material.voices), rating, joinings[0], spread, draw)
        return voiced, draw_emotion(tuple(material.faces), rating, joinings[1], spread, draw)

    def _rows(self, index: int) -> tuple[Rows, Rows]:
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        plan = self._plan(index)
        voiced, faced = plan.emotions
        rows = self._material.voice(voiced, plan.draw), self._material.face(faced, self._config, plan.draw)
        if self._kept is not None:
            self._kept[index] = rows
        return rows


class SentenceTable(nn.Module):
    """Stands for a text encoder whose reading of some sentences is known: [S, variants, width].

    In training a variant is drawn at random (dropout of the encoder), in evaluation the first is taken.
    """

    def __init__(self, table: Tensor, absent: nn.Parameter) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)
        self.absent = absent
        self.width = table.shape[2]

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Numbers of sentences [B, 1], mask [B, 1] -> h_t [B, width]."""
        table = self.get_buffer("table")
        variant = torch.zeros(len(token_ids), dtype=torch.long)
        if self.training and table.shape[1] > 1:
            variant = torch.randint(1, table.shape[1], (len(token_ids),))
        there = token_mask[:, 0]
        found = table[token_ids[:, 0], variant]
        return torch.where(there.unsqueeze(1), found, self.absent.expand(len(token_ids), -1))


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
