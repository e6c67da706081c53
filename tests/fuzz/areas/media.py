"""Sound and video files; one is of JPEG pictures one after another."""

from __future__ import annotations

import io
import random
import tempfile
import wave
from pathlib import Path

import numpy as np

from mmim_live.capture.files.media_file import MediaFile
from tests.capture.media import Pictures, Sound, make, tone
from tests.fuzz.area import Area, Files

ITEMS = 300  # audio blocks and frames that are read of an accepted file
_NUMBERS = (0, 1, 2, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
_ATOMS = (b"mvhd", b"tkhd", b"mdhd", b"stts", b"stsc", b"stsz", b"stco", b"stsd", b"elst", b"moov", b"trak", b"mdia")


def _wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((tone(440, 0, 0.5, 16_000) * 30_000).astype(np.int16).tobytes())
    return file.getvalue()


def seeds() -> list[Files]:
    with tempfile.TemporaryDirectory() as folder:
        times = tuple(i / 25 for i in range(12))
        sound = Sound(rate=16_000, layout="mono", parts=((0.0, 0.5),))
        mp4 = make(Path(folder) / "a.mp4", Pictures(times=times), sound).read_bytes()
        mkv = make(Path(folder) / "a.mkv", Pictures(times=times), sound).read_bytes()
        jpegs = make(Path(folder) / "a.avi", Pictures(codec="mjpeg", pix_fmt="yuvj420p", times=times)).read_bytes()
    names = {"a.wav": _wav(), "a.mp4": mp4, "a.mkv": mkv, "a.avi": jpegs}
    return [{name: content} for name, content in names.items()]


def change_header(rng: random.Random, content: bytes) -> bytes:
    """A number of a RIFF header: channels, rate, sizes."""
    at = rng.choice((4, 16, 20, 22, 24, 28, 32, 34, 40))
    return content[:at] + rng.choice(_NUMBERS).to_bytes(4, "little") + content[at + 4 :]


def change_atom(rng: random.Random, content: bytes) -> bytes:
    """A number inside an atom of an MPEG-4 file."""
    at = content.find(rng.choice(_ATOMS))
    if at < 0:
        return content
    at += rng.choice((-4, 4, 8, 12, 16, 20, 24, 28))
    return content[:at] + rng.choice(_NUMBERS).to_bytes(4, "big") + content[at + 4 :]


def read(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        with MediaFile(path) as file:
            for _ in range(ITEMS):
                if file.read() is None:
                    break
            for notice in file.notices():
                assert "\n" not in notice.message


AREA = Area("media", seeds, read, {".wav": (change_header,), ".mp4": (change_atom,), ".avi": (change_header,)})
