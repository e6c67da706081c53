"""A stream that a program feeds gives what a replay gives."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

import mmim_live
from mmim_live.assets import BUNDLED_FOLDER
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import ConfigError, DataError
from mmim_live.events import Event, Reading, Summary, Utterance
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

SAMPLE = BUNDLED_FOLDER / "sample.mp4"
ASR = "whisper-tiny.en"


@pytest.fixture(scope="module")
def media() -> list[AudioBlock | VideoFrame]:
    with MediaFile(SAMPLE) as source:
        return list(iter(source.read, None))


@pytest.fixture(scope="module")
def replayed(analysis: mmim_live.Analysis) -> list[Event]:
    return comparable(analysis.events)


def comparable(events: Iterable[Event]) -> list[Event]:
    """Without what is measured on the wall clock, and without what only a replay has."""
    kept: list[Event] = []
    for event in events:
        match event:
            case Reading() | Utterance():
                kept.append(replace(event, latency_ms=0.0))
            case Summary():
                length_s = round(event.duration_s, 2)  # a container states a length of its own
                kept.append(replace(event, duration_s=length_s, drops={}, real_time_factor=0.0))
            case mmim_live.SessionStarted():
                pass
            case _:
                kept.append(event)
    return kept


def test_a_stream_gives_what_a_replay_gives(
    model: mmim_live.Model, media: list[AudioBlock | VideoFrame], replayed: list[Event]
):
    def events() -> Iterator[Event]:
        with model.stream(asr_model=ASR) as stream:
            for item in media:
                if isinstance(item, VideoFrame):
                    stream.push_frame(item.image, item.time_s)
                else:
                    stream.push_audio(item.samples, SAMPLE_RATE_HZ)
                yield from stream.events()
            assert not [thread for thread in threading.enumerate() if thread.name.startswith("mmim-")]
            yield from stream.finish()

    assert comparable(events()) == replayed


@pytest.mark.slow
def test_it_does_not_matter_how_and_when_media_are_pushed(
    model: mmim_live.Model, media: list[AudioBlock | VideoFrame], replayed: list[Event]
):
    """All audio in pieces of odd lengths, then all frames."""
    sound = np.concatenate([item.samples for item in media if isinstance(item, AudioBlock)])
    with model.stream(asr_model=ASR) as stream:
        for piece in np.array_split(sound, 37):
            stream.push_audio(piece, SAMPLE_RATE_HZ)
        assert list(stream.events()) == []  # the face has not got there yet
        for item in media:
            if isinstance(item, VideoFrame):
                stream.push_frame(item.image, item.time_s)
        assert comparable(stream.finish()) == replayed


def test_two_streams_share_a_model(model: mmim_live.Model, media: list[AudioBlock | VideoFrame]):
    streams = [model.stream(video=False, speech=False) for _ in range(2)]
    for item in media:
        if isinstance(item, AudioBlock):
            for stream in streams:
                stream.push_audio(item.samples, SAMPLE_RATE_HZ)
    first, second = (comparable(stream.finish()) for stream in streams)
    assert first == second
    assert any(isinstance(event, Reading) and event.present.voice for event in first)


def test_time_without_a_frame_is_told(model: mmim_live.Model):
    with model.stream(audio=False) as stream:
        for step in range(1, 41):
            stream.push_frame(None, 0.1 * step)
        readings = [event for event in stream.events() if isinstance(event, Reading)]
    assert [reading.score for reading in readings] == [None] * len(readings)
    assert readings[-1].end_s == pytest.approx(4.0)


def test_misuse_is_refused_in_one_line(model: mmim_live.Model):
    with pytest.raises(DataError, match="audio, video or both"):
        model.stream(audio=False, video=False)
    with pytest.raises(ConfigError, match="hop"):
        model.stream(hop=-1)
    with model.stream(video=False, speech=False) as stream:
        with pytest.raises(DataError, match="without video"):
            stream.push_frame(None, 0.0)
        stream.push_audio(np.zeros(100), 8000)
        with pytest.raises(DataError, match="was 8000 and is now 16000"):
            stream.push_audio(np.zeros(100), 16000)
        list(stream.finish())
        with pytest.raises(DataError, match="over"):
            stream.push_audio(np.zeros(100), 8000)
    with model.stream(audio=False) as stream:
        stream.push_frame(None, 1.0)
        with pytest.raises(DataError, match="increase"):
            stream.push_frame(None, 1.0)
        with pytest.raises(DataError, match="without audio"):
            stream.push_audio(np.zeros(100), 8000)
