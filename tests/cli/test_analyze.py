"""Many recordings at once: which ones, under which names, and what becomes of those that fail."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from mmim_live.cli.analyze import Summaries, find_recordings, result_names
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


def test_sources_are_files_folders_and_patterns(tmp_path: Path) -> None:
    one, two, text, deep = tree(tmp_path, "b.mp4", "a.WAV", "notes.txt", "deep/er/c.mkv")
    assert find_recordings([str(tmp_path)]) == [two, one, deep]
    assert find_recordings([str(text), str(one), str(one)]) == [text, one]
    assert find_recordings([f"{tmp_path}/**/*.mkv", str(deep)]) == [deep]


def test_a_source_that_is_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no recordings"):
        find_recordings([str(tmp_path)])
    with pytest.raises(DataError, match=r"none\.mp4 is no file, no folder, and matches none"):
        find_recordings([str(tmp_path / "none.mp4")])


def test_every_recording_has_a_name_of_its_own(tmp_path: Path) -> None:
    recordings = tree(tmp_path, "x/talk.mp4", "y/talk.mp4", "y/talk.wav", "z/other.mp4")
    names = result_names(recordings, {})
    assert list(names.values()) == recordings
    assert list(names)[:2] == ["talk", "y_talk"]
    assert len(names) == 4


def test_earlier_results_stay_those_of_their_recording(tmp_path: Path) -> None:
    first, second, third = tree(tmp_path, "x/talk.mp4", "y/talk.mp4", "summary.wav")
    taken = result_names([first], {})
    assert list(taken) == ["talk"]
    assert result_names([second], taken) == {"y_talk": second}
    assert result_names([second, first], taken) == {"y_talk": second, "talk": first}
    assert "summary" not in result_names([third], {})  # whose results as .csv would be the table


def test_the_table_keeps_its_rows_and_knows_what_is_done(tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    talk = Job("talk", tmp_path / "=talk, one.mp4", ())
    Summaries(path).add(Outcome(talk, SUMMARY))
    table = Summaries(path)
    table.add(Outcome(Job("bad", tmp_path / "bad.mp4", ()), None, "not\na recording"))
    table = Summaries(path)
    assert table.recordings == {"talk": talk.source, "bad": tmp_path / "bad.mp4"}
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


def die(job: Job, settings: Settings) -> Outcome:
    os._exit(1)


def test_a_bad_recording_costs_only_itself(tmp_path: Path, shared_data: Path) -> None:
    (bad,) = tree(tmp_path, "bad.mp4")
    good = shared_data / "clips" / "grid_bbaf2n.mpg"
    jobs = [Job(each.stem, each, (tmp_path / f"{each.stem}.jsonl",)) for each in (bad, good)]
    outcomes = {outcome.job: outcome for outcome in analyze_all(jobs, Settings(speech=False, face=False), 2)}
    assert outcomes[jobs[0]].summary is None
    assert "bad.mp4" in outcomes[jobs[0]].problem
    assert not jobs[0].outputs[0].exists()
    summary = outcomes[jobs[1]].summary
    assert summary is not None
    assert list(read_events(jobs[1].outputs[0]))[-1].time_s == pytest.approx(summary.duration_s, abs=0.001)


def test_a_process_that_dies_costs_only_its_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "analyze", die)
    jobs = [Job(name, tmp_path / name, ()) for name in ("a.mp4", "b.mp4", "c.mp4")]
    outcomes = list(analyze_all(jobs, Settings(), 2))
    assert {outcome.job for outcome in outcomes} == set(jobs)
    assert all("died" in outcome.problem for outcome in outcomes)
