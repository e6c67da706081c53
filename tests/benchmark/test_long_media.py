"""Recordings that are repeated without being encoded again."""

import itertools
from pathlib import Path

import pytest

from mmim_live.benchmark.long_media import repeated
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.types import AudioBlock, VideoFrame
from tests.capture.media import Pictures, Sound, make


@pytest.mark.parametrize("tracks", [(Sound(), Pictures()), (Sound(codec="flac"),), (Pictures(),)])
def test_the_media_follow_each_other_without_a_gap(tracks: tuple[Sound | Pictures, ...], tmp_path: Path):
    once = make(tmp_path / "once.mkv", *tracks)
    (tmp_path / "long").mkdir()
    long = repeated(once, 9.0, tmp_path / "long")
    with MediaFile(long) as source:
        items = list(iter(source.read, None))
        notices = source.notices()
    frames_s = [item.time_s for item in items if isinstance(item, VideoFrame)]
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    assert {notice.code for notice in notices} <= {"no_audio", "no_video"}
    if frames_s:
        assert frames_s[-1] >= 9.0 - 0.1
        assert max(later - earlier for earlier, later in itertools.pairwise(frames_s)) < 0.2
    if blocks:
        assert blocks[-1].end_s >= 9.0 - 0.2
