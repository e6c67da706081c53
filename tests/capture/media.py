"""Makes small recordings with PyAV, so that no ffmpeg command is needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

TICKS = Fraction(1, 90_000)


@dataclass(frozen=True)
class Sound:
    codec: str = "aac"
    rate: int = 48_000
    layout: str = "stereo"
    hz: float = 440.0
    parts: tuple[tuple[float, float], ...] = ((0.0, 2.0),)  # start and end of what sounds, seconds
    default: bool = False


@dataclass(frozen=True)
class Pictures:
    codec: str = "mpeg4"
    width: int = 64
    height: int = 48
    pix_fmt: str = "yuv420p"
    times: tuple[float, ...] = tuple(i / 25 for i in range(50))
    rotation: tuple[Any, ...] | None = None
    options: tuple[tuple[str, str], ...] = ()


def tone(hz: float, start_s: float, end_s: float, rate: int) -> NDArray[np.float32]:
    t = np.arange(round(start_s * rate), round(end_s * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def corner_picture(width: int, height: int) -> NDArray[np.uint8]:
    """Red upper left, green upper right, blue lower left, white lower right."""
    image = np.zeros((height, width, 3), np.uint8)
    h, w = max(height // 2, 1), max(width // 2, 1)
    image[:h, :w], image[:h, w:], image[h:, :w], image[h:, w:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    return image


def _sound_packets(stream: Any, sound: Sound) -> Iterable[Any]:
    size = stream.codec_context.frame_size or 1024
    for start_s, end_s in sound.parts:
        samples = tone(sound.hz, start_s, end_s, sound.rate)
        first = round(start_s * sound.rate)
        for at in range(0, len(samples) - size + 1, size):
            planes = np.tile(samples[at : at + size], (stream.layout.nb_channels, 1))
            frame = AudioFrame.from_ndarray(planes, format="fltp", layout=sound.layout)
            frame.sample_rate, frame.pts, frame.time_base = sound.rate, first + at, Fraction(1, sound.rate)
            yield from stream.encode(frame)
    yield from stream.encode(None)


def _picture_packets(stream: Any, pictures: Pictures) -> Iterable[Any]:
    image = corner_picture(pictures.width, pictures.height)
    for time_s in pictures.times:
        frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pictures.pix_fmt)
        frame.pts, frame.time_base = round(time_s / TICKS), TICKS
        yield from stream.encode(frame)
    yield from stream.encode(None)


def make(
    path: Path,
    *media: Sound | Pictures,
    options: dict[str, str] | None = None,
    interleaved: bool = True,
    attached: bool = False,
) -> Path:
    """Writes the tracks in the order given. Without `interleaved`, one whole track follows the other."""
    with av.open(str(path), "w", options=options or {}) as container:
        streams: list[Any] = []
        for medium in media:
            stream: Any
            if isinstance(medium, Sound):
                stream = container.add_stream(medium.codec, rate=medium.rate, layout=medium.layout)
                if medium.default:
                    stream.disposition = av.stream.Disposition.default
            else:
                stream = container.add_stream(medium.codec, rate=25, options=dict(medium.options))
                stream.width, stream.height, stream.pix_fmt = medium.width, medium.height, medium.pix_fmt
                if path.suffix not in (".avi", ".mpg"):
                    stream.codec_context.time_base = TICKS if medium.codec != "mpeg4" else Fraction(1, 30_000)
                if attached:
                    stream.disposition = av.stream.Disposition.attached_pic
                if medium.rotation is not None:
                    stream.set_display_rotation(*medium.rotation)
            streams.append(stream)
        packets = [
            packet
            for stream, medium in zip(streams, media, strict=True)
            for packet in (
                _sound_packets(stream, medium) if isinstance(medium, Sound) else _picture_packets(stream, medium)
            )
        ]
        if interleaved:
            packets.sort(key=lambda packet: float((packet.dts or 0) * packet.time_base))
        for packet in packets:
            container.mux(packet)
    return path


def atoms(data: bytes) -> Sequence[tuple[bytes, int, int]]:
    """Name, start and end of the outermost atoms of an MPEG-4 file."""
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        found.append((data[at + 4 : at + 8], at, at + size))
        at += max(size, 8)
    return found
