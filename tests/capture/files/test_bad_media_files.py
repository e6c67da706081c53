"""The constructor rejects what cannot be read, in one line; what can be read in part is read."""

import os
import random
import wave
from pathlib import Path
from typing import Any

import pytest

from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import MediaError
from tests.capture.files.test_media_file import codes, drain
from tests.capture.media import Pictures, Sound, atoms, make

H264 = Pictures(codec="libx264")
FASTSTART = {"movflags": "faststart"}


def rejection(path: Path, **options: Any) -> str:
    with pytest.raises(MediaError) as caught:
        MediaFile(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(" ".join(str(path).splitlines()) + ":")
    return message


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    assert "no such file" in rejection(tmp_path / "none.mp4")
    assert "no such file" in rejection(tmp_path / "two\nlines.mp4")
    assert "check the name" in rejection(tmp_path / ("long" * 100))


def test_a_folder_or_pipe_is_rejected(tmp_path: Path) -> None:
    assert "is a folder" in rejection(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in rejection(tmp_path / "pipe")


def test_an_empty_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in rejection(tmp_path / "empty.mp4")


def test_a_file_without_read_permission_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.wav", Sound("pcm_s16le"))
    path.chmod(0)
    if os.geteuid() == 0:  # who may read everything
        monkeypatch.setattr(os, "access", lambda *_: False)
    assert "permission denied" in rejection(path)


@pytest.mark.parametrize("name", ["notes.mp4", "notes.txt", "notes.wav"])
def test_a_text_file_is_rejected_whatever_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Buy milk.\nCall the plumber.\n" * 50)
    assert "is not a readable recording" in rejection(tmp_path / name)


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\na.wav\n", "ffconcat version 1.0\nfile a.wav\n"])
def test_playlists_are_not_followed(tmp_path: Path, text: str) -> None:
    make(tmp_path / "a.wav", Sound("pcm_s16le"))
    (tmp_path / "list.m3u8").write_text(text)
    assert "is not a readable recording" in rejection(tmp_path / "list.m3u8")


@pytest.mark.parametrize("name", ["talk.srt", "noise.mp4", "noise.mkv"])
def test_subtitles_and_random_bytes_are_rejected(tmp_path: Path, name: str) -> None:
    noise = random.Random(0).randbytes(100_000)
    (tmp_path / name).write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\nHello\n" if name == "talk.srt" else noise)
    rejection(tmp_path / name)


def test_a_container_without_tracks_is_rejected(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4", H264).read_bytes()
    start, end = next((start, end) for name, start, end in atoms(whole) if name == b"moov")
    inner = atoms(whole[start + 8 : end])
    header = b"".join(whole[start + 8 + a : start + 8 + b] for name, a, b in inner if name == b"mvhd")
    moov = (len(header) + 8).to_bytes(4, "big") + b"moov" + header
    (tmp_path / "bare.mp4").write_bytes(whole[:start] + moov)
    assert "neither audio nor video" in rejection(tmp_path / "bare.mp4")


def test_audio_of_zero_length_is_rejected(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    assert "empty (0 s)" in rejection(tmp_path / "a.wav")


def test_a_file_whose_only_track_is_turned_off_is_rejected(tmp_path: Path) -> None:
    assert "turned off" in rejection(make(tmp_path / "a.wav", Sound("pcm_s16le")), audio=False)
    assert "turned off" in rejection(make(tmp_path / "a.mp4", H264), video=False)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_truncated_file_with_its_index_at_the_end_is_rejected(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, H264, Sound())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "index" in rejection(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_a_truncated_file_with_its_index_first_is_rejected(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, H264, Sound(), options=FASTSTART)
    whole = path.read_bytes()
    assert [atom for atom, _, _ in atoms(whole)].index(b"moov") < [atom for atom, _, _ in atoms(whole)].index(b"mdat")
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert "is truncated: has 1." in rejection(path)
    assert " of 2.0 s" in rejection(path)
    path.write_bytes(whole[: len(whole) - 1])
    assert "is truncated" in rejection(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.mpg", "a.ts", "a.wav", "a.mp3", "a.flac"])
def test_a_truncated_stream_is_read_to_where_it_ends(tmp_path: Path, name: str) -> None:
    media = {
        ".mkv": (H264, Sound()),
        ".mpg": (Pictures(codec="mpeg1video"), Sound(codec="mp2")),
        ".ts": (H264, Sound()),
        ".wav": (Sound(codec="pcm_s16le"),),
        ".mp3": (Sound(codec="mp3"),),
        ".flac": (Sound(codec="flac"),),
    }
    path = make(tmp_path / name, *media[Path(name).suffix])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    result = drain(MediaFile(path))
    assert 0.8 < result.blocks[-1].end_s < 1.9


def test_a_track_with_an_unknown_codec_is_rejected_but_can_be_turned_off(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", H264, Sound())
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz1"))
    assert "no decoder for its video track" in rejection(path)
    recording = MediaFile(path, video=False)
    assert len(drain(recording).blocks) == 20


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mpg"])
def test_damage_in_the_middle_is_skipped_and_counted(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    mpg = name == "a.mpg"
    clusters = {"cluster_time_limit": "200"} if name == "a.mkv" else {}  # Matroska loses the rest of a cluster
    pictures, sound = (Pictures("mpeg1video"), Sound("mp2")) if mpg else (H264, Sound())
    path = make(tmp_path / name, pictures, sound, options=clusters)
    whole, noise = bytearray(path.read_bytes()), random.Random(1)
    for _ in range(12):
        at = noise.randrange(len(whole) // 3, len(whole) * 2 // 3)
        whole[at : at + 40] = noise.randbytes(40)
    path.write_bytes(whole)
    recording = MediaFile(path)
    result = drain(recording)
    assert result.blocks[-1].end_s > 1.8
    assert result.frames[-1].time_s > 1.5
    assert ("skipped_packets" in codes(recording)) == (recording.skipped_packets > 0)
    if name == "a.mp4":
        assert recording.skipped_packets > 0
    assert capfd.readouterr() == ("", "")  # ffmpeg prints nothing


def test_a_file_that_is_damaged_throughout_is_rejected(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", H264)
    whole = bytearray(path.read_bytes())
    start, end = next((start, end) for name, start, end in atoms(bytes(whole)) if name == b"mdat")
    whole[start + 8 : end] = random.Random(2).randbytes(end - start - 8)
    path.write_bytes(whole)
    assert "nothing could be decoded" in rejection(path)


def test_a_closed_file_can_be_closed_again_and_reads_as_ended(tmp_path: Path) -> None:
    recording = MediaFile(make(tmp_path / "a.mp4", H264, Sound()))
    recording.close()
    recording.close()
    assert recording.read() is None
