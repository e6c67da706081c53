"""Synthetic triples of text, voice and face, paired by sentiment: the examples that the fusion is trained on.

No free data set has clips of talking people with rated sentiment. So the sentence and its rating are real, the voice is
a real voice, the face a real face, but they do not belong to the same moment. The valence of voice and face is drawn
around the rating y of the sentence, with noise; some voices and faces are drawn independently of y (people often show
nothing of what they say), and some against it. What a model learns about *how* text, voice and face go together is
therefore what is written here, not what people do.

Some examples have no text: a voice, a face or both, and the rating is what they show. Without these, a face alone would
be scored as the sentences paired with such faces were rated, which carries almost no information.

Others have text alone, and their rating is what the text encoder predicts by itself: it learned MOSI's scale from
people's ratings, which most of the sentences here have by regression only.

Sentences are given by number; voices and faces are the logits of emotions that encoders predicted for people they were
not trained on (`crossfit`). The encoders of `precomputed_encoders` read all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from mmim_live.model.mmim import Batch
from mmim_live.model.shapley import COALITIONS
from mmim_train.default_checkpoint.emotion.crossfit import LogitsByEmotion
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion

Congruence = Literal["congruent", "independent", "incongruent"]  # of a voice or face with the text


class TripleConfig(BaseModel):
    """How triples are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spread: float = Field(default=0.8, gt=0)  # standard deviation of the shown sentiment around the rating of the text
    independent: float = Field(default=0.15, ge=0, le=1)  # share of voices, and of faces, drawn whatever the text
    incongruent: float = Field(
        default=0.1, ge=0, le=1
    )  # share of triples whose voice, face or both contradict the text
    without_text: float = Field(default=0.3, ge=0, le=1)  # share of examples
    text_only: float = Field(default=0.15, ge=0, le=1)  # share of examples


def draw_emotion(
    emotions: Sequence[Emotion], rating: float, congruence: Congruence, spread: float, draw: np.random.Generator
) -> Emotion:
    """An emotion for a text with a rating: its sentiment is near the rating, anywhere, or near the opposite.

    If incongruent, it is at least 2 away from the rating, where an emotion is.
    """
    weight = emotion_weights(emotions, rating, congruence, spread)
    return emotions[min(int(np.searchsorted(np.cumsum(weight), draw.uniform() * weight.sum())), len(emotions) - 1)]


def emotion_weights(
    emotions: Sequence[Emotion], rating: float, congruence: Congruence, spread: float
) -> NDArray[np.float64]:
    """How likely `draw_emotion` is to draw each, up to a constant factor."""
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
    # Five emotions are negative and two positive; none is preferred for having neighbors.
    density = np.exp(-0.5 * ((sentiment[:, None] - sentiment[None]) / 0.4) ** 2).sum(axis=1)
    return np.asarray(weight / density)


@dataclass(frozen=True, slots=True, eq=False)
class TripleSpec:
    """What a triple consists of."""

    present: tuple[bool, bool, bool]  # text, voice, face
    congruence: tuple[Congruence, Congruence]  # of voice and face
    emotions: tuple[Emotion, Emotion]
    rating: float
    picks: tuple[int, int]  # which of the predictions for these emotions, of voice and face


class SyntheticTriples:
    """N triples; (seed, round, number) determine a triple, and `resample` goes to another round.

    `ratings` [S] belong to sentences 0 .. S - 1 of a `SentenceTable`, `text_only_scores` [S] are what the text encoder
    predicts for them by itself; `sentences` [N] says which one each triple has.
    """

    def __init__(
        self,
        *,
        voices: LogitsByEmotion,
        faces: LogitsByEmotion,
        ratings: NDArray[np.float32],
        text_only_scores: NDArray[np.float32],
        sentences: NDArray[np.int64],
        config: TripleConfig,
        seed: int,
    ) -> None:
        self._voices, self._faces = voices, faces
        self._ratings, self._text_only_scores, self._sentences = ratings, text_only_scores, sentences
        self.config, self._seed = config, seed
        self._round = 0
        self._specs: dict[int, TripleSpec] = {}  # of this round

    def with_sentence_offset(self, offset: int) -> SyntheticTriples:
        """The same triples for a table in which their sentences come `offset` places later."""
        before = np.zeros(offset, np.float32)
        return SyntheticTriples(
            voices=self._voices,
            faces=self._faces,
            ratings=np.concatenate((before, self._ratings)),
            text_only_scores=np.concatenate((before, self._text_only_scores)),
            sentences=self._sentences + offset,
            config=self.config,
            seed=self._seed,
        )

    def __len__(self) -> int:
        return len(self._sentences)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all equal."""
        return np.ones(len(self), np.int64)

    def resample(self, number: int) -> None:
        """Draw all triples of round `number`."""
        self._round = number
        self._specs.clear()

    def start_epoch(self, epoch: int) -> None:
        """Every epoch trains on a round of its own."""
        self.resample(epoch)

    def spec(self, index: int) -> TripleSpec:
        """What a triple consists of."""
        if index not in self._specs:
            self._specs[index] = self._draw(index, np.random.default_rng((self._seed, self._round, index)))
        return self._specs[index]

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; token_ids [B, 1] are numbers of sentences, voice and face [B, 1, len(EMOTIONS)] logits."""
        specs = [self.spec(index) for index in indices]
        voice = np.stack([self._voices[spec.emotions[0]][spec.picks[0]] for spec in specs])
        face = np.stack([self._faces[spec.emotions[1]][spec.picks[1]] for spec in specs])
        ids = torch.from_numpy(self._sentences[np.asarray(indices, np.int64)]).unsqueeze(1)
        one = torch.ones(len(specs), dtype=torch.long)
        return Batch.of(
            text=(ids, torch.ones_like(ids, dtype=torch.bool)),
            voice=(torch.from_numpy(voice).unsqueeze(1), one),
            face=(torch.from_numpy(face).unsqueeze(1), one),
            present=torch.tensor([spec.present for spec in specs]),
        )

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return torch.tensor([[self.spec(index).rating] for index in indices])

    def _draw(self, index: int, draw: np.random.Generator) -> TripleSpec:
        kind = draw.uniform()
        if kind < self.config.without_text:
            return self._draw_without_text(draw)
        sentence = self._sentences[index]
        rating = float(self._ratings[sentence])
        congruence = _congruence(draw, self.config)
        emotions = self._emotions(rating, congruence, draw)
        picks = self._picks(emotions, draw)
        if kind < self.config.without_text + self.config.text_only:
            return TripleSpec(
                (True, False, False), congruence, emotions, float(self._text_only_scores[sentence]), picks
            )
        return TripleSpec((True, True, True), congruence, emotions, rating, picks)

    def _draw_without_text(self, draw: np.random.Generator) -> TripleSpec:
        """A voice, a face or both, near a sentiment that may be any."""
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
    """Each triple once per coalition of modalities, so that validation covers all of them."""

    whole: SyntheticTriples

    def __len__(self) -> int:
        return len(self.whole) * len(_COALITIONS)

    @property
    def costs(self) -> NDArray[np.int64]:
        """[N], all equal."""
        return np.ones(len(self), np.int64)

    def batch(self, indices: Sequence[int]) -> Batch:
        """The inputs; example i is triple i // 7 with coalition i % 7."""
        batch = self.whole.batch([index // len(_COALITIONS) for index in indices])
        kept = torch.tensor([_COALITIONS[index % len(_COALITIONS)] for index in indices])
        return replace(batch, present=batch.present & kept)

    def targets(self, indices: Sequence[int]) -> Tensor:
        """The ratings, [B, 1]."""
        return self.whole.targets([index // len(_COALITIONS) for index in indices])


_COALITIONS = tuple(coalition for coalition in COALITIONS if any(coalition))


def _congruence(draw: np.random.Generator, config: TripleConfig) -> tuple[Congruence, Congruence]:
    """Of voice and face."""
    incongruent = draw.uniform() < config.incongruent
    who = draw.integers(3)  # voice, face, both
    independent = draw.uniform(size=2) < config.independent
    found: list[Congruence] = ["independent" if independent[i] else "congruent" for i in range(2)]
    if incongruent:
        found = ["incongruent" if who in (i, 2) else found[i] for i in range(2)]
    return found[0], found[1]
