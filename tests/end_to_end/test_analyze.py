"""`mmim-live analyze` as a user runs it: parts, addresses, standard input, recorded sessions, bars in a terminal."""

from __future__ import annotations

import csv
import functools
import http.server
import json
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmim_live import assets
from mmim_live.capture.files.excerpt import Excerpt
from mmim_live.events import Event, Mark, Reading, SessionStarted, Utterance, WordHeard
from mmim_live.output import open_sink, read_events
from mmim_live.recording.folder import EVENTS, MEDIA, SETTINGS
from mmim_live.session.batch import Job, analyze, analyze_all
from mmim_live.session.loading import ModelStore
from mmim_live.settings import Settings
from tests.end_to_end.tmux import Terminal, need_tmux

SAMPLE = assets.BUNDLED_FOLDER / "sample.mp4"
Run = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--no-speech", "--no-face")


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "summary.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a recorded session with its own window, and a mark."""
    folder = tmp_path_factory.mktemp("recordings") / "monday"
    folder.mkdir()
    shutil.copy(SAMPLE, folder / MEDIA)
    settings = {"window": 4.0, "speech": False, "face": False}
    (folder / SETTINGS).write_text(json.dumps({"complete": True, "settings": settings}))
    sink = open_sink(folder / EVENTS)
    sink.write(Mark(8.2, "the turn"))
    sink.close()
    return folder


@pytest.fixture
def address() -> Iterator[str]:
    """The bundled clip on a web server of this machine."""
    handler = functools.partial(_Quiet, directory=str(assets.BUNDLED_FOLDER))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/sample.mp4"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_every_kind_of_source_at_once_and_only_what_is_new_again(
    tmp_path: Path, run: Run, recorded: Path, address: str
) -> None:
    out = tmp_path / "out"
    sources = ("sample", recorded, f"{address}?key=secret", f"{address}x")
    done = run("analyze", *sources, "--out", out, "--start", "0:08", "--end", 11, "-f", "jsonl", "-f", "html", *QUICK)
    assert done.returncode == 1  # the last address leads nowhere
    table = {row["name"]: row for row in rows(out)}
    assert next(iter(table)) == "sample"
    assert len(table) == 4
    failed = [row for row in table.values() if row["problem"]]
    assert [row["file"] for row in failed] == [f"{address}x"]
    assert "HTTP 404" in failed[0]["problem"]
    assert "secret" not in (out / "summary.csv").read_text() + done.stdout + done.stderr
    for name, row in table.items():
        if row["problem"]:
            continue
        assert float(row["duration_s"]) == pytest.approx(3.0)
        events = list(read_events(out / f"{name}.jsonl"))
        assert all(8.0 <= event.time_s <= 11.0 for event in events[1:])
        started = events[0]
        assert isinstance(started, SessionStarted)
        assert (started.settings["start_s"], started.settings["end_s"]) == (8.0, 11.0)
        assert started.settings["window"] == (4.0 if name == "monday" else 6.0)
        marks = [event for event in events if isinstance(event, Mark)]
        assert marks == ([Mark(8.2, "the turn")] if name == "monday" else [])
        page = (out / f"{name}.html").read_text(encoding="utf-8")
        assert "from 0:08 to 0:11" in page
        assert ("/monday/media.mkv" in page) == (name == "monday")
        assert ".mmim-live-" not in page  # the copy of what came from an address is gone
    assert sorted(path.suffix for path in out.iterdir()) == sorted([".csv", *[".html", ".jsonl"] * 3])
    again = run("analyze", *sources[:3], "--out", out, "-f", "jsonl", *QUICK)
    assert again.stdout.startswith("3 of 3 recordings have been analyzed before")


def test_a_recording_is_piped_in(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mmim_live.cli", "analyze", "-", "--out", str(tmp_path / "out"), *QUICK]
    with SAMPLE.open("rb") as stream:
        done = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "standard input: 22.3 s" in done.stdout
    assert [row["file"] for row in rows(tmp_path / "out")] == ["-"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "stdin.jsonl", "stdin.utterances.csv", "summary.csv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--start", "9", "--end", "3"),
            "--start and --end name no part of a recording: it ends at 3 s, but starts at 9 s",
        ),
        (("--start", "soon"), "'soon' is no time: give seconds, or 1:02:03"),
        (("--start", "1:00"), "sample.mp4: skipped: has only 22.3 s, so nothing from 60 s on"),
    ],
)
def test_a_part_that_is_not_there_is_named(tmp_path: Path, run: Run, options: tuple[str, ...], message: str) -> None:
    done = run("analyze", "sample", "--out", tmp_path / "out", *options, *QUICK)
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).replace("│", " ").split())


def test_a_part_says_what_the_whole_says_there_at_the_same_times(tmp_path: Path, sample_events: list[Event]) -> None:
    job = Job("part", str(SAMPLE), (tmp_path / "part.jsonl",), excerpt=Excerpt(10.5, 17.0))
    assert analyze(job).summary is not None
    part = [event for event in read_events(job.outputs[0]) if isinstance(event, Utterance)]
    whole = [each for each in sample_events if isinstance(each, Utterance) and 10.5 < each.start_s < 16.0]
    assert [each.text for each in part] == [each.text for each in whole]
    for here, there in zip(part, whole, strict=True):
        assert here.start_s == pytest.approx(there.start_s, abs=0.3)
        assert here.score == pytest.approx(there.score, abs=0.4)


def test_models_that_are_kept_give_the_same_results(tmp_path: Path, shared_data: Path) -> None:
    """Two recordings in one process, the first of them twice."""
    clips = [
        shared_data / "clips" / name
        for name in ("mosi_Sqr0AcuoNnk_12.mp4", "grid_bbaf2n.mpg", "mosi_Sqr0AcuoNnk_12.mp4")
    ]
    settings = Settings(asr_model="whisper-tiny.en")
    jobs = [Job(str(number), str(clip), (tmp_path / f"{number}.jsonl",), settings) for number, clip in enumerate(clips)]
    outcomes = list(analyze_all(jobs, 1))
    assert [outcome.problem for outcome in outcomes] == ["", "", ""]
    assert heard(tmp_path / "0.jsonl") == heard(tmp_path / "2.jsonl") != heard(tmp_path / "1.jsonl")


def heard(path: Path) -> list[object]:
    """Words and scores that are final."""
    return [
        event.text if isinstance(event, WordHeard) else (event.end_s, event.score)
        for event in read_events(path)
        if isinstance(event, WordHeard | Reading) and event.status == "committed"
    ]


def test_a_store_loads_once_and_again_for_other_settings() -> None:
    store = ModelStore()
    lines: list[str] = []
    first = store.predictor(Settings(), lines.append)
    assert store.predictor(Settings(hop=1.0), lines.append) is first
    assert len(lines) == 1


def test_a_terminal_shows_a_bar_for_each_and_one_for_all(tmp_path: Path) -> None:
    need_tmux()
    copies = [str(shutil.copy(SAMPLE, tmp_path / f"{name}.mp4")) for name in ("first", "second")]
    command = [sys.executable, "-m", "mmim_live.cli", "analyze", *copies, "--out", str(tmp_path / "out"), "--no-speech"]
    terminal = Terminal(f"{shlex.join(command)}; sleep 60")
    try:
        screen = terminal.wait(lambda screen: "analyzing" in screen)
        assert "all recordings" in screen
        assert "0 of 2" in screen
        terminal.wait(lambda screen: "1 of 2" in screen)
        screen = terminal.wait(lambda screen: "2 analyzed, 0 failed" in screen)
        assert "all recordings" not in screen  # the bars are gone, the lines have stayed
        assert screen.count("mean score") == 2
    finally:
        terminal.close()
