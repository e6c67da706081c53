"""Stretches without audio and video: honest ones are kept in sync, absurd ones are cut, and the work stays bounded."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.capture.files.timestamps import MAX_GAP_S
from tests.capture.files.test_media_file import codes, read
from tests.capture.media import Pictures, Sound, make

FAR_S = 1e7


def frames_at(*times_s: float) -> Pictures:
    return Pictures(codec="libx264", times=times_s)


def make_sparse_audio(path: Path, *starts_s: int) -> Path:
    """Half a second of a loud square wave at each of these times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start_s in starts_s:
            samples = np.full((1, 8_000), 8_000, np.int16)
            frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start_s * 16_000, Fraction(1, 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["jump.mkv", "jump.nut"])
def test_frames_far_in_the_future_come_shortly_after_the_others(tmp_path: Path, name: str) -> None:
    recording, heard = read(make(tmp_path / name, frames_at(0.0, 1.0, FAR_S, FAR_S + 1, 2 * FAR_S)))
    times = [0.0, 1.0, 1 + MAX_GAP_S, 2 + MAX_GAP_S, 2 + 2 * MAX_GAP_S]
    assert [frame.time_s for frame in heard.frames] == pytest.approx(times, abs=0.01)
    (notice,) = [notice for notice in recording.notices() if notice.code == "gap_cut"]
    assert notice.time_s == pytest.approx(1.0, abs=0.01)
    assert "9999999 s" in notice.message
    assert recording.duration_s is not None


def test_audio_far_in_the_future_does_not_become_silence_without_end(tmp_path: Path) -> None:
    recording, heard = read(make_sparse_audio(tmp_path / "jump.mkv", 0, int(FAR_S)))
    assert "gap_cut" in codes(recording)
    assert heard.blocks[-1].end_s == pytest.approx(0.5 + MAX_GAP_S + 0.5, abs=0.01)
    assert heard.level(0.6, 0.4 + MAX_GAP_S) == 0
    assert heard.level(0.6 + MAX_GAP_S, 0.9 + MAX_GAP_S) > 0.2
    assert recording.duration_s == pytest.approx(heard.blocks[-1].end_s, abs=0.01)


def test_a_gap_of_both_tracks_is_cut_for_both_alike(tmp_path: Path) -> None:
    later_s = 100_000.0
    sound = Sound("pcm_s16le", 16_000, "mono", parts=((0.0, 1.0), (later_s, later_s + 1)))
    video = frames_at(*(start_s + i / 10 for start_s in (0.0, later_s) for i in range(10)))
    recording, heard = read(make(tmp_path / "a.mkv", video, sound))
    assert "gap_cut" in codes(recording)
    first_after_s = next(frame.time_s for frame in heard.frames if frame.time_s > 5)
    assert 10 < first_after_s < 12
    assert heard.level(5.0, first_after_s - 0.01) == 0
    assert heard.level(first_after_s, first_after_s + 0.1) > 0.3


def test_a_gap_in_one_track_is_kept_as_long_as_the_other_goes_on(tmp_path: Path) -> None:
    later_s = 1000.0
    sound = Sound("pcm_s16le", 16_000, "mono", parts=((0.0, 1.0), (later_s, later_s + 1)))
    recording, heard = read(make(tmp_path / "a.mkv", frames_at(*(5.0 * i for i in range(201))), sound))
    assert codes(recording) == set()
    assert heard.blocks[-1].end_s == pytest.approx(later_s + 1, abs=0.1)
    assert heard.level(later_s + 0.1, later_s + 0.9) > 0.3
    assert heard.frames[-1].time_s == pytest.approx(1000.0, abs=0.01)


def test_slides_and_pauses_of_minutes_keep_their_times(tmp_path: Path) -> None:
    times = (0.0, 60.0, 180.0, 181.0, 400.0)
    recording, heard = read(make(tmp_path / "slides.mkv", frames_at(*times)))
    assert [frame.time_s for frame in heard.frames] == pytest.approx(times, abs=0.01)
    assert "gap_cut" not in codes(recording)


def test_an_interrupted_file_ends_early(tmp_path: Path) -> None:
    with MediaFile(make(tmp_path / "a.mkv", frames_at(*(i / 25 for i in range(200)))), max_fps=100) as recording:
        assert recording.read() is not None
        recording.interrupt()
        assert sum(recording.read() is not None for _ in range(200)) <= 5  # what had been decoded
        assert codes(recording) == {"no_audio"}
