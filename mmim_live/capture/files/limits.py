"""What a header may state. No device goes beyond it, where a few bytes would cost hours or gigabytes."""

from __future__ import annotations

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from mmim_live.errors import MediaError

SAMPLE_RATES_HZ = (4_000, 768_000)
MAX_CHANNELS = 64  # as many as ffmpeg mixes
MAX_PIXELS = 2**26  # 8192 x 8192; 8K video has half as many
FRAMES_PER_S = (0.1, 1000.0)  # outside, the stated rate is ignored: it is wrong for many a good file

DECODER_OPTIONS = {"max_pixels": str(MAX_PIXELS)}  # for frames that are larger than the header states


def check_limits(stream: AudioStream | VideoStream, label: str) -> None:
    """Raise MediaError, by name, for what the header states and cannot be read."""
    if isinstance(stream, AudioStream):
        _check_audio(stream, label)
    else:
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise MediaError(
                f"{label}: its frames are {width} x {height} pixels, more than {MAX_PIXELS // 10**6} megapixels; "
                "scale it down with `ffmpeg -i FILE -vf scale=1280:-2 out.mp4`"
            )


def is_sane_rate(rate_hz: int) -> bool:
    """Whether audio at this sample rate is read."""
    return SAMPLE_RATES_HZ[0] <= rate_hz <= SAMPLE_RATES_HZ[1]


def _check_audio(stream: AudioStream, label: str) -> None:
    rate_hz, channels = stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels
    if rate_hz and not is_sane_rate(rate_hz):
        raise MediaError(
            f"{label}: states a sample rate of {rate_hz} Hz, outside {SAMPLE_RATES_HZ[0]} to {SAMPLE_RATES_HZ[1]} Hz; "
            "correct its header or convert it with `ffmpeg -i FILE -ar 16000 out.wav`"
        )
    if channels and (channels > MAX_CHANNELS or not _can_be_mixed(stream.codec_context.layout.name)):
        raise MediaError(
            f"{label}: its {channels} audio channels have no layout that can be mixed down; keep one with "
            "`ffmpeg -i FILE -af 'pan=mono|c0=c0' out.wav`"
        )


def _can_be_mixed(layout: str) -> bool:
    try:
        frame = AudioFrame(format="flt", layout=layout, samples=1)
        frame.sample_rate = SAMPLE_RATES_HZ[0]
        AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATES_HZ[0]).resample(frame)
    except (av.error.FFmpegError, ValueError):
        return False
    return True
