"""Predictions of single inputs: the same as in a session, from paths and arrays, one or many."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import mmim_live
from mmim_live.assets import BUNDLED_FOLDER
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import CheckpointError, ConfigError, DataError, MediaError, MmimLiveError
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, VideoFrame

SAMPLE = BUNDLED_FOLDER / "sample.mp4"
GOOD, BAD = "I really love how this film begins", "it was boring and I was so disappointed"


@pytest.fixture(scope="module")
def sound() -> NDArray[np.float32]:
    with MediaFile(SAMPLE, video=False) as source:
        return np.concatenate([item.samples for item in iter(source.read, None) if isinstance(item, AudioBlock)])


def test_words_alone_are_scored(model: mmim_live.Model):
    good, bad = model.predict(GOOD), model.predict(text=BAD)
    assert good.score is not None
    assert bad.score is not None
    assert good.score > 1 > -1 > bad.score
    assert good.low is not None
    assert good.high is not None
    assert good.low < good.score < good.high
    assert good.present == mmim_live.Present(text=True)
    assert good.contributions.voice is None


def test_a_file_and_its_arrays_give_the_same(model: mmim_live.Model, sound: NDArray[np.float32]):
    with MediaFile(SAMPLE, audio=False) as source:
        frames = [item for item in iter(source.read, None) if isinstance(item, VideoFrame)]
    rate = 1 / (frames[1].time_s - frames[0].time_s)
    from_files = model.predict(GOOD, audio=SAMPLE, video=str(SAMPLE))
    images = np.stack([frame.image for frame in frames])
    from_arrays = model.predict(GOOD, audio=sound, sampling_rate=SAMPLE_RATE_HZ, video=images, frame_rate=rate)
    assert from_files.present == mmim_live.Present(text=True, voice=True, face=True)
    assert from_arrays.score == pytest.approx(from_files.score, abs=0.02)  # frames are stamped a little differently


def test_channels_integers_and_other_rates_sound_the_same(model: mmim_live.Model, sound: NDArray[np.float32]):
    once = model.predict(audio=sound, sampling_rate=SAMPLE_RATE_HZ).score
    stereo = np.stack([sound, sound], axis=1)
    integers = np.round(sound * 32767).astype(np.int16)
    doubled = np.repeat(sound, 2)
    assert model.predict(audio=stereo, sampling_rate=SAMPLE_RATE_HZ).score == once
    assert model.predict(audio=integers, sampling_rate=SAMPLE_RATE_HZ).score == pytest.approx(once, abs=0.02)
    assert model.predict(audio=doubled, sampling_rate=2 * SAMPLE_RATE_HZ).score == pytest.approx(once, abs=0.2)


def test_lists_give_lists(model: mmim_live.Model):
    both = model.predict([GOOD, None, BAD], audio=[None, SAMPLE, None])
    assert [prediction.present.text for prediction in both] == [True, False, True]
    assert both[0] == model.predict(GOOD)
    assert both[1] == model.predict(audio=SAMPLE)
    assert model.predict([]) == []


def test_nothing_is_an_abstention(model: mmim_live.Model):
    for prediction in (model.predict(), model.predict(" "), model.predict(audio=np.zeros(16000), sampling_rate=16000)):
        assert prediction.score is None
        assert prediction.present == mmim_live.Present()


def test_a_prediction_is_json(model: mmim_live.Model):
    fields = json.loads(json.dumps(model.predict(GOOD).to_dict()))
    assert fields["present"] == {"text": True, "voice": False, "face": False}
    assert set(fields) == {"score", "low", "high", "contributions", "agreement", "present"}


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (DataError, "2 of text, 1 of audio", {"text": ["a", "b"], "audio": [None]}),
        (DataError, "2 of text, one audio", {"text": ["a", "b"], "audio": "sample.wav"}),
        (DataError, "text is int", {"text": 3}),
        (MediaError, "give its sampling_rate", {"audio": np.zeros(9)}),
        (MediaError, "sampling_rate is 0", {"audio": np.zeros(9), "sampling_rate": 0}),
        (MediaError, "shape [2, 2, 2]", {"audio": np.zeros((2, 2, 2)), "sampling_rate": 16000}),
        (MediaError, "type complex128", {"audio": np.zeros(9, complex), "sampling_rate": 16000}),
        (MediaError, "not finite", {"audio": np.full(9, np.nan), "sampling_rate": 16000}),
        (MediaError, "no-such-file", {"audio": "no-such-file.wav"}),
        (MediaError, "give its frame_rate", {"video": np.zeros((2, 8, 8, 3), np.uint8)}),
        (MediaError, "shape [8, 8]", {"video": np.zeros((2, 8, 8), np.uint8), "frame_rate": 25}),
        (MediaError, "type float64", {"video": np.zeros((2, 8, 8, 3)), "frame_rate": 25}),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    model: mmim_live.Model, error: type[MmimLiveError], message: str, arguments: dict[str, object]
):
    with pytest.raises(error) as refusal:
        model.predict(**arguments)  # type: ignore[call-overload]
    assert message in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_missing_checkpoint_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError):
        mmim_live.load(tmp_path / "none")
    with pytest.raises(ConfigError):
        mmim_live.load(device="abacus")


def test_the_number_of_threads_of_torch_is_the_callers(model: mmim_live.Model):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model.predict(GOOD)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
