"""The benchmark of streaming speech recognition: what it counts, and one real recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.benchmark.speech import (
    AT_ONCE,
    TimedUpdate,
    at_level,
    by_policy,
    count_changes,
    first_shown,
    measure_speech,
    read_reference,
    row,
)
from mmim_live.errors import ConfigError, DataError
from mmim_live.types import SpeechUpdate, Word

STM = """;; a comment
talk 1 anna 12.5 14.0 <o,f0,female> you can do for your country
talk 1 anna 3.0 9.5 Ask not what
talk 1 inter_segment_gap 9.5 12.5 <o,,> ignore_time_segment_in_scoring
"""


def word(text: str, end_s: float, status: Literal["provisional", "committed"]) -> Word:
    return Word(text, end_s - 0.2, end_s, 0.9, status, heard_s=end_s, language="en")


def update(time_s: float, committed: str = "", provisional: str = "") -> SpeechUpdate:
    """Words are given as text@end."""

    def words(text: str, status: Literal["provisional", "committed"]) -> tuple[Word, ...]:
        pairs = [each.split("@") for each in text.split()]
        return tuple(word(said, float(end), status) for said, end in pairs)

    return SpeechUpdate(time_s, words(committed, "committed"), words(provisional, "provisional"), time_s, (), "en")


def test_a_word_that_is_replaced_or_vanishes_counts_as_changed() -> None:
    updates = [
        update(1, provisional="so@0.5 may@0.9"),
        update(2, committed="So@0.5", provisional="my@0.9 fellow@1.4"),
        update(3, committed="my@0.95", provisional="fellow,@1.45 and@1.8"),
        update(4, committed="fellow@1.4"),
    ]
    assert count_changes(updates) == (5, 2)  # so, may, my, fellow, and; of these may and "and"


@given(st.lists(st.sampled_from(["a@1", "b@2", "c@3"]), unique=True).map(" ".join))
def test_words_that_stay_never_count_as_changed(said: str) -> None:
    assert count_changes([update(4, provisional=said), update(5, provisional=said), update(6, committed=said)])[1] == 0


def test_a_word_counts_from_its_first_showing_at_its_place() -> None:
    updates = [
        TimedUpdate(1.3, update(1, provisional="can@0.9")),
        TimedUpdate(2.4, update(2, committed="can@1.0", provisional="do@1.7")),
        TimedUpdate(4.0, update(4, committed="do@1.8 can@3.5")),
    ]
    assert first_shown(updates) == pytest.approx([0.3, 0.6, 0.5])


@given(st.floats(-60, -20))
def test_the_level_is_what_was_asked_for(level_dbfs: float) -> None:
    audio = np.sin(np.linspace(0, 300, 8000)).astype(np.float32)
    scaled = at_level(audio, level_dbfs)
    assert 10 * np.log10(np.mean(np.square(scaled, dtype=np.float64))) == pytest.approx(level_dbfs, abs=0.01)


def test_silence_stays_silent() -> None:
    assert not at_level(np.zeros(100, np.float32), -20).any()


def test_a_reference_is_a_text_or_an_stm_beside_the_recording(tmp_path: Path) -> None:
    recording = tmp_path / "talk.wav"
    assert read_reference(recording) is None
    (tmp_path / "talk.stm").write_text(STM, encoding="utf-8")
    assert read_reference(recording) == ("Ask not what you can do for your country", "talk.stm")
    (tmp_path / "talk.txt").write_text("Ask not\nwhat", encoding="utf-8")
    assert read_reference(recording) == ("Ask not what", "talk.txt")


@pytest.mark.parametrize("content", [b"talk 1 anna 3.0", b"talk 1 anna soon 9.5 words", b"\xff\xfe"])
def test_a_reference_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "talk.stm").write_bytes(content)
    with pytest.raises(DataError, match=r"talk\.stm"):
        read_reference(tmp_path / "talk.wav")


def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="local-agreement"):
        next(measure_speech([tmp_path / "talk.wav"], "auto", ["none"]))


def test_every_policy_hears_a_real_sentence(shared_data: Path) -> None:
    if assets.find("whisper-tiny.en") is None:
        pytest.skip("needs the model whisper-tiny.en, which is not installed")
    folder = shared_data / "speech" / "ljspeech"
    recordings = [folder / "LJ001-0002.wav", folder / "LJ001-0008.wav"]
    groups = by_policy(list(measure_speech(recordings, "whisper-tiny.en", (), language="en", level_dbfs=-30)))
    assert [group[0].policy for group in groups] == ["local-agreement", "alignatt"]
    for group in groups:
        assert [run.file for run in group] == ["LJ001-0002.wav", "LJ001-0008.wav", "all 2"]
        total = group[-1]
        assert total.reference != AT_ONCE
        assert total.words == 8
        assert total.streaming_errors <= 1
        assert len(total.shown_s) == len(total.committed_s) >= 7
        assert all(shown_s <= final_s for shown_s, final_s in zip(total.shown_s, total.committed_s, strict=True))
        assert 0 <= total.flicker < 1
        assert row(total)["words"] == "8"
