"""Results in other programs' formats, read again by libraries that are not ours."""

from __future__ import annotations

import dataclasses
import importlib.util
import stat
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from pympi import Eaf
from pympi.Praat import TextGrid

from mmim_live.errors import OutputError
from mmim_live.events import Event, Mark, Summary, WordHeard
from mmim_live.output import check_writable, open_sink
from mmim_live.output.subtitles import MAX_S
from mmim_live.output.tables import TABLES
from mmim_live.output.tiers import tiers
from tests.output.test_output import READING, SESSION, UTTERANCE, events

LONG = "and it is worth mentioning in passing that as an example of fine typography nothing has ever come near it"


def words(text: str, start_s: float) -> list[WordHeard]:
    return [
        WordHeard(
            text=each,
            start_s=start_s + 0.4 * number,
            end_s=start_s + 0.4 * number + 0.3,
            probability=0.9,
            status="committed",
            heard_s=start_s + 9,
            language="en",
        )
        for number, each in enumerate(text.split())
    ]


def a_session() -> list[Event]:
    """Ten wordless seconds with readings, then a long utterance, a mark, and a reading that is still provisional."""
    readings = [
        dataclasses.replace(READING, start_s=end_s - 6, end_s=end_s, score=score, status="committed", revision=0)
        for end_s, score in ((6.0, 0.5), (6.5, 0.7), (7.0, None), (13.0, -1.0))
    ]
    spoken = dataclasses.replace(UTTERANCE, start_s=10.0, end_s=18.5, text=LONG, low=-0.5, high=2.5)
    end = Summary(duration_s=30.0, counts={}, drops={}, mean_score=1.8, languages=("en",), real_time_factor=0.5)
    return [SESSION, *readings, *words(LONG, 10.0), Mark(12.0, 'the "end"'), spoken, READING, end]


def seconds(clock: str) -> float:
    return float(pd.Timedelta(clock).total_seconds())


def written(path: Path, given_events: list[Event]) -> Path:
    sink = open_sink(path)
    for event in given_events:
        sink.write(event)
    sink.close()
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", list(TABLES))
def test_pandas_reads_every_table(tmp_path: Path, name: str, suffix: str) -> None:
    inner = "" if name == "readings" else f".{name}"
    path = written(tmp_path / f"talk{inner}{suffix}", a_session())
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert list(frame.columns) == list(TABLES[name].columns)
    assert len(frame) == {"readings": 4, "revisions": 5, "utterances": 1, "words": len(LONG.split())}[name]
    if name == "utterances":
        row = frame.iloc[0]
        assert (row["text"], row["words"], row["score"]) == (LONG, len(LONG.split()), 1.8)
        assert row["words_per_s"] == pytest.approx(row["words"] / 8.5, abs=0.01)
    if name == "readings":
        assert frame["score"].isna().tolist() == [False, False, True, False]


def test_parquet_has_types_even_when_all_is_unknown(tmp_path: Path) -> None:
    frame = pd.read_parquet(written(tmp_path / "none.parquet", [SESSION]))
    assert frame.empty
    assert frame["score"].dtype == float
    assert frame["present_text"].dtype == bool


def test_elan_gets_a_tier_of_each_kind(tmp_path: Path) -> None:
    document = Eaf(str(written(tmp_path / "talk.eaf", a_session())))
    found = {name: document.get_annotation_data_for_tier(name) for name in document.get_tier_names()}
    assert list(found) == ["words", "utterances", "utterance scores", "window scores", "marks"]
    assert document.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./talk.mp4"
    assert found["utterances"] == [(10_000, 18_500, LONG)]
    assert found["utterance scores"] == [(10_000, 18_500, "+1.80 [-0.50, +2.50]")]
    assert [value for _, _, value in found["words"]] == LONG.split()
    assert found["marks"] == [(12_000, 12_100, 'the "end"')]


def test_praat_gets_the_same_tiers(tmp_path: Path) -> None:
    grid = TextGrid(str(written(tmp_path / "talk.TextGrid", a_session())))
    assert grid.xmax == 30.0
    assert [tier.name for tier in grid.get_tiers()] == list(tiers(a_session()))
    by_name: dict[str, Any] = {
        tier.name: [each for each in tier.get_intervals() if each[-1]] for tier in grid.get_tiers()
    }
    assert by_name["utterances"] == [(10.0, 18.5, LONG)]
    assert [text for _, _, text in by_name["words"]] == LONG.split()


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_players_get_short_cues_with_the_score_timed_by_the_words(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / f"talk{suffix}", a_session())
    if suffix == ".srt":
        cues = [
            (cue.start.total_seconds(), cue.end.total_seconds(), cue.content)
            for cue in srt.parse(path.read_text(encoding="utf-8"))
        ]
    else:
        cues = [(seconds(cue.start), seconds(cue.end), cue.text) for cue in webvtt.read(str(path)).captions]
    assert all(len(line) <= 42 for _, _, text in cues for line in text.split("\n"))
    pause, spoken = cues[1], [cue for cue in cues if cue[2].startswith("[+1.8]")]
    assert cues[0][2] == '[mark] the "end"'
    assert pause == (0.0, 5.0, "[+0.6] (no words)")
    assert " ".join(" ".join(text.split()[1:]) for _, _, text in spoken) == LONG
    assert spoken[0][0] == 10.0
    second = words(LONG, 10.0)[len(spoken[0][2].split()) - 1]
    assert spoken[1][0] == pytest.approx(second.start_s, abs=0.001)
    assert spoken[0][1] == spoken[1][0]
    assert spoken[-1][1] == 18.5


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=6))
def test_the_annotations_of_a_tier_never_overlap(given_events: list[Event]) -> None:
    for spans in tiers(given_events).values():
        ends_ms = 0
        for each in spans:
            assert ends_ms <= each.start_ms < each.end_ms
            ends_ms = each.end_ms


@pytest.mark.parametrize("suffix", [".eaf", ".TextGrid", ".parquet", ".utterances.csv", ".srt"])
def test_what_a_stranger_says_cannot_break_a_file(tmp_path: Path, suffix: str) -> None:
    odd = 'a <b>&amp; "x" \x00\x1b]\ud800 --> \n\n 1\n item [1]:'
    strange: list[Event] = [
        SESSION,
        dataclasses.replace(UTTERANCE, text=odd, start_s=1e308, end_s=1e308),
        *words(odd, 2.0),
        Mark(1e300, odd),
        dataclasses.replace(UTTERANCE, text="then", start_s=-5.0, end_s=-7.0),
    ]
    path = written(tmp_path / f"talk{suffix}", strange)
    if suffix == ".eaf":
        assert max(Eaf(str(path)).get_full_time_interval()) <= 1000 * MAX_S + 200
    elif suffix == ".TextGrid":
        assert len(list(TextGrid(str(path)).get_tiers())) == 5
    elif suffix == ".srt":
        assert len(list(srt.parse(path.read_text(encoding="utf-8")))) >= 3
    else:
        frame = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
        assert len(frame) == (0 if suffix == ".parquet" else 2)


def test_a_document_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "talk.eaf"
    path.write_text("what was there")
    path.chmod(0o640)
    sink = open_sink(path)
    sink.write(SESSION)
    assert path.read_text() == "what was there"
    sink.close()
    assert path.read_text(encoding="utf-8").startswith("<?xml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["talk.eaf"]
    written(tmp_path / "new.eaf", [SESSION])
    assert stat.S_IMODE((tmp_path / "new.eaf").stat().st_mode) == 0o600


def test_a_missing_library_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("mmim_live.output.sink.find_spec", lambda name: None if name == "pympi" else find(name))
    with pytest.raises(OutputError, match=r"talk\.eaf: this format needs pympi; .*mmim-live\[results\]"):
        check_writable(tmp_path / "talk.eaf")
    check_writable(tmp_path / "talk.parquet")
