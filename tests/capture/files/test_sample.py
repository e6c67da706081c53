"""The bundled sample is what its README says: small, and with a face and a voice that change their mood."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mmim_live
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.features.face import FACE_NAMES, FaceExtractor
from mmim_live.types import FaceRow
from mmim_live.voice_activity import CHUNK_S, VoiceActivity
from tests.capture.files.test_media_file import Heard, drain

BUNDLED = Path(mmim_live.__file__).parent / "bundled"
PRAISE_S, PAUSE_S, COMPLAINT_S = (1.0, 9.7), (10.3, 10.9), (11.3, 21.0)


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    with MediaFile(BUNDLED / "sample.mp4") as recording:
        assert recording.duration_s == pytest.approx(22.3, abs=0.2)
        assert recording.notices() == ()
        yield drain(recording)


@pytest.fixture(scope="module")
def rows(heard: Heard) -> list[FaceRow]:
    with FaceExtractor(BUNDLED / "face_landmarker.task") as extractor:
        return [row for frame in heard.frames if (row := extractor.push(frame)) is not None]


def part(rows: list[FaceRow], name: str, span_s: tuple[float, float]) -> NDArray[np.float32]:
    column = FACE_NAMES.index(name)
    return np.array([row.values[column] for row in rows if span_s[0] <= row.time_s < span_s[1]])


def test_the_sample_is_small_and_complete(heard: Heard) -> None:
    assert (BUNDLED / "sample.mp4").stat().st_size < 1_000_000
    assert heard.blocks[-1].end_s == pytest.approx(22.3, abs=0.2)
    assert heard.frames[0].image.shape == (384, 384, 3)
    assert len(heard.frames) / 22.3 == pytest.approx(15, abs=0.2)


def test_almost_every_frame_has_a_face(heard: Heard, rows: list[FaceRow]) -> None:
    assert len(rows) >= 0.95 * len(heard.frames)


def test_the_face_smiles_in_praise_and_not_in_complaint(rows: list[FaceRow]) -> None:
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        assert part(rows, name, PRAISE_S).mean() > part(rows, name, COMPLAINT_S).mean() + 0.4


def test_the_mouth_moves_with_the_speech_and_rests_in_the_pause(rows: list[FaceRow]) -> None:
    for span_s in (PRAISE_S, COMPLAINT_S):
        assert part(rows, "jawOpen", span_s).std() > 5 * part(rows, "jawOpen", PAUSE_S).std()
        assert part(rows, "jawOpen", span_s).max() > 0.15


def test_the_face_speaks_twice_with_a_pause_between(heard: Heard) -> None:
    speech = VoiceActivity().push(heard.samples) > 0.5

    def share(start_s: float, end_s: float) -> float:
        return float(speech[round(start_s / CHUNK_S) : round(end_s / CHUNK_S)].mean())

    assert share(*PRAISE_S) > 0.7
    assert share(*COMPLAINT_S) > 0.7
    assert share(*PAUSE_S) == 0
