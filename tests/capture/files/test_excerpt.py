"""A stretch of a recording is what the whole recording has there."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mmim_live import assets
from mmim_live.capture.files.excerpt import Excerpt
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import MediaError
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

SAMPLE = assets.BUNDLED_FOLDER / "sample.mp4"


def read(path: Path, excerpt: Excerpt) -> tuple[np.ndarray, list[VideoFrame], float | None]:
    """All audio, all frames at the rate of the file, and the stated duration. Blocks are contiguous from 0 on."""
    blocks: list[AudioBlock] = []
    frames: list[VideoFrame] = []
    with MediaFile(path, max_fps=math.inf, excerpt=excerpt) as media:
        duration_s = media.duration_s
        while (item := media.read()) is not None:
            (blocks if isinstance(item, AudioBlock) else frames).append(item)  # type: ignore[arg-type]
    ends = [0.0, *(block.end_s for block in blocks)]
    assert [block.start_s for block in blocks] == pytest.approx(ends[:-1])
    audio = np.concatenate([block.samples for block in blocks]) if blocks else np.zeros(0, np.float32)
    return audio, frames, duration_s


@pytest.mark.parametrize(
    "name", ["sample.mp4", "jfk.flac", "grid_bbaf2n.mpg", "moud_101_movies.mp4", "pyfeat_noface_face.mov"]
)
@pytest.mark.parametrize(("start_s", "length_s"), [(0.0, 1.25), (0.7, 1.5), (1.33, math.inf)])
def test_it_is_what_the_whole_has_there(name: str, start_s: float, length_s: float, shared_data: Path) -> None:
    path = SAMPLE if name == SAMPLE.name else shared_data / "clips" / name
    whole_audio, whole_frames, whole_s = read(path, Excerpt())
    audio, frames, duration_s = read(path, Excerpt(start_s, start_s + length_s))
    first = round(start_s * SAMPLE_RATE_HZ)
    expected = whole_audio[first : None if math.isinf(length_s) else first + round(length_s * SAMPLE_RATE_HZ)]
    assert abs(len(audio) - len(expected)) <= 1
    count = min(len(audio), len(expected))
    np.testing.assert_allclose(audio[:count], expected[:count], atol=2e-3)
    assert whole_s is not None
    assert duration_s == pytest.approx(min(whole_s - start_s, length_s))
    inside = [frame for frame in whole_frames if start_s - 0.001 <= frame.time_s < start_s + length_s]
    assert [frame.time_s for frame in frames] == pytest.approx([max(frame.time_s - start_s, 0.0) for frame in inside])
    assert all(np.array_equal(frame.image, other.image) for frame, other in zip(frames, inside, strict=True))


def test_what_begins_after_the_end_says_so() -> None:
    with pytest.raises(MediaError, match=r"sample\.mp4: has only 22\.3 s, so nothing from 60 s on"):
        MediaFile(SAMPLE, excerpt=Excerpt(60.0))


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-1.0, 5.0), (5.0, 5.0), (5.0, 1.0), (math.nan, 1.0), (math.inf, math.inf), (0.0, math.nan)]
)
def test_an_excerpt_has_a_length(start_s: float, end_s: float) -> None:
    with pytest.raises(ValueError, match="it"):
        Excerpt(start_s, end_s)
