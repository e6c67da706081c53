"""A recording in, events out: the whole path, with nothing faked."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import pytest

import mmim_live
from mmim_live import assets
from mmim_live.events import Event, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.output import read_events

WALL_CLOCK = {"latency_ms", "started_at", "real_time_factor"}


def comparable(event: Event) -> dict[str, object]:
    """An event without its wall-clock values."""
    return {key: value for key, value in dataclasses.asdict(event).items() if key not in WALL_CLOCK}


def test_events_are_in_order_and_readings_on_the_grid(sample_events: list[Event]):
    assert isinstance(sample_events[0], SessionStarted)
    assert isinstance(sample_events[-1], Summary)
    readings = [event for event in sample_events if isinstance(event, Reading)]
    committed = [event for event in readings if event.status == "committed"]
    hop = sample_events[0].settings["hop"]
    assert [event.end_s for event in committed] == pytest.approx([hop * k for k in range(1, len(committed) + 1)])
    assert committed[-1].end_s - hop < sample_events[-1].duration_s <= committed[-1].end_s + 1e-6
    for event in readings:
        assert event.score is None or -3 <= event.score <= 3
        assert event.latency_ms >= 0
        for name in ("text", "voice", "face"):
            # an abstention explains nothing
            explained = getattr(event.contributions, name) is not None
            assert explained == (getattr(event.present, name) and event.score is not None)


def test_the_words_of_the_sample_determine_the_sign(sample_events: list[Event]):
    utterances = [event for event in sample_events if isinstance(event, Utterance)]
    middle = sample_events[-1].duration_s / 2 if isinstance(sample_events[-1], Summary) else 0.0
    praise = [event.score for event in utterances if event.end_s <= middle + 1 and event.score is not None]
    complaint = [event.score for event in utterances if event.start_s >= middle - 1 and event.score is not None]
    assert praise
    assert complaint
    assert min(praise) > 0.5
    assert max(complaint) < -0.5


def test_the_mosi_clip_is_positive(shared_data: Path):
    """ "And he's one of my favorite actors ever.", which annotators rated +2."""
    events = list(mmim_live.replay(shared_data / "clips" / "mosi_Sqr0AcuoNnk_12.mp4"))
    scores = [event.score for event in events if isinstance(event, Utterance)]
    assert scores
    assert all(score is not None and score > 0.5 for score in scores)


def test_the_sample_has_face_and_voice_throughout(sample_events: list[Event]):
    summary = sample_events[-1]
    assert isinstance(summary, Summary)
    assert summary.counts["face_rows"] >= 0.95 * summary.counts["frames"]
    assert summary.languages == ("en",)
    assert set(summary.drops.values()) == {0}
    late = [event for event in sample_events if isinstance(event, Reading) and event.end_s > 3]
    assert sum(dataclasses.astuple(event.present) == (True, True, True) for event in late) > 0.8 * len(late)


def test_words_are_committed_once_and_in_order(sample_events: list[Event]):
    words = [event for event in sample_events if isinstance(event, WordHeard) and event.status == "committed"]
    assert [word.start_s for word in words] == sorted(word.start_s for word in words)
    spoken = " ".join(event.text for event in sample_events if isinstance(event, Utterance))
    assert " ".join(word.text for word in words) == spoken


def test_a_second_replay_gives_the_same_events(sample_events: list[Event]):
    assert [comparable(event) for event in mmim_live.replay("sample")] == [comparable(e) for e in sample_events]


@pytest.mark.slow
def test_real_time_replay_gives_the_same_events(sample_events: list[Event]):
    began = time.monotonic()
    events = list(mmim_live.replay("sample", speed="1.0"))
    assert time.monotonic() - began >= 0.9 * events[-1].duration_s if isinstance(events[-1], Summary) else False
    assert [comparable(event) for event in events] == [comparable(event) for event in sample_events]


def test_the_files_hold_what_the_library_yields(tmp_path: Path, run, sample_events: list[Event]):
    paths = [tmp_path / f"out.{suffix}" for suffix in ("jsonl", "csv", "srt", "vtt")]
    done = run("replay", "sample", *itertools.chain.from_iterable(("--output", path) for path in paths))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = list(read_events(paths[0]))
    assert [event.type for event in written] == [event.type for event in sample_events]
    for mine, theirs in zip(written, sample_events, strict=True):
        if isinstance(mine, Utterance) and isinstance(theirs, Utterance):
            assert mine.text == theirs.text
            assert mine.score == pytest.approx(theirs.score, abs=1e-4)
            assert mine.text in done.stdout
            for path in paths[2:]:
                assert set(mine.text.split()) <= set(path.read_text().split())  # cut into lines and cues
    readings = sum(isinstance(event, Reading) and event.status == "committed" for event in written)
    assert len(paths[1].read_text().splitlines()) == readings + 1
    types = {json.loads(line)["type"] for line in paths[0].read_text().splitlines()}
    assert types >= {"session", "word", "reading", "utterance", "summary"}


def test_closing_the_generator_stops_the_threads():
    events = mmim_live.replay("sample")
    for event in events:
        if isinstance(event, Reading):
            break
    events.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("mmim-")]


def test_a_killed_run_leaves_whole_lines(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--speed", "1.0", "--output", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (path.exists() and path.read_text().count("\n") > 5):
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 5
    for line in lines:
        assert line.endswith("\n")
        json.loads(line)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_interrupted_run_ends_with_its_summary(name: str, tmp_path: Path):
    path = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "mmim_live.cli", "replay", "sample", "--no-speech", "--no-face", "--speed", "1.0"]
    with subprocess.Popen(
        [*command, "--output", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (path.exists() and path.read_text().count("\n") > 2):
            time.sleep(0.05)
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "s of media at" in out
    events = list(read_events(path))
    assert isinstance(events[-1], Summary)
    assert events[-1].duration_s < 12
    assert [event.code for event in events if isinstance(event, Notice)] == ["interrupted"]


def test_disabled_modalities_are_absent():
    events = list(mmim_live.replay("sample", face=False, speech=False, hop=2.0))
    readings = [event for event in events if isinstance(event, Reading)]
    assert readings
    assert not any(event.present.face or event.present.text for event in readings)
    assert any(event.present.voice for event in readings)
    assert all(event.status == "committed" for event in readings)
    assert not any(isinstance(event, Utterance | WordHeard) for event in events)


def test_video_without_audio_and_audio_without_video(tmp_path: Path, shared_data: Path):
    silent = tmp_path / "silent.mp4"
    with av.open(str(shared_data / "clips/wda_aoc.mp4")) as source, av.open(str(silent), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    events = list(mmim_live.replay(silent))
    assert [event.code for event in events if isinstance(event, Notice)] == ["no_audio"]
    assert any(event.present.face for event in events if isinstance(event, Reading))
    events = list(mmim_live.replay(shared_data / "clips/jfk.flac"))
    assert [event.code for event in events if isinstance(event, Notice)] == ["no_video"]
    assert any(event.present.text for event in events if isinstance(event, Reading))


def test_a_truncated_recording_is_reported(tmp_path: Path):
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    with av.open(str(assets.BUNDLED_FOLDER / "sample.mp4")) as source, av.open(str(whole), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    events = list(mmim_live.replay(cut, speech=False))
    summary = events[-1]
    assert isinstance(summary, Summary)
    assert 3 < summary.duration_s < 12
    assert [event.code for event in events if isinstance(event, Notice)] == ["ends_early"]
    ends = [event.end_s for event in events if isinstance(event, Reading)]
    assert summary.duration_s <= max(ends) < summary.duration_s + 0.5 + 1e-6


def test_a_language_that_the_checkpoint_cannot_read_counts_as_absent(shared_data: Path):
    events = list(mmim_live.replay(shared_data / "clips/moud_101_movies.mp4", face=False))
    assert "language_not_read" in [event.code for event in events if isinstance(event, Notice)]
    words = [event for event in events if isinstance(event, WordHeard) and event.status == "committed"]
    assert {word.language for word in words} == {"es"}
    readings = [event for event in events if isinstance(event, Reading) and event.status == "committed"]
    assert readings
    assert not any(event.present.text for event in readings)


CLIPS = (
    "grid_bbaf2n.mpg grid_lbax4n.mpg grid_lwbsza.mpg grid_sbwe5n.mpg jfk.flac mosi_Sqr0AcuoNnk_12.mp4 "
    "mosi_Sqr0AcuoNnk_12_noisy.mp4 moud_101_movies.mp4 music_singing_d12.mp4 pyfeat_no_face.mp4 "
    "pyfeat_noface_face.mov pyfeat_silent_face.mp4 sims_video_0001_0008_noface.mp4 "
    "sims_video_0016_0006_blurred.mp4 vexpress_17.mp4 vexpress_3.mp4 vexpress_7.mp4 vexpress_9.mp4 vexpress_l2.mp4 "
    "vexpress_l8.mp4 vexpress_talk_hb.mp4 wda_aoc.mp4"
)
WITHOUT_SPEECH = {"pyfeat_no_face.mp4", "pyfeat_noface_face.mov", "pyfeat_silent_face.mp4", "music_singing_d12.mp4"}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIPS.split())
def test_every_clip_is_replayed_to_its_end(name: str, shared_data: Path):
    events = list(mmim_live.replay(shared_data / "clips" / name))
    summary = events[-1]
    assert isinstance(summary, Summary)
    ends = [event.end_s for event in events if isinstance(event, Reading) and event.status == "committed"]
    assert ends[-1] >= summary.duration_s - 1e-6
    if name in WITHOUT_SPEECH:
        assert summary.counts["words"] == 0
    if name == "pyfeat_no_face.mp4":
        assert summary.counts["face_rows"] == 0
