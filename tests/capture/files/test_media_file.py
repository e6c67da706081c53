"""Recordings of every kind, real and made on the spot: one clock, upright pictures, sound without gaps."""

import gc
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.capture.source import Source
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame
from tests.capture.media import Pictures, Sound, make

H264 = Pictures(codec="libx264")


@dataclass
class Heard:
    """All that a source gave, with what holds for every source checked on the way."""

    frames: list[VideoFrame] = field(default_factory=list)
    blocks: list[AudioBlock] = field(default_factory=list)

    @property
    def samples(self) -> NDArray[np.float32]:
        return np.concatenate([block.samples for block in self.blocks]) if self.blocks else np.zeros(0, np.float32)

    def level(self, start_s: float, end_s: float) -> float:
        return float(np.abs(self.samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]).max())

    def pitch_hz(self) -> float:
        spectrum = np.abs(np.fft.rfft(self.samples))
        return float(spectrum.argmax() * SAMPLE_RATE_HZ / len(self.samples))


def drain(source: Source) -> Heard:
    heard, count, known_s = Heard(), 0, 0.0
    while (item := source.read()) is not None:
        if isinstance(item, AudioBlock):
            assert item.samples.dtype == np.float32
            assert item.start_s == count / SAMPLE_RATE_HZ
            count += len(item.samples)
            moment_s = item.end_s
            heard.blocks.append(item)
        else:
            assert item.image.dtype == np.uint8
            assert item.image.ndim == 3
            assert item.image.shape[2] == 3
            assert item.image.flags["C_CONTIGUOUS"]
            moment_s = item.time_s
            heard.frames.append(item)
        assert moment_s >= known_s  # in the order in which a device would have given them
        known_s = moment_s
    times = [frame.time_s for frame in heard.frames]
    assert all(time_s >= 0 for time_s in times)
    assert all(a < b for a, b in itertools.pairwise(times))
    slots = [int((time_s + 0.001) * 15) for time_s in times]
    assert len(set(slots)) == len(slots)
    assert all(len(block.samples) == 1600 for block in heard.blocks[:-1])
    assert source.read() is None
    return heard


def read(path: Path, **options: Any) -> tuple[MediaFile, Heard]:
    with MediaFile(path, **options) as recording:
        return recording, drain(recording)


def codes(recording: MediaFile) -> set[str]:
    return {notice.code for notice in recording.notices()}


def colours(image: NDArray[np.uint8]) -> list[str]:
    """Of the corners: upper left, upper right, lower left, lower right."""
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    h, w = image.shape[0] // 4, image.shape[1] // 4
    return [names[tuple((image[y, x] > 128).astype(int))] for y in (h, -h - 1) for x in (w, -w - 1)]


# ---- real clips ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_real_clip_is_read_to_its_end(shared_data: Path) -> None:
    clips = sorted((shared_data / "clips").iterdir())
    assert clips
    for clip in clips:
        recording, heard = read(clip)
        assert recording.skipped_packets == 0
        assert recording.duration_s is not None
        ends = [block.end_s for block in heard.blocks[-1:]] + [frame.time_s for frame in heard.frames[-1:]]
        assert abs(max(ends) - recording.duration_s) < 0.1
        assert recording.has_audio == bool(heard.blocks)
        assert recording.has_video == bool(heard.frames)
        if heard.frames:
            assert max(max(frame.image.shape) for frame in heard.frames) <= 640
            assert len(heard.frames) / recording.duration_s == pytest.approx(15, rel=0.02)


def test_reading_a_clip_twice_gives_the_same(shared_data: Path) -> None:
    clip = shared_data / "clips" / "grid_bbaf2n.mpg"
    (_, first), (_, second) = read(clip), read(clip)
    np.testing.assert_array_equal(first.samples, second.samples)
    for a, b in zip(first.frames, second.frames, strict=True):
        assert a.time_s == b.time_s
        np.testing.assert_array_equal(a.image, b.image)


def test_turning_one_track_off_does_not_change_the_other(shared_data: Path) -> None:
    clip = shared_data / "clips" / "mosi_Sqr0AcuoNnk_12.mp4"
    _, both = read(clip)
    recording, sound = read(clip, video=False)
    assert not recording.has_video
    assert "no_video" not in codes(recording)
    np.testing.assert_array_equal(sound.samples, both.samples)
    _, pictures = read(clip, audio=False)
    assert [frame.time_s for frame in pictures.frames] == [frame.time_s for frame in both.frames]


# ---- containers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pictures", "sound"),
    [
        ("a.mp4", "libx264", "aac"),
        ("a.mov", "libx264", "aac"),
        ("a.mkv", "libx264", "flac"),
        ("a.webm", "libvpx-vp9", "libopus"),
        ("a.avi", "mpeg4", "mp3"),
        ("a.mpg", "mpeg1video", "mp2"),
        ("a.ts", "libx264", "aac"),
        ("a.wav", None, "pcm_s16le"),
        ("a.flac", None, "flac"),
        ("a.mp3", None, "mp3"),
    ],
)
def test_every_container_is_read(tmp_path: Path, name: str, pictures: str | None, sound: str) -> None:
    media = ([] if pictures is None else [Pictures(codec=pictures)]) + [Sound(codec=sound)]
    recording, heard = read(make(tmp_path / name, *media))
    assert recording.name == name
    assert recording.duration_s == pytest.approx(2.0, abs=0.06)
    assert heard.samples.size / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.06)
    assert heard.pitch_hz() == pytest.approx(440, abs=1)
    assert heard.level(0.1, 1.9) == pytest.approx(0.5, abs=0.05)
    assert len(heard.frames) == (0 if pictures is None else pytest.approx(30, abs=1))
    assert codes(recording) == (set() if pictures else {"no_video"})
    for frame in heard.frames:
        assert colours(frame.image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_badly_interleaved_file_is_read_in_order(tmp_path: Path, name: str) -> None:
    """`drain` checks the order; here, that the file itself is badly interleaved."""
    path = make(tmp_path / name, H264, Sound(), options={"max_interleave_delta": "1"}, interleaved=False)
    with av.open(str(path)) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert set(kinds[:25]) == {"video"}  # a second of pictures before the first sound
    _, heard = read(path)
    assert len(heard.frames) == 30
    assert len(heard.blocks) == 20


def test_frames_do_not_accumulate_in_memory(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Pictures(codec="libx264", rotation=(90,)), Sound())

    def pictures() -> int:
        return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())  # isinstance asks some objects to warn

    gc.collect()
    gc.disable()
    before = pictures()  # other tests may still hold some
    try:
        with MediaFile(path) as recording:
            while recording.read() is not None:
                pass
            assert pictures() <= before + 2
    finally:
        gc.enable()


# ---- sound -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_every_rate_and_layout_becomes_16_khz_mono(tmp_path: Path, rate: int, layout: str) -> None:
    _, heard = read(make(tmp_path / "a.wav", Sound("pcm_s16le", rate, layout)))
    assert heard.pitch_hz() == pytest.approx(440, abs=1)
    assert heard.samples.size / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=1024 / rate + 0.001)
    assert heard.level(0.1, 1.8) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.mov"])
def test_audio_that_starts_late_is_preceded_by_silence(tmp_path: Path, name: str) -> None:
    _, heard = read(make(tmp_path / name, H264, Sound(parts=((1.5, 3.0),))))
    assert heard.level(0.0, 1.45) == 0
    assert heard.level(1.55, 2.9) > 0.4
    assert heard.frames[0].time_s == 0


def test_video_that_starts_late_does_not_delay_the_audio(tmp_path: Path) -> None:
    late = Pictures(codec="libx264", times=tuple(1 + i / 25 for i in range(25)))
    _, heard = read(make(tmp_path / "a.mkv", late, Sound()))
    assert heard.level(0.05, 0.2) > 0.4
    assert heard.frames[0].time_s == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("name", ["gap.mkv", "gap.mp4"])
def test_a_gap_in_the_audio_is_filled_with_silence(tmp_path: Path, name: str) -> None:
    _, heard = read(make(tmp_path / name, H264, Sound(parts=((0.0, 0.5), (1.2, 2.0)))))
    assert heard.level(0.1, 0.4) > 0.4
    assert heard.level(0.65, 1.1) < 0.01
    assert heard.level(1.3, 1.9) > 0.4
    assert heard.samples.size / SAMPLE_RATE_HZ == pytest.approx(2.0, abs=0.06)


def test_two_recordings_joined_end_to_end_are_both_read(tmp_path: Path) -> None:
    part = make(tmp_path / "part.mpg", Pictures(codec="mpeg1video"), Sound(codec="mp2")).read_bytes()
    (tmp_path / "joined.mpg").write_bytes(part + part)
    _, heard = read(tmp_path / "joined.mpg")
    assert heard.samples.size / SAMPLE_RATE_HZ == pytest.approx(4.0, abs=0.2)
    assert len(heard.frames) == pytest.approx(60, abs=3)
    assert heard.frames[-1].time_s == pytest.approx(4.0, abs=0.2)


# ---- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rotation", "corners"),
    [
        ((0,), ["red", "green", "blue", "white"]),
        ((90,), ["green", "white", "red", "blue"]),  # counter-clockwise
        ((180,), ["white", "blue", "green", "red"]),
        ((-90,), ["blue", "red", "white", "green"]),
        ((0, True), ["green", "red", "white", "blue"]),
        ((0, False, True), ["blue", "white", "red", "green"]),
    ],
)
def test_frames_are_rotated_upright(tmp_path: Path, rotation: tuple[float, ...], corners: list[str]) -> None:
    _, heard = read(make(tmp_path / "a.mp4", Pictures(codec="libx264", rotation=rotation)))
    assert heard.frames[0].image.shape == ((64, 48, 3) if rotation[0] in (90, -90) else (48, 64, 3))
    assert colours(heard.frames[0].image) == corners


def test_a_variable_frame_rate_keeps_its_timestamps(tmp_path: Path) -> None:
    times = (0.0, 0.02, 0.5, 0.51, 0.52, 0.9, 2.0, 2.1)
    _, heard = read(make(tmp_path / "a.mkv", Pictures(codec="libx264", times=times)))
    assert [frame.time_s for frame in heard.frames] == pytest.approx([0.0, 0.5, 0.9, 2.0, 2.1], abs=0.002)


def test_large_frames_are_scaled_down_in_proportion(tmp_path: Path) -> None:
    large = Pictures(codec="libx264", width=1282, height=722, times=(0.0, 0.1))
    _, heard = read(make(tmp_path / "a.mp4", large))
    assert heard.frames[0].image.shape == (360, 640, 3)
    assert colours(heard.frames[0].image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "width", "height"),
    [
        ("ffv1", "yuv420p", 63, 47),
        ("ffv1", "yuv420p10le", 64, 48),
        ("libx265", "yuv420p10le", 64, 48),
        ("png", "rgba", 33, 21),
        ("png", "rgb24", 1, 1),
        ("ffv1", "yuva420p", 64, 48),
        ("qtrle", "argb", 64, 48),
        ("libx264", "yuvj420p", 64, 48),
    ],
)
def test_unusual_formats_and_sizes_are_converted(
    tmp_path: Path, codec: str, pix_fmt: str, width: int, height: int
) -> None:
    media = Pictures(codec, width, height, pix_fmt, times=(0.0, 0.1, 0.2), options=(("x265-params", "log-level=0"),))
    _, heard = read(make(tmp_path / ("a.mov" if codec in ("qtrle", "png") else "a.mkv"), media))
    assert len(heard.frames) == 3
    assert heard.frames[0].image.shape == (height, width, 3)
    if width > 1:
        assert colours(heard.frames[0].image) == ["red", "green", "blue", "white"]


def test_gray_frames_become_rgb(tmp_path: Path) -> None:
    _, heard = read(make(tmp_path / "a.mkv", Pictures("ffv1", pix_fmt="gray", times=(0.0, 0.1))))
    image = heard.frames[0].image.astype(int)
    assert np.abs(image - image[..., :1]).max() <= 1
    assert image.max() > 240


# ---- tracks ------------------------------------------------------------------------------------------------------


def test_a_missing_track_is_noted(tmp_path: Path) -> None:
    recording, heard = read(make(tmp_path / "silent.mp4", H264))
    assert (recording.has_audio, recording.has_video) == (False, True)
    assert codes(recording) == {"no_audio"}
    assert not heard.blocks
    recording, heard = read(make(tmp_path / "blind.mp4", Sound()))
    assert (recording.has_audio, recording.has_video) == (True, False)
    assert codes(recording) == {"no_video"}
    assert not heard.frames


def test_the_default_of_two_audio_tracks_is_used(tmp_path: Path) -> None:
    low, high = Sound(hz=300, layout="mono"), Sound(hz=900, layout="mono", default=True)
    recording, heard = read(make(tmp_path / "a.mkv", H264, low, high))
    assert heard.pitch_hz() == pytest.approx(900, abs=2)
    assert codes(recording) == {"several_audio_tracks"}
    assert "track 2" in recording.notices()[0].message


def test_one_of_two_video_tracks_is_used(tmp_path: Path) -> None:
    recording, heard = read(make(tmp_path / "a.mkv", H264, Pictures(codec="libx264", width=32, height=32)))
    assert codes(recording) == {"several_video_tracks", "no_audio"}
    assert len({frame.image.shape for frame in heard.frames}) == 1


def test_cover_art_is_not_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    cover = Pictures("png", pix_fmt="rgb24", times=(0.0,))
    make(path, cover, Sound(), attached=True)
    recording, heard = read(path)
    assert not recording.has_video
    assert codes(recording) == {"no_video"}
    assert not heard.frames
