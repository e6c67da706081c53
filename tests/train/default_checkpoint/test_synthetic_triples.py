"""Synthetic triples: they follow from the seed, voices and faces stay voices and faces, congruence is what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from mmim_live.features.face import FACE_NAMES
from mmim_live.features.voice import MEL_BINS, VOICE_NAMES
from mmim_train.default_checkpoint.emotion.crossfit import LogitsByEmotion
from mmim_train.default_checkpoint.emotion.sequences import face_sequence, voice_sequence
from mmim_train.default_checkpoint.emotion.valence import SENTIMENT, Emotion
from mmim_train.default_checkpoint.fusion.precomputed_encoders import SentenceTable
from mmim_train.default_checkpoint.fusion.synthetic_triples import (
    Congruence,
    EveryCoalition,
    SyntheticTriples,
    TripleConfig,
    draw_emotion,
)

EMOTIONS: tuple[Emotion, ...] = tuple(sorted(SENTIMENT))
VOICE, FACE = len(VOICE_NAMES), len(FACE_NAMES)


def readings(seed: int) -> LogitsByEmotion:
    draw = np.random.default_rng(seed)
    return {emotion: draw.normal(size=(20, len(EMOTIONS))).astype(np.float32) for emotion in EMOTIONS}


def composed(**shares: float) -> SyntheticTriples:
    ratings: NDArray[np.float32] = np.linspace(-3, 3, 60, dtype=np.float32)
    config = TripleConfig(**({"without_text": 0.0, "text_only": 0.0} | shares))
    return SyntheticTriples(
        voices=readings(0),
        faces=readings(1),
        ratings=ratings,
        text_only_scores=np.float32(0.5) * ratings,
        sentences=np.tile(np.arange(60), 40),
        config=config,
        seed=3,
    )


@pytest.fixture(scope="module")
def examples() -> SyntheticTriples:
    return composed()


def test_a_triple_depends_on_seed_round_and_number_alone(examples: SyntheticTriples) -> None:
    one, other = examples.batch([5, 6, 7]), examples.batch([7, 5])
    assert torch.equal(one.voice[2], other.voice[0])
    assert torch.equal(one.face[0], other.face[1])
    examples.resample(1)
    assert not torch.equal(examples.batch([5]).face, one.face[:1])
    examples.start_epoch(0)
    assert torch.equal(examples.batch([5]).face, one.face[:1])


def test_targets_are_the_ratings_of_the_sentences_shown(examples: SyntheticTriples) -> None:
    batch, targets = examples.batch([0, 59, 60]), examples.targets([0, 59, 60])
    assert batch.token_ids[:, 0].tolist() == [0, 59, 0]
    assert targets[:, 0].tolist() == pytest.approx([-3, 3, -3])
    moved = examples.with_sentence_offset(100)
    assert moved.batch([59]).token_ids.tolist() == [[159]]
    assert moved.targets([59]).tolist() == [[3.0]]
    assert torch.equal(moved.batch([59]).face, examples.batch([59]).face)


def test_congruence_has_the_shares_of_the_settings(examples: SyntheticTriples) -> None:
    congruence = np.array([examples.spec(index).congruence for index in range(len(examples))])
    config = TripleConfig()
    for column in range(2):
        share = {
            kind: float((congruence[:, column] == kind).mean()) for kind in ("congruent", "independent", "incongruent")
        }
        assert share["incongruent"] == pytest.approx(config.incongruent * 2 / 3, abs=0.02)
        assert share["independent"] == pytest.approx(config.independent * (1 - config.incongruent * 2 / 3), abs=0.03)


def test_without_text_the_rating_is_what_is_shown() -> None:
    wordless = composed(without_text=1)
    present = wordless.batch(range(60)).present
    assert not present[:, 0].any()
    assert {tuple(row) for row in present[:, 1:].tolist()} == {(True, False), (False, True), (True, True)}
    alone = present[:, 1:].sum(dim=1) == 1
    values = torch.tensor(sorted(SENTIMENT.values()))
    targets = wordless.targets(range(60))[alone]
    assert ((targets - values).abs().min(dim=1).values < 1e-5).all()


def test_text_alone_is_rated_as_the_text_encoder_scores_it() -> None:
    text_only = composed(text_only=1)
    assert text_only.batch(range(60)).present.tolist() == [[True, False, False]] * 60
    assert text_only.targets([0, 59])[:, 0].tolist() == pytest.approx([-1.5, 1.5])


def test_every_coalition_has_the_same_triples(examples: SyntheticTriples) -> None:
    every = EveryCoalition(examples)
    assert len(every) == 7 * len(examples)
    batch = every.batch(range(14))
    assert len({tuple(row) for row in batch.present[:7].tolist()}) == 7
    assert batch.present.any(dim=1).all()
    assert torch.equal(batch.voice[:7], examples.batch([0]).voice.expand(7, -1, -1))
    assert torch.equal(every.targets(range(14)), examples.targets([0, 1]).repeat_interleave(7, dim=0))


@given(rating=st.floats(-3, 3), seed=st.integers(0, 999))
def test_incongruent_is_far_from_the_rating(rating: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    emotion = draw_emotion(EMOTIONS, rating, "incongruent", 0.8, draw)
    farthest = max(abs(value - rating) for value in SENTIMENT.values())
    assert abs(SENTIMENT[emotion] - rating) >= min(2.0, farthest)


def test_congruent_follows_the_rating() -> None:
    draw = np.random.default_rng(0)

    def mean(rating: float, congruence: Congruence) -> float:
        return float(np.mean([SENTIMENT[draw_emotion(EMOTIONS, rating, congruence, 0.8, draw)] for _ in range(300)]))

    assert mean(2.5, "congruent") > 1.5
    assert mean(-2.5, "congruent") < -1.5
    assert abs(mean(0.0, "congruent")) < 0.5
    assert abs(mean(2.5, "independent") - mean(-2.5, "independent")) < 0.5


@given(seed=st.integers(0, 999), seconds=st.floats(1.0, 6.0))
def test_a_synthetic_face_sequence_is_a_face(seed: int, seconds: float) -> None:
    draw = np.random.default_rng(seed)
    stills = draw.uniform(0, 1, (2, FACE)).astype(np.float32)
    rows = face_sequence(stills, stills[::-1], None, seconds, draw)
    blendshapes = rows[:, : FACE_NAMES.index("yaw_rad")]
    assert rows.shape[1] == FACE
    assert 8 <= len(rows) <= seconds * 15 + 1
    assert np.isfinite(rows).all()
    assert blendshapes.min() >= 0
    assert blendshapes.max() <= 1
    shares = np.exp(rows[:, FACE_NAMES.index("expression_neutral") :])
    assert shares.max() <= 1.001
    assert np.allclose(shares.sum(axis=1), 1, atol=0.01)


@given(seed=st.integers(0, 999))
def test_another_microphone_keeps_the_voice(seed: int) -> None:
    draw = np.random.default_rng(seed)
    take = draw.normal(size=(50, VOICE)).astype(np.float32)
    take[:, :MEL_BINS] -= take[:, :MEL_BINS].mean(axis=1, keepdims=True)
    take[::2, VOICE_NAMES.index("pitch_octaves")] = 0
    before = take.copy()
    rows = voice_sequence([take, take], draw)
    assert np.array_equal(take, before)
    assert np.abs(rows[:, :MEL_BINS].mean(axis=1)).max() < 1e-4  # still relative to its own mean
    assert (rows[:, VOICE_NAMES.index("pitch_octaves")] == 0).any()  # unvoiced stays unvoiced


def test_the_table_reads_sentences_by_number() -> None:
    readings = torch.arange(24.0).reshape(4, 3, 2)
    table = SentenceTable(readings, nn.Parameter(torch.full((2,), -1.0)))
    ids, mask = torch.tensor([[3], [1], [0]]), torch.tensor([[True], [True], [False]])
    table.eval()
    assert table(ids, mask).tolist() == [readings[3, 0].tolist(), readings[1, 0].tolist(), [-1.0, -1.0]]
    table.train()
    drawn = {tuple(table(ids, mask)[0].tolist()) for _ in range(50)}
    assert drawn == {tuple(readings[3, variant].tolist()) for variant in (1, 2)}
