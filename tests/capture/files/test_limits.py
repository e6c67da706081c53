"""Headers that state absurd values are rejected by name, in one line; unusual but honest ones are read."""

import struct
from pathlib import Path

import pytest

from mmim_live.capture.files.media_file import MediaFile
from tests.capture.files.test_bad_media_files import rejection
from tests.capture.files.test_media_file import drain
from tests.capture.media import Pictures, make


def write_wav(path: Path, rate_hz: int, channels: int, frames: int) -> Path:
    """16-bit silence; `wave` would refuse the header."""
    frame_bytes = 2 * channels
    layout = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame_bytes % 2**32, frame_bytes, 16)
    data = bytes(frames * frame_bytes)
    chunks = b"WAVEfmt " + struct.pack("<I", len(layout)) + layout + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return path


def write_y4m(path: Path, width: int, height: int, rate: str, frames: int) -> Path:
    header = f"YUV4MPEG2 W{width} H{height} F{rate} C420jpeg\n".encode()
    path.write_bytes(header + frames * (b"FRAME\n" + bytes(width * height * 3 // 2)))
    return path


@pytest.mark.parametrize("rate_hz", [1, 100, 3_999, 1_000_000])
def test_an_absurd_sample_rate_is_rejected(tmp_path: Path, rate_hz: int) -> None:
    assert f"a sample rate of {rate_hz} Hz" in rejection(write_wav(tmp_path / "a.wav", rate_hz, 1, 10_000))


@pytest.mark.parametrize("channels", [9, 63, 65, 255])
def test_channels_without_a_layout_are_rejected(tmp_path: Path, channels: int) -> None:
    assert f"{channels} audio channels" in rejection(write_wav(tmp_path / "a.wav", 16_000, channels, 10_000))


@pytest.mark.parametrize(("rate_hz", "channels"), [(4_000, 1), (192_000, 2), (768_000, 1), (48_000, 8), (48_000, 16)])
def test_unusual_but_honest_audio_is_read(tmp_path: Path, rate_hz: int, channels: int) -> None:
    with MediaFile(write_wav(tmp_path / "a.wav", rate_hz, channels, rate_hz // 2)) as recording:
        assert drain(recording).blocks[-1].end_s == pytest.approx(0.5, abs=0.01)


def test_frames_of_an_absurd_size_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W12000 H12000 F25:1 C420jpeg\nFRAME\n" + bytes(1000))
    assert "12000 x 12000 pixels" in rejection(path)


def test_a_frame_that_is_larger_than_the_header_states_is_not_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mov", Pictures("png", 64, 48, "rgb24", times=(0.0, 0.1, 0.2)))
    whole = path.read_bytes()
    size = struct.pack(">II", 64, 48)
    at = whole.index(b"IHDR" + size, whole.index(b"IHDR" + size) + 1) + 4
    path.write_bytes(whole[:at] + struct.pack(">II", 9000, 9000) + whole[at + 8 :])
    with MediaFile(path) as recording:
        assert {frame.image.shape for frame in drain(recording).frames} == {(48, 64, 3)}
        assert recording.skipped_packets == 1


@pytest.mark.parametrize("rate", ["1:1000000", "1000000:1"])
def test_an_absurd_frame_rate_does_not_stretch_the_media(tmp_path: Path, rate: str) -> None:
    with MediaFile(write_y4m(tmp_path / "a.y4m", 16, 16, rate, 20)) as recording:
        assert drain(recording).frames[-1].time_s <= 600 + 20 * 10
