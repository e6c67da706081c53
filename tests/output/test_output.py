"""The files: what is written can be read back, is whole at any moment, and failures leave nothing behind."""

import csv
import dataclasses
import itertools
import json
import os
import re
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmim_live.errors import DataError, OutputError
from mmim_live.events import Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
from mmim_live.output import Sink, check_writable, open_sink, read_events
from mmim_live.output.jsonl import jsonl_formatter
from mmim_live.output.sink import SUFFIXES, check_distinct
from mmim_live.output.subtitles import srt_formatter, vtt_formatter
from mmim_live.output.tables import TABLES
from mmim_live.types import Agreement, Contributions, Present
from mmim_live.untrusted import MAX_DIGITS

SESSION = SessionStarted(
    version="0.1.0",
    source="talk.mp4",
    duration_s=12.5,
    checkpoint="mosi",
    contract_hash="0123456789abcdef",
    models={"asr": "base"},
    settings={"hop_s": 0.5},
    started_at="2026",
)
READING = Reading(
    start_s=0.5,
    end_s=6.5,
    score=1.23456,
    low=-0.5,
    high=2.0,
    status="provisional",
    revision=1,
    contributions=Contributions(text=1.0, face=-0.00001),
    agreement=Agreement(voice=0.4),
    present=Present(text=True, face=True),
    latency_ms=312.34,
)
UTTERANCE = Utterance(
    start_s=3599.9996,
    end_s=3605.5,
    text="this is <b>so</b> good & fine",
    language="en",
    score=1.8,
    low=None,
    high=None,
    status="committed",
    revision=0,
    contributions=Contributions(),
    agreement=Agreement(),
    present=Present(text=True),
    latency_ms=12.0,
)

# ---- events of every kind, with numbers that the files can hold exactly ---------------------------------------------


def decimals(places: int, low: float, high: float) -> st.SearchStrategy[float]:
    scale = 10**places
    return st.integers(round(low * scale), round(high * scale)).map(lambda number: number / scale)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
times = decimals(3, 0, 90_000)
fractions = decimals(4, 0, 1)
scores = decimals(4, -3, 3)
maybe_scores = st.none() | scores
statuses = st.sampled_from(["provisional", "committed"])
sentiment = {
    "start_s": times,
    "end_s": times,
    "score": maybe_scores,
    "low": maybe_scores,
    "high": maybe_scores,
    "status": statuses,
    "revision": st.integers(0, 9),
    "contributions": st.builds(Contributions, text=maybe_scores, voice=maybe_scores, face=maybe_scores),
    "agreement": st.builds(Agreement, voice=st.none() | fractions, face=st.none() | fractions),
    "present": st.builds(Present, text=st.booleans(), voice=st.booleans(), face=st.booleans()),
    "latency_ms": decimals(1, 0, 60_000),
    "relative": st.none() | decimals(4, -6, 6),
}
counts = st.dictionaries(texts, st.integers(0, 10_000), max_size=3)
readable_integers = st.integers(1 - 10**MAX_DIGITS, 10**MAX_DIGITS - 1)  # longer ones are refused on reading
any_setting = st.none() | st.booleans() | readable_integers | st.floats(allow_nan=False, allow_infinity=False) | texts
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        SessionStarted,
        version=texts,
        source=texts,
        duration_s=st.none() | times,
        checkpoint=texts,
        contract_hash=texts,
        models=st.dictionaries(texts, texts, max_size=3),
        settings=st.dictionaries(texts, any_setting | st.lists(any_setting, max_size=3), max_size=3),
        started_at=texts,
        type=st.just("session"),
    ),
    st.builds(
        WordHeard,
        text=texts,
        start_s=times,
        end_s=times,
        probability=fractions,
        status=statuses,
        heard_s=times,
        language=st.none() | texts,
        type=st.just("word"),
    ),
    st.builds(Reading, **sentiment, type=st.just("reading")),
    st.builds(Utterance, **sentiment, text=texts, language=st.none() | texts, type=st.just("utterance")),
    st.builds(Notice, time_s=times, code=texts, message=texts, type=st.just("notice")),
    st.builds(Mark, time_s=times, label=texts, type=st.just("mark")),
    st.builds(
        Summary,
        duration_s=times,
        counts=counts,
        drops=counts,
        mean_score=maybe_scores,
        languages=st.lists(texts, max_size=3).map(tuple),
        real_time_factor=fractions,
        type=st.just("summary"),
    ),
)


# ---- JSON lines -----------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(events, min_size=1, max_size=5))
def test_jsonl_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, written: list[Event]) -> None:
    path = tmp_path_factory.mktemp("round") / "trip.jsonl"
    sink = open_sink(path)
    for event in written:
        sink.write(event)
    sink.close()
    assert list(read_events(path)) == written
    assert path.read_bytes().count(b"\n") == len(written)


def test_a_json_line_has_type_first_rounded_numbers_and_null_for_the_unknown() -> None:
    line = jsonl_formatter()(dataclasses.replace(READING, score=float("nan"), low=1 / 3, start_s=1 / 3))
    parsed = json.loads(line)
    assert line.startswith('{"type": "reading", "start_s": 0.333, ')
    assert list(parsed) == ["type", *(f.name for f in dataclasses.fields(Reading) if f.name != "type")]
    assert parsed["score"] is None
    assert parsed["low"] == 0.3333
    assert parsed["latency_ms"] == 312.3
    assert parsed["contributions"] == {"text": 1.0, "voice": None, "face": 0.0}
    assert "-0.0" not in line


def test_file_names_that_are_not_unicode_do_not_break_the_line(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "x.jsonl")
    sink.write(dataclasses.replace(SESSION, source=os.fsdecode(b"caf\xe9.mp4")))
    sink.close()
    assert [event.type for event in read_events(tmp_path / "x.jsonl")] == ["session"]


GOOD_LINE = jsonl_formatter()(READING)


def test_files_of_before_there_was_a_baseline_can_be_read(tmp_path: Path) -> None:
    old = GOOD_LINE.replace(', "relative": null', "")
    assert old != GOOD_LINE
    (tmp_path / "old.jsonl").write_text(old, encoding="utf-8")
    (reading,) = read_events(tmp_path / "old.jsonl")
    assert isinstance(reading, Reading)
    assert reading.relative is None


@pytest.mark.parametrize(
    "bad",
    [
        "\n",
        "no json\n",
        "[]\n",
        '{"type": "weather"}\n',
        GOOD_LINE.rstrip("\n"),
        GOOD_LINE.replace('"start_s"', '"begin_s"'),
        GOOD_LINE.replace('"latency_ms"', '"mood": 1, "latency_ms"'),
        GOOD_LINE.replace('"voice": null, "face": 0.0', '"face": 0.0'),
        GOOD_LINE.replace('"end_s": 6.5', '"end_s": "6.5"'),
        GOOD_LINE.replace('"end_s": 6.5', '"end_s": null'),
        GOOD_LINE.replace('"end_s": 6.5', '"end_s": NaN'),
        GOOD_LINE.replace("provisional", "settled"),
    ],
)
def test_a_malformed_line_is_named_by_its_number(tmp_path: Path, bad: str) -> None:
    assert bad != GOOD_LINE
    path = tmp_path / "bad.jsonl"
    path.write_text(GOOD_LINE + bad, encoding="utf-8")
    reader = read_events(path)
    assert next(reader) == dataclasses.replace(
        READING, score=1.2346, latency_ms=312.3, contributions=Contributions(text=1.0, face=0.0)
    )
    with pytest.raises(DataError, match=r"^[^\n]*bad\.jsonl, line 2 [^\n]+$"):
        next(reader)


def test_a_missing_recording_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        next(read_events(tmp_path / "none.jsonl"))


# ---- the other formats ----------------------------------------------------------------------------------------------


def test_csv_has_one_row_a_reading_under_documented_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.revisions.csv"
    sink = open_sink(path)
    for event in (SESSION, READING, UTTERANCE, dataclasses.replace(READING, score=None, revision=2)):
        sink.write(event)
    sink.close()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(TABLES["revisions"].columns)
    assert [row["score"] for row in rows] == ["1.2346", ""]
    assert rows[0]["revision"] == "1"
    assert rows[0]["contribution_text"] == "1.0"
    assert rows[0]["contribution_voice"] == ""
    assert (rows[0]["present_text"], rows[0]["present_voice"]) == ("1", "0")


def test_csv_holds_what_is_committed(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "x.csv")
    write_all(sink, (READING, dataclasses.replace(READING, status="committed", revision=2)))
    sink.close()
    with (tmp_path / "x.csv").open(newline="") as file:
        assert [row["revision"] for row in csv.DictReader(file)] == ["2"]


def test_no_text_is_a_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "x.utterances.csv")
    write_all(sink, [dataclasses.replace(UTTERANCE, text=text) for text in ('=HYPERLINK("x")', "a = b", "-1\n+2")])
    sink.close()
    with (tmp_path / "x.utterances.csv").open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ['\'=HYPERLINK("x")', "a = b", "'-1 +2"]


def test_subtitles_of_known_utterances() -> None:
    srt, vtt = srt_formatter(), vtt_formatter()
    assert srt(UTTERANCE) == "1\n01:00:00,000 --> 01:00:05,500\n[+1.8] this is ‹b›so‹/b› good & fine\n\n"
    assert vtt(UTTERANCE) == ("01:00:00.000 --> 01:00:05.500\n[+1.8] this is &lt;b&gt;so&lt;/b&gt; good &amp; fine\n\n")
    assert srt(dataclasses.replace(UTTERANCE, score=None)).startswith("2\n")
    assert "[no score] this" in srt(dataclasses.replace(UTTERANCE, score=None))
    assert "[+0.0] this" in vtt(dataclasses.replace(UTTERANCE, score=-0.01))
    assert srt(dataclasses.replace(UTTERANCE, status="provisional")) == ""
    assert vtt(READING) == ""


def test_marks_are_cues_of_their_own() -> None:
    srt, vtt = srt_formatter(), vtt_formatter()
    assert srt(Mark(62.5, "the <b>end</b>\n--> no")) == (
        "1\n00:01:02,500 --> 00:01:04,500\n[mark] the ‹b›end‹/b› --› no\n\n"
    )
    assert vtt(Mark(0.0)) == "00:00:00.000 --> 00:00:02.000\n[mark]\n\n"
    assert srt(UTTERANCE).startswith("2\n")


CLOCK = r"\d{2,}:[0-5]\d:[0-5]\d"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.builds(Utterance, **sentiment, text=st.text(), language=st.none()), max_size=6))
def test_subtitles_are_well_formed_for_any_text_and_time(utterances: list[Utterance]) -> None:
    srt, vtt = srt_formatter(), vtt_formatter()
    committed = [each for each in utterances if each.status == "committed"]
    cues = "".join(srt(each) for each in utterances).split("\n\n")
    assert cues.pop() == ""
    assert len(cues) >= len(committed)
    for number, cue in enumerate(cues, start=1):
        index, times_line, text, *more = cue.split("\n")
        assert len(more) <= 1
        assert all(0 < len(line) <= 42 for line in (text, *more))
        assert index == str(number)
        match = re.fullmatch(rf"({CLOCK},\d{{3}}) --> ({CLOCK},\d{{3}})", times_line)
        assert match is not None
        assert match[1] < match[2]
        assert text.startswith("[")
        assert "-->" not in text
    cues = "".join(vtt(each) for each in utterances).split("\n\n")
    assert cues.pop() == ""
    for cue in cues:
        times_line, *lines = cue.split("\n")
        assert re.fullmatch(rf"{CLOCK}\.\d{{3}} --> {CLOCK}\.\d{{3}}", times_line)
        assert 1 <= len(lines) <= 2
        assert all("-->" not in line and "<" not in line for line in lines)


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_touched_before_the_first_event(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"old{suffix}"
    path.write_text("what was there")
    check_writable(path)
    sink = open_sink(path)
    sink.discard()
    sink.close()
    assert path.read_text() == "what was there"


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".utterances.csv", ".srt", ".vtt"])
def test_every_event_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"live{suffix}"
    sink = open_sink(path)
    seen = []
    committed = dataclasses.replace(READING, status="committed")
    for event in (SESSION, committed, UTTERANCE, committed, UTTERANCE):
        sink.write(event)
        seen.append(path.read_bytes())
    sink.close()
    assert path.read_bytes() == seen[-1]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))
    assert all(not content or content.endswith(b"\n") for content in seen)
    assert seen[-1] != seen[0]


def test_discard_removes_what_was_begun(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "x.jsonl")
    sink.write(SESSION)
    sink.discard()
    assert list(tmp_path.iterdir()) == []
    sink.discard()


def full_disk(folder: Path) -> Path:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (folder / "x.jsonl").symlink_to("/dev/full")
    return folder / "x.jsonl"


def a_folder(folder: Path) -> Path:
    (folder / "x.jsonl").mkdir()
    return folder / "x.jsonl"


def a_link_to_itself(folder: Path) -> Path:
    (folder / "x.jsonl").symlink_to("x.jsonl")
    return folder / "x.jsonl"


def no_permission(folder: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return folder / "x.jsonl"


@pytest.mark.parametrize(
    ("make", "reason", "seen_before"),
    [
        (full_disk, "No space left", False),
        (a_folder, "Is a directory", True),
        (no_permission, "Permission denied", True),
        (lambda folder: folder / "missing" / "x.jsonl", "No such file", True),
        (a_link_to_itself, "Too many levels of symbolic links", True),
        (lambda folder: folder / f"{'x' * 300}.jsonl", "File name too long", True),
        (lambda folder: folder / ("x" * 300) / "x.jsonl", "File name too long", True),
        (lambda folder: folder / "x.docx", r"\.docx is not a supported format; use \.jsonl, \.srt, \.vtt, \.csv", True),
        (lambda folder: folder / "x", "no suffix is not a supported format", True),
    ],
)
def test_what_cannot_be_written_is_one_clear_line(
    tmp_path: Path, make: Callable[[Path], Path], reason: str, seen_before: bool
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    if seen_before:
        with pytest.raises(OutputError, match=rf"^cannot write [^\n]*{reason}[^\n]*$"):
            check_writable(path)
    else:
        check_writable(path)
    with pytest.raises(OutputError, match=rf"^cannot write [^\n]*{reason}[^\n]*$"):
        open_sink(path).write(SESSION)
    assert sorted(tmp_path.iterdir()) == before
    assert os.access(path, os.F_OK) == (make in (full_disk, a_folder))  # a device is not removed


def test_a_link_to_itself_is_no_other_output(tmp_path: Path) -> None:
    check_distinct(a_link_to_itself(tmp_path), [tmp_path / "y.jsonl"])
    with pytest.raises(OutputError, match="named twice"):
        check_distinct(tmp_path / "talk.mp4", [tmp_path / "x.jsonl"] * 2)


def write_all(sink: Sink, events: Iterable[Event]) -> None:
    for event in events:
        sink.write(event)


def test_a_disk_that_fills_up_midway_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = tmp_path / "x.jsonl"
    sink = open_sink(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        sink.write(SESSION)
        assert path.stat().st_size > 0
        with pytest.raises(OutputError, match=r"^cannot write [^\n]+$"):
            write_all(sink, [READING] * 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
