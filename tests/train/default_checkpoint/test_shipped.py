"""The checkpoint that ships, on real words and real faces: what anybody would expect of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mmim_live import assets
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.features.contract import CONTRACT
from mmim_live.features.face import FaceExtractor
from mmim_live.model.checkpoint import Checkpoint, load_checkpoint
from mmim_live.model.predictor import Predictor
from mmim_live.types import FaceRow, Prediction, VideoFrame, Window, Word
from mmim_train.default_checkpoint.emotion.sequences import still_sequence
from mmim_train.default_checkpoint.emotion.stills import StillReader, read_ckplus
from mmim_train.default_checkpoint.text.sentences import read_sentences


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(assets.checkpoint_folder("minilm-en"), CONTRACT)


@pytest.fixture(scope="module")
def predictor(checkpoint: Checkpoint) -> Predictor:
    return Predictor(checkpoint, torch.device("cpu"))


@pytest.fixture(scope="module")
def landmarker() -> Path:
    return assets.obtain("face-landmarker").folder / "face_landmarker.task"


def read(predictor: Predictor, text: str = "", face: Sequence[FaceRow] = ()) -> Prediction:
    words = tuple(
        Word(word, 0.2 * i, 0.2 * i + 0.1, 1.0, "committed", 6.0, "en") for i, word in enumerate(text.split())
    )
    return predictor.predict([Window(0.0, 6.0, "rolling", "committed", 0, words, (), tuple(face))])[0]


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("I love this movie, it is wonderful", 1),
        ("one of my favorite actors ever", 1),
        ("this is the worst thing I have ever seen", -1),
        ("I was so bored and the acting is terrible", -1),
    ],
)
def test_praise_is_positive_and_complaint_negative(predictor: Predictor, text: str, sign: int) -> None:
    made = read(predictor, text)
    assert made.score is not None
    assert sign * made.score > 0.5


def test_the_card_tells_the_truth_about_words(predictor: Predictor, shared_data: Path) -> None:
    sentences = [s for s in read_sentences(shared_data) if s.part == "valid"]
    scores = [read(predictor, s.text).score for s in sentences]
    errors = [abs(s.score - score) for s, score in zip(sentences, scores, strict=True) if score is not None]
    assert len(errors) == 229
    assert np.mean(errors) == pytest.approx(predictor.config.metrics["words"]["mae"], abs=0.01)


@pytest.fixture(scope="module")
def smiles(landmarker: Path, shared_data: Path) -> list[list[FaceRow]]:
    found: list[list[FaceRow]] = []
    with FaceExtractor(landmarker) as extractor:
        reader = StillReader(extractor.push)
        for still in read_ckplus(shared_data / "faces" / "ckplus_train.npz"):
            if (still.emotion, still.part) == ("happy", "valid") and len(found) < 5:
                rows = still_sequence(np.stack([row.values for p in still.pictures for row in reader.read(p)]))
                found.append([FaceRow(i / 15, row) for i, row in enumerate(rows)])
    return found


def test_a_smile_without_words_is_positive(predictor: Predictor, smiles: list[list[FaceRow]]) -> None:
    scores = [score for face in smiles if (score := read(predictor, face=face).score) is not None]
    assert len(scores) >= 4
    assert min(scores) > 0


def test_a_smile_goes_with_praise_better_than_with_a_complaint(
    predictor: Predictor, smiles: list[list[FaceRow]]
) -> None:
    for face in smiles:
        praised, complained = (
            read(predictor, text, face).agreement.face
            for text in ("this film is wonderful and i loved it", "this is the worst film i have ever seen")
        )
        assert praised is not None
        assert complained is not None
        assert praised > complained + 0.2


def test_a_silent_face_is_negative_or_unsure_until_it_smiles(
    predictor: Predictor, landmarker: Path, shared_data: Path
) -> None:
    """A woman who looks down and worries for ten seconds, then beams; she says nothing."""
    recording = MediaFile(shared_data / "clips" / "pyfeat_silent_face.mp4", audio=False)
    try:
        with FaceExtractor(landmarker) as extractor:
            frames = [item for item in iter(recording.read, None) if isinstance(item, VideoFrame)]
            found = [extractor.push(frame) for frame in frames[::2]]
    finally:
        recording.close()
    rows = [row for row in found if row is not None]
    worried = [read(predictor, face=[row for row in rows if at <= row.time_s < at + 4]) for at in (0, 2, 4)]
    for made in worried:
        assert made.present.face
        if made.score is not None:
            assert made.low is not None
            assert made.high is not None
            assert made.score < 0.5
            assert made.low < 0 < made.high
    beaming = [read(predictor, face=[row for row in rows if at <= row.time_s < at + 4]) for at in (11, 14)]
    assert all(made.score is not None and made.score > 0.5 for made in beaming)


def test_nothing_at_all_abstains(predictor: Predictor) -> None:
    assert read(predictor) == Prediction(score=None)
