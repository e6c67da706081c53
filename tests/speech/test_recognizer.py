"""The recognizer with the real model on real recordings."""

import re
from pathlib import Path

import numpy as np
import pytest

from mmim_live.errors import AssetError, ConfigError
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.segment_decoder import SegmentSettings
from mmim_live.speech.wer import word_errors
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.types import AudioBlock, SpeechUpdate
from tests.speech.audio import Samples, committed, cut, hear, read_audio, text_of

JFK = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
STEP_S = 0.5


@pytest.fixture(scope="module")
def audio(shared_data: Path) -> Samples:
    return read_audio(shared_data / "clips" / "jfk.flac")


@pytest.fixture(scope="module")
def updates(whisper: Whisper, audio: Samples) -> list[SpeechUpdate]:
    return hear(SpeechRecognizer(whisper), [audio])


def test_the_words_are_right(updates: list[SpeechUpdate]) -> None:
    errors, _ = word_errors(JFK, text_of(updates))
    assert errors <= 1
    assert updates[-1].language == "en"


def test_soft_speech_gives_the_same_words(whisper: Whisper, audio: Samples) -> None:
    """At -47 dB of full scale."""
    soft = (audio * 10 ** (-30 / 20)).astype(np.float32)
    recognizer = SpeechRecognizer(whisper)
    errors, _ = word_errors(JFK, text_of(hear(recognizer, [soft])))
    assert errors <= 1
    assert recognizer.softest_dbfs is not None
    assert -60 < recognizer.softest_dbfs < -40


def test_updates_lie_on_the_grid(updates: list[SpeechUpdate], audio: Samples) -> None:
    seconds = len(audio) / 16_000
    expected = [STEP_S * i for i in range(1, int(seconds / STEP_S) + 1)]
    assert [update.time_s for update in updates] == [*expected, seconds]


def test_times_never_go_backward(updates: list[SpeechUpdate]) -> None:
    until_s = last_s = 0.0
    for update in updates:
        for word in update.committed:
            assert word.start_s >= until_s  # as promised by the update before
        tail = (*update.committed, *update.provisional)
        for word in tail:
            assert last_s <= word.start_s <= word.end_s <= update.time_s == word.heard_s
            last_s = word.start_s if word.status == "committed" else last_s
        assert [word.start_s for word in tail] == sorted(word.start_s for word in tail)
        assert update.committed_until_s >= until_s
        until_s = update.committed_until_s
    assert until_s == updates[-1].time_s
    assert not updates[-1].provisional


def test_every_word_lies_in_a_stretch_of_speech(updates: list[SpeechUpdate]) -> None:
    segments = [segment for update in updates for segment in update.segments]
    assert len(segments) >= 3  # the speech has long pauses
    for word in committed(updates):
        assert any(segment.start_s <= word.start_s and word.end_s <= segment.end_s for segment in segments)


def test_words_are_provisional_before_the_pause(updates: list[SpeechUpdate]) -> None:
    assert sum(1 for update in updates if update.provisional) >= 5
    assert len([update for update in updates if update.committed]) >= 5


def test_splitting_the_audio_makes_no_difference(whisper: Whisper, audio: Samples, updates: list[SpeechUpdate]) -> None:
    sizes = np.random.default_rng(3).integers(1, 9000, 60).tolist()
    assert hear(SpeechRecognizer(whisper), cut(audio, sizes)) == updates


def test_skipped_steps_are_counted_and_still_reported(whisper: Whisper, audio: Samples) -> None:
    recognizer = SpeechRecognizer(whisper, "en")
    waiting = recognizer.push(AudioBlock(0.0, audio[: 3 * 16_000]), more=True)
    updates = waiting + recognizer.push(AudioBlock(3.0, audio[3 * 16_000 : 4 * 16_000])) + recognizer.flush()
    assert [update.time_s for update in updates] == [STEP_S * i for i in range(1, 9)] + [4.0]
    assert recognizer.skipped_steps > 0
    assert "fellow" in text_of(updates)


def test_hypotheses_can_be_spaced_and_their_cost_is_reported(whisper: Whisper, audio: Samples) -> None:
    costs: dict[float, list[tuple[Whisper, float, float]]] = {0.0: [], 2.0: []}
    for spacing_s, seen in costs.items():
        recognizer = SpeechRecognizer(whisper, "en")
        recognizer.spacing_s = spacing_s
        recognizer.on_hypothesis = lambda *cost, seen=seen: seen.append(cost)
        assert "fellow" in text_of(hear(recognizer, [audio[: 4 * 16_000]]))
        assert recognizer.skipped_steps == 0  # none was due
    assert 0 < len(costs[2.0]) < len(costs[0.0])
    assert all(model is whisper and 0 < audio_s <= 4 and cost_s > 0 for model, audio_s, cost_s in costs[0.0])


@pytest.mark.slow
def test_read_speech_is_transcribed(whisper: Whisper, shared_data: Path) -> None:
    errors = words = 0
    for path in sorted((shared_data / "speech" / "ljspeech").glob("*.wav")):
        wrong, length = word_errors(path.with_suffix(".txt").read_text(), text_of(hear_file(whisper, path)))
        errors, words = errors + wrong, words + length
    assert errors <= 0.1 * words


@pytest.mark.parametrize("clip", ["music_singing_d12.mp4", "pyfeat_no_face.mp4", "pyfeat_silent_face.mp4"])
def test_no_word_is_made_up_where_nobody_speaks(whisper: Whisper, shared_data: Path, clip: str) -> None:
    assert text_of(hear_file(whisper, shared_data / "clips" / clip)) == ""


@pytest.mark.parametrize("level", [0.0, 0.003, 0.1])
def test_noise_yields_no_words(whisper: Whisper, level: float) -> None:
    noise = np.random.default_rng(5).normal(0, level, 6 * 16_000).astype(np.float32)
    updates = hear(SpeechRecognizer(whisper), [noise])
    assert text_of(updates) == ""
    assert len(updates) == 13


@pytest.mark.parametrize(
    ("clip", "prior", "language"),
    [
        ("mosi_Sqr0AcuoNnk_12.mp4", "en", "en"),
        ("sims_video_0016_0006_blurred.mp4", "en", "zh"),
        ("sims_video_0001_0008_noface.mp4", None, "zh"),
    ],
)
def test_the_language_is_recognized(
    whisper: Whisper, shared_data: Path, clip: str, prior: str | None, language: str
) -> None:
    updates = hear(SpeechRecognizer(whisper, prior=prior), [read_audio(shared_data / "clips" / clip)])
    assert updates[-1].language == language
    assert {word.language for word in committed(updates)} == {language}


def test_a_short_command_is_not_transcribed_twice(whisper: Whisper, shared_data: Path) -> None:
    text = text_of(hear_file(whisper, shared_data / "clips" / "grid_lwbsza.mpg")).split()
    assert 3 <= len(text) <= 7


@pytest.mark.slow
def test_long_speech_without_a_pause_costs_no_more(whisper: Whisper, shared_data: Path) -> None:
    """33 s of Spanish with hardly a breath: little audio is kept, words keep coming, and none loop."""
    recognizer = SpeechRecognizer(whisper, prior="en")
    audio = read_audio(shared_data / "clips" / "moud_101_movies.mp4")
    updates = hear(recognizer, cut(audio, [1600] * (len(audio) // 1600)))
    assert updates[-1].language == "es"
    words = [word.text for word in committed(updates)]
    assert len(words) > 80
    assert re.search(r"\b(\w.*?)(?: \1){2,}\b", " ".join(words)) is None
    late_s = [word.heard_s - word.end_s for word in committed(updates)]
    assert max(late_s) <= 14


def test_the_english_model_transcribes_english(whisper_english: Whisper, audio: Samples) -> None:
    updates = hear(SpeechRecognizer(whisper_english), [audio])
    assert word_errors(JFK, text_of(updates))[0] <= 2
    assert updates[0].language == "en"
    assert whisper_english.padding_s == 3.0


def test_hotwords_decide_how_a_word_is_spelled(whisper: Whisper, shared_data: Path) -> None:
    audio = read_audio(shared_data / "clips" / "mosi_Sqr0AcuoNnk_12.mp4")
    for hotwords, spelled in (("", "favorite"), ("favourite, MMIM", "favourite")):
        recognizer = SpeechRecognizer(whisper, "en", segments=SegmentSettings(hotwords=hotwords))
        assert spelled in text_of(hear(recognizer, [audio])).split()


def test_hotwords_that_nobody_says_are_not_transcribed(whisper: Whisper, audio: Samples) -> None:
    settings = SegmentSettings(hotwords="Poria, MMIM")
    errors, _ = word_errors(JFK, text_of(hear(SpeechRecognizer(whisper, "en", segments=settings), [audio])))
    assert errors <= 1
    noise = np.random.default_rng(5).normal(0, 0.1, 6 * 16_000).astype(np.float32)
    assert text_of(hear(SpeechRecognizer(whisper, segments=settings), [noise])) == ""


def test_control_tokens_in_hotwords_are_ignored_and_too_many_hotwords_rejected(whisper: Whisper) -> None:
    assert whisper.text_tokens("Poria<|endoftext|>") == whisper.text_tokens("Poria")
    with pytest.raises(ConfigError, match=r"hotwords: .* tokens"):
        SpeechRecognizer(whisper, segments=SegmentSettings(hotwords="Poria " * 150))


def test_an_unsupported_language_is_rejected(whisper: Whisper, whisper_english: Whisper) -> None:
    with pytest.raises(ConfigError, match="'tlh'"):
        SpeechRecognizer(whisper, "tlh")
    with pytest.raises(ConfigError, match="'es'"):
        SpeechRecognizer(whisper_english, "es")


def test_a_folder_without_a_model_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match=r"model\.bin"):
        load_whisper(tmp_path)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(AssetError, match="cannot be loaded"):
        load_whisper(tmp_path)


def hear_file(whisper: Whisper, path: Path) -> list[SpeechUpdate]:
    return hear(SpeechRecognizer(whisper, prior="en"), [read_audio(path)])
