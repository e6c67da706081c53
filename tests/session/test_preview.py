"""Camera previews."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmim_live import assets
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.features.face import FaceExtractor
from mmim_live.session.preview import PreviewMaker, fit_image
from mmim_live.session_types import Preview
from mmim_live.types import VideoFrame

POINTS = np.array([[0.25, 0.5], [0.5, 0.75]], np.float32)


def refuse() -> NDArray[np.float32]:
    raise AssertionError("no preview is needed")


def test_previews_are_made_only_on_request_and_a_few_per_second() -> None:
    now = [10.0]
    previews = list[Preview]()
    maker = PreviewMaker(previews.append, mirrored=False, now_s=lambda: now[0])
    frame = VideoFrame(1.0, np.zeros((48, 64, 3), np.uint8))
    maker.offer(frame, refuse)
    maker.size = (32, 32)
    for _ in range(30):
        maker.offer(frame, lambda: POINTS)
        now[0] += 1 / 15
    assert len(previews) == 8  # in two seconds
    assert previews[0].image.shape == (24, 32, 3)
    maker.size = None
    maker.offer(frame, refuse)


def test_mirroring_flips_image_and_points() -> None:
    previews = list[Preview]()
    for mirrored in (False, True):
        maker = PreviewMaker(previews.append, mirrored=mirrored)
        maker.size = (4, 4)
        image = np.zeros((4, 4, 3), np.uint8)
        image[2, 1] = 200
        maker.offer(VideoFrame(0.0, image), lambda: POINTS)
    assert previews[0].image[2, 1, 0] == previews[1].image[2, 2, 0] == 200
    assert previews[1].points.tolist() == [[0.75, 0.5], [0.5, 0.75]]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 60), st.integers(1, 60))
def test_the_whole_image_fits(width: int, height: int, columns: int, rows: int) -> None:
    made = fit_image(np.full((height, width, 3), 7, np.uint8), (columns, rows))
    assert made.shape[0] <= rows
    assert made.shape[1] <= columns
    assert made.shape[0] == rows or made.shape[1] == columns
    assert (made == 7).all()


def test_the_outline_lies_on_the_face_of_the_sample() -> None:
    landmarker = assets.obtain(assets.FACE_LANDMARKER.name).folder / "face_landmarker.task"
    with FaceExtractor(landmarker) as extractor, MediaFile(Path(assets.BUNDLED_FOLDER / "sample.mp4")) as sample:
        assert extractor.outline().shape == (0, 2)
        frame = next(item for item in iter(sample.read, None) if isinstance(item, VideoFrame))
        assert extractor.push(frame) is not None
        outline = extractor.outline()
        assert len(outline) > 100
        assert ((outline > 0) & (outline < 1)).all()
        assert extractor.push(VideoFrame(frame.time_s + 1, np.zeros_like(frame.image))) is None
        assert extractor.outline().shape == (0, 2)
