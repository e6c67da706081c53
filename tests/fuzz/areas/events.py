"""Events in a .jsonl file, through every output; and what a stranger's program may ask of the server."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from websockets.exceptions import SecurityError
from websockets.http11 import Request
from websockets.streams import StreamReader

from mmim_live.events import Comparison, Event, Mark, Notice, Summary, WordHeard
from mmim_live.output.csv import csv_formatter
from mmim_live.output.jsonl import jsonl_formatter, read_events
from mmim_live.output.subtitles import srt_formatter, vtt_formatter
from mmim_live.output.tables import TABLES
from mmim_live.serve.auth import rejection, request_target
from mmim_live.serve.snapshot import Snapshot
from mmim_live.transcript import Transcript
from tests.fuzz.area import Area, Files
from tests.output.test_output import READING, SESSION, UTTERANCE

EVENTS: tuple[Event, ...] = (
    SESSION,
    WordHeard(text="so", start_s=0.5, end_s=1, probability=0.9, status="committed", heard_s=2, language="en"),
    READING,
    UTTERANCE,
    Mark(3.5, "here"),
    Notice(1.0, "no_face", "no face"),
    Comparison(
        readings=3, readings_matched=2, score_mean_difference=0.1, score_largest_difference=None, words=4,
        words_same=0.5, utterances=1, utterances_matched=1,
    ),
    Summary(
        duration_s=12.5, counts={"words": 3}, drops={}, mean_score=0.5, languages=("en",), real_time_factor=0.4
    ),
)  # fmt: skip
REQUEST = (
    b"GET /events?token=abcdefgh HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nOrigin: null\r\nAuthorization: Bearer x\r\n\r\n"
)


def event_lines() -> bytes:
    return "".join(map(jsonl_formatter(), EVENTS)).encode()


def seeds() -> list[Files]:
    return [{"events.jsonl": event_lines()}, {"events.jsonl": event_lines()}, {"request.txt": REQUEST}]


def write_everywhere(events: Iterable[Event]) -> None:
    tables = [csv_formatter(table) for table in TABLES.values()]
    formatters = (jsonl_formatter(), *tables, srt_formatter(), vtt_formatter())
    transcript, snapshot = Transcript(), Snapshot()
    for event in events:
        for formatter in formatters:
            record = formatter(event)
            record.encode()
            assert len(record) < 2**22, "a record that is far larger than its event"
        transcript.apply(event)
        snapshot.apply(event)


def change_time(rng: random.Random, content: bytes) -> bytes:
    names = (b'"time_s": ', b'"start_s": ', b'"end_s": ', b'"duration_s": ', b'"score": ', b'"latency_ms": ')
    at = content.find(rng.choice(names))
    if at < 0:
        return content
    start = content.find(b": ", at) + 2
    end = min(place for place in (content.find(b",", start), content.find(b"}", start), len(content)) if place >= 0)
    value = rng.choice((b"1e999", b"-1e999", b"1e308", b"-1e308", b"-5.0", b"NaN", b"1e18", b"null", b"1" * 400))
    return content[:start] + value + content[end:]


def read(folder: Path) -> None:
    if (folder / "events.jsonl").exists():
        write_everywhere(read_events(folder / "events.jsonl"))
    if (folder / "request.txt").exists():
        _request((folder / "request.txt").read_bytes())


def _request(content: bytes) -> None:
    reader = StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    parsing = Request.parse(reader.read_line)
    try:
        next(parsing)
    except StopIteration as end:
        request: Request = end.value
        target = request_target(request.path)
        if target is not None:
            rejection(target, request.headers, "abcdefgh-abcdefgh")
    except (EOFError, ValueError, SecurityError):
        pass  # the library refuses these before they reach us


AREA = Area("events", seeds, read, {".jsonl": (change_time,)})
