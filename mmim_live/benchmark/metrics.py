"""The log of a live session -> its metrics: rates, word latency by stage, losses."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmim_live.benchmark.periods import growth_mb_per_hour
from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog
from mmim_live.benchmark.virtual_microphone import Playback
from mmim_live.events import Event, Notice, Reading, WordHeard
from mmim_live.speech.wer import word_errors
from mmim_live.text_normalization import normalize_text

WARM_S = 120.0  # memory growth is measured from here on
PART_S = 30.0  # the lag is reported per part of this length
SAME_WORD_S = 0.5  # two hypotheses of a word may differ by this much in its end


@dataclass(frozen=True, slots=True)
class LiveMetrics:
    """Metrics of a live session. Word latencies count from the end of the word, as the recognizer places it."""

    file: str  # the camera's
    loading_s: float  # from the start of the session's process
    first_reading_s: float  # after loading
    media_s: float
    face_fps: float  # from the first frame on
    reading_interval_p50_s: float
    reading_interval_p95_s: float
    reading_latency_p50_ms: float  # from the capture of a window's end
    reading_latency_p95_ms: float
    words: int
    word_errors: str  # errors of words; unknown without transcripts
    word_to_reading_p50_s: float  # to the first reading that includes it
    word_to_reading_p95_s: float
    of_that_until_listened_p50_s: float  # to the end of the audio in which it was first recognized
    of_that_until_listened_p95_s: float
    of_that_until_recognised_p50_s: float  # from there to the word's event
    of_that_until_recognised_p95_s: float
    of_that_until_read_p50_s: float  # from the word's event to the reading
    of_that_until_read_p95_s: float
    word_to_commitment_p50_s: float
    word_to_commitment_p95_s: float
    lag_by_half_minute_s: str  # 95th percentile of word to reading, in order of time
    cpu_percent: float  # of one core, after loading
    cpu_by_thread_percent: str
    memory_mb: float  # at the end
    memory_growth_mb: float | None  # since minute 2
    memory_growth_mb_per_hour: float | None  # since minute 5
    audio_lost_s: float
    speech_effort: str  # at the end
    drops: str
    notices: str


@dataclass(frozen=True, slots=True)
class WordTrace:
    """The way of one committed word through the session, in media time."""

    end_s: float
    listened_s: float  # end of the audio of the first hypothesis with it
    reported_s: float  # first event
    read_s: float | None  # first reading that includes it
    committed_s: float

    @property
    def to_reading_s(self) -> float | None:
        return None if self.read_s is None else self.read_s - self.end_s


def live_metrics(log: SessionLog, camera: str, speech: Sequence[Path], plays: Sequence[Playback]) -> LiveMetrics:
    """Compute the metrics; `plays` lists which of `speech` was played to its end, and when."""
    assert log.opened is not None
    assert log.totals is not None
    events, totals = log.events, log.totals
    first = [(now_s, event) for now_s, event in events if isinstance(event, Reading) and event.revision == 0]
    intervals = [later - now for (now, _), (later, _) in itertools.pairwise(first)]
    latencies = [reading.latency_ms for _, reading in first]
    traces = trace_words(events)
    heard = [trace.to_reading_s for trace in traces if trace.to_reading_s is not None]
    listened = [trace.listened_s - trace.end_s for trace in traces]
    recognised = [trace.reported_s - trace.listened_s for trace in traces]
    read = [trace.read_s - trace.reported_s for trace in traces if trace.read_s is not None]
    commitment = [trace.committed_s - trace.end_s for trace in traces]
    warm = [sample.memory_mb for sample in log.samples if sample.time_s >= WARM_S]
    seen = [usage for usage in log.usage if usage.frames]
    fps = (seen[-1].frames - seen[0].frames) / (seen[-1].time_s - seen[0].time_s) if len(seen) > 1 else 0.0
    threads = sorted(totals.cpu_by_thread_s.items(), key=lambda each: -each[1])
    last = log.usage[-1]
    return LiveMetrics(
        file=camera,
        loading_s=log.opened.loading_s,
        first_reading_s=first[0][0] if first else math.nan,
        media_s=events[-1][0],
        face_fps=fps,
        reading_interval_p50_s=quantile(intervals, 0.5),
        reading_interval_p95_s=quantile(intervals, 0.95),
        reading_latency_p50_ms=quantile(latencies, 0.5),
        reading_latency_p95_ms=quantile(latencies, 0.95),
        words=len(traces),
        word_errors=_errors(log, speech, plays),
        word_to_reading_p50_s=quantile(heard, 0.5),
        word_to_reading_p95_s=quantile(heard, 0.95),
        of_that_until_listened_p50_s=quantile(listened, 0.5),
        of_that_until_listened_p95_s=quantile(listened, 0.95),
        of_that_until_recognised_p50_s=quantile(recognised, 0.5),
        of_that_until_recognised_p95_s=quantile(recognised, 0.95),
        of_that_until_read_p50_s=quantile(read, 0.5),
        of_that_until_read_p95_s=quantile(read, 0.95),
        word_to_commitment_p50_s=quantile(commitment, 0.5),
        word_to_commitment_p95_s=quantile(commitment, 0.95),
        lag_by_half_minute_s=lag_by_part(traces),
        cpu_percent=100 * totals.cpu_s / totals.wall_s,
        cpu_by_thread_percent=", ".join(
            f"{name} {percent:.0f}" for name, used_s in threads if (percent := 100 * used_s / totals.wall_s) >= 1
        ),
        memory_mb=log.samples[-1].memory_mb,
        memory_growth_mb=statistics.fmean(warm[-10:]) - statistics.fmean(warm[:10]) if len(warm) >= 20 else None,
        memory_growth_mb_per_hour=growth_mb_per_hour(log),
        audio_lost_s=last.audio_lost_s,
        speech_effort=last.effort,
        drops=", ".join(f"{count} {kind}" for kind, count in totals.drops.items() if count) or "none",
        notices=", ".join(sorted({event.code for _, event in events if isinstance(event, Notice)})),
    )


def trace_words(events: Sequence[tuple[float, Event]]) -> list[WordTrace]:
    """The trace of each committed word. `events` are paired with the media time at which they arrived.

    A reading includes the words reported before it that lie in its window: the session reports words first, and then
    emits the window again.
    """
    traces: list[WordTrace] = []
    words = [(place, now_s, event) for place, (now_s, event) in enumerate(events) if isinstance(event, WordHeard)]
    readings = [(place, now_s, event) for place, (now_s, event) in enumerate(events) if isinstance(event, Reading)]
    for place, now_s, word in words:
        if word.status != "committed":
            continue
        first_place, reported_s, first = next(
            (first_place, reported_s, first)
            for first_place, reported_s, first in words
            if first_place <= place
            and normalize_text(first.text) == normalize_text(word.text)
            and abs(first.end_s - word.end_s) < SAME_WORD_S
        )
        middle_s = (first.start_s + first.end_s) / 2
        read_s = (
            arrived_s
            for reading_place, arrived_s, reading in readings
            if reading_place > first_place and reading.start_s <= middle_s < reading.end_s
        )
        traces.append(WordTrace(word.end_s, first.heard_s, reported_s, next(read_s, None), now_s))
    return traces


def lag_by_part(traces: Sequence[WordTrace]) -> str:
    """95th percentile of word to reading in each half minute; - if nothing was said."""
    parts: dict[int, list[float]] = {}
    for trace in traces:
        if trace.to_reading_s is not None:
            parts.setdefault(int(trace.end_s / PART_S), []).append(trace.to_reading_s)
    return " ".join(
        f"{quantile(parts[part], 0.95):.2f}" if part in parts else "-" for part in range(max(parts, default=-1) + 1)
    )


def _errors(log: SessionLog, speech: Sequence[Path], plays: Sequence[Playback]) -> str:
    """Word errors over the recordings played to their end, against the transcripts next to them (.txt)."""
    transcripts = [path.with_suffix(".txt") for path in speech]
    assert log.opened is not None
    start_s = log.opened.began_s
    known = [play for play in plays if transcripts[play.number].is_file() and play.began_s >= start_s]
    if not known:
        return "unknown"
    committed = [event for _, event in log.events if isinstance(event, WordHeard) and event.status == "committed"]
    errors = words = 0
    for play in known:
        began_s, ended_s = play.began_s - start_s, play.ended_s - start_s
        said = [word.text for word in committed if began_s <= (word.start_s + word.end_s) / 2 < ended_s]
        wrong, length = word_errors(transcripts[play.number].read_text(encoding="utf-8"), " ".join(said))
        errors, words = errors + wrong, words + length
    return f"{errors} of {words}"
