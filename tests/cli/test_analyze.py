"""Many recordings at once: which ones, under which names, and what becomes of those that fail."""

from __future__ import annotations

import contextlib
import csv
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmim_live import assets
from mmim_live.cli.analyze import Summaries, parse_time
from mmim_live.cli.sources import find_recordings, result_names
from mmim_live.errors import DataError
from mmim_live.output import read_events
from mmim_live.session import batch
from mmim_live.session.batch import Job, Outcome, analyze_all
from mmim_live.settings import Settings
from tests.tui.scripted import SUMMARY


def tree(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no recording")
    return [folder / name for name in names]


def found(*sources: str) -> list[Path]:
    return [Path(each.key) for each in find_recordings(sources)]


def test_sources_are_files_folders_and_patterns(tmp_path: Path) -> None:
    one, two, text, deep = tree(tmp_path, "b.mp4", "a.WAV", "notes.txt", "deep/er/c.mkv")
    assert found(str(tmp_path)) == [two, one, deep]
    assert found(str(text), str(one), str(one)) == [text, one]
    assert found(f"{tmp_path}/**/*.mkv", str(deep)) == [deep]


def test_a_source_that_is_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no recordings"):
        find_recordings([str(tmp_path)])
    with pytest.raises(DataError, match=r"none\.mp4 is no file, no folder, and matches none"):
        find_recordings([str(tmp_path / "none.mp4")])


def named(paths: list[Path], taken: dict[str, str]) -> dict[str, str]:
    """The keys of the recordings by name."""
    return {name: each.key for name, each in result_names(find_recordings(list(map(str, paths))), taken).items()}


def test_every_recording_has_a_name_of_its_own(tmp_path: Path) -> None:
    recordings = tree(tmp_path, "x/talk.mp4", "y/talk.mp4", "y/talk.wav", "z/other.mp4")
    names = named(recordings, {})
    assert list(names.values()) == list(map(str, recordings))
    assert list(names)[:2] == ["talk", "y_talk"]
    assert len(names) == 4


def test_earlier_results_stay_those_of_their_recording(tmp_path: Path) -> None:
    first, second, third = tree(tmp_path, "x/talk.mp4", "y/talk.mp4", "summary.wav")
    taken = named([first], {})
    assert list(taken) == ["talk"]
    assert named([second], taken) == {"y_talk": str(second)}
    assert named([second, first], taken) == {"y_talk": str(second), "talk": str(first)}
    assert "summary" not in named([third], {})  # whose results as .csv would be the table


def test_a_recorded_session_is_one_recording_also_inside_a_folder(tmp_path: Path) -> None:
    clip, media, _, other = tree(tmp_path, "a.mp4", "session/media.mkv", "session/settings.json", "cuts/media.mkv")
    assert found(str(tmp_path)) == [clip, other, media.parent]
    assert found(str(media.parent)) == [media.parent]
    assert list(named([media.parent], {})) == ["session"]


def test_the_sample_an_address_and_standard_input_are_sources() -> None:
    secret = "https://me:pass@example.com/films/talk%20one.mp4?token=secret"
    sample, address, other, piped = find_recordings(["sample", secret, secret + "2", "-"])
    assert Path(sample.key) == (assets.BUNDLED_FOLDER / "sample.mp4").resolve()
    assert address.source == secret
    assert address.stem == "talk one"
    assert re.fullmatch(r"https://example\.com/films/talk%20one\.mp4\?[0-9a-f]{8}", address.key)
    assert other.key != address.key
    assert (piped.key, piped.stem) == ("-", "stdin")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("1:30.5", 90.5), ("1:02:03", 3723.0), ("0", 0.0)])
def test_times_are_seconds_or_a_clock(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@given(st.text() | st.sampled_from(["1:60", "1:2:3:4", "-1", "1e3", "nan", ":", "1:", "1:-1", "٣"]))
def test_other_times_are_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_time(text) < 1e13
    with pytest.raises(ValueError, match="is no time"):
        parse_time(f"{text}x")


def test_the_table_keeps_its_rows_and_knows_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    talk = Job("talk", str(tmp_path / "=talk, one.mp4"), ())
    Summaries(path).add(talk.source, Outcome(talk, SUMMARY))
    table = Summaries(path)
    table.add(str(tmp_path / "bad.mp4"), Outcome(Job("bad", "bad.mp4", ()), None, "not\na recording"))
    table = Summaries(path)
    assert table.recordings == {"talk": talk.source, "bad": str(tmp_path / "bad.mp4")}
    assert (table.has("talk"), table.has("bad"), table.has("new")) == (True, False, False)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["talk", "bad"]
    assert float(rows[0]["duration_s"]) == SUMMARY.duration_s
    assert rows[1]["problem"] == "not\na recording"


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"a,b\n", b"", b"\xff\xfe\x00"])
def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "summary.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"summary\.csv"):
        Summaries(tmp_path / "summary.csv")
    assert (tmp_path / "summary.csv").read_bytes() == content


def die(job: Job) -> Outcome:
    os._exit(1)


def test_a_bad_recording_costs_only_itself(tmp_path: Path, shared_data: Path) -> None:
    (bad,) = tree(tmp_path, "bad.mp4")
    good = shared_data / "clips" / "grid_bbaf2n.mpg"
    quick = Settings(speech=False, face=False)
    jobs = [Job(each.stem, str(each), (tmp_path / f"{each.stem}.jsonl",), quick) for each in (bad, good)]
    outcomes = {outcome.job: outcome for outcome in analyze_all(jobs, 2)}
    assert outcomes[jobs[0]].summary is None
    assert "bad.mp4" in outcomes[jobs[0]].problem
    assert not jobs[0].outputs[0].exists()
    summary = outcomes[jobs[1]].summary
    assert summary is not None
    assert list(read_events(jobs[1].outputs[0]))[-1].time_s == pytest.approx(summary.duration_s, abs=0.001)


def test_a_process_that_dies_costs_only_its_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "analyze", die)
    jobs = [Job(name, name, ()) for name in ("a.mp4", "b.mp4", "c.mp4")]
    outcomes = list(analyze_all(jobs, 2))
    assert {outcome.job for outcome in outcomes} == set(jobs)
    assert all("died" in outcome.problem for outcome in outcomes)
