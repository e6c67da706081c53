"""Benchmarks a replay on this machine, and the word errors that streaming adds.

Each replay runs in its own process, so that startup, memory and CPU time can be attributed to it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmim_live.benchmark.long_media import repeated
from mmim_live.benchmark.measured_process import measured_process
from mmim_live.benchmark.periods import Period, PeriodReporter, growth_mb_per_hour
from mmim_live.benchmark.quantiles import quantile
from mmim_live.benchmark.session_log import SessionLog
from mmim_live.benchmark.session_probe import SessionProbe
from mmim_live.events import Reading, Summary
from mmim_live.session.open_replay import media_path
from mmim_live.text_normalization import normalize_text
from mmim_live.types import SAMPLE_RATE_HZ, SpeechUpdate, Word

if TYPE_CHECKING:
    from mmim_live.session.session import Session


@dataclass(frozen=True, slots=True)
class ReplayMetrics:
    """The cost of one replay at full speed."""

    file: str
    media_s: float
    start_to_reading_s: float  # from the start of the process to its first reading
    loading_s: float  # of that, until the threads started
    real_time_factor: float  # wall seconds per media second, after loading
    cpu_factor: float  # CPU seconds per media second, after loading; 2.0 is two busy cores
    peak_memory_mb: float
    memory_growth_mb_per_hour: float | None  # of wall time, since minute 5
    latency_p50_ms: float
    latency_p95_ms: float


def measure_replay(
    file: Path,
    settings: dict[str, Any],
    *,
    minutes: float | None = None,
    on_period: Callable[[Period], None] = lambda _: None,
) -> ReplayMetrics:
    """Replay `file` at full speed in a new process.

    `minutes`: its media are repeated to this length, as one file. `on_period` receives a row every five minutes.

    Raises:
        MmimLiveError: as a replay does.
    """
    with contextlib.ExitStack() as stack:
        media = file
        if minutes is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmim-")))
            media = repeated(media_path(file), 60 * minutes, folder)
        process = stack.enter_context(measured_process(run_replay, media, settings))
        reporter = PeriodReporter(process.log, on_period)
        for _ in process.watch():
            reporter.tick()
        reporter.end()
    return _replay_metrics(file.name, process.log)


def run_replay(probe: SessionProbe, file: Path, settings: dict[str, Any]) -> None:
    """Replay to the end; called in the measured process."""
    from mmim_live.session.open_replay import open_replay
    from mmim_live.session.runner import SessionRunner
    from mmim_live.settings import load_settings

    loaded = load_settings(None, settings)

    def open_session(report: Callable[[str], None]) -> Session:
        session = open_replay(file, loaded, "max", report)
        probe.attach(session)
        return session

    SessionRunner(open_session, live=False, sinks=[probe]).run(lambda _: None)


def _replay_metrics(name: str, log: SessionLog) -> ReplayMetrics:
    opened, totals = log.opened, log.totals
    assert opened is not None
    assert totals is not None
    readings = [(time_s, event) for time_s, event in log.events if isinstance(event, Reading)]
    latencies_ms = [event.latency_ms for _, event in readings]
    summary = log.events[-1][1]
    assert isinstance(summary, Summary)
    first_s = readings[0][0] if readings else totals.wall_s
    return ReplayMetrics(
        file=name,
        media_s=summary.duration_s,
        start_to_reading_s=opened.loading_s + first_s,
        loading_s=opened.loading_s,
        real_time_factor=summary.real_time_factor,
        cpu_factor=totals.cpu_s / summary.duration_s,
        peak_memory_mb=totals.peak_memory_mb,
        memory_growth_mb_per_hour=growth_mb_per_hour(log),
        latency_p50_ms=quantile(latencies_ms, 0.5),
        latency_p95_ms=quantile(latencies_ms, 0.95),
    )


@dataclass(frozen=True, slots=True)
class SpeechMetrics:
    """Accuracy and latency of streaming for one recording. Errors are None without a transcript next to it (.txt)."""

    file: str
    words: int  # in the transcript, or committed if there is none
    streaming_errors: int | None
    whole_errors: int | None  # with the same model on the whole file, with its default settings
    cpu_factor: float  # CPU seconds per second of audio, streaming
    heard_p95_s: float  # media time from the end of a word to the first hypothesis with it
    committed_p95_s: float  # the same until it is committed
    text: str


def measure_speech(file: Path, asr_model: str, language: str) -> SpeechMetrics:
    """Recognize `file` as a stream and as a whole, in this process. Raises MmimLiveError."""
    from faster_whisper import WhisperModel

    from mmim_live.capture.files.media_file import MediaFile
    from mmim_live.session.loading import asr_folder
    from mmim_live.speech.recognizer import SpeechRecognizer
    from mmim_live.speech.wer import word_errors
    from mmim_live.speech.whisper import load_whisper
    from mmim_live.types import AudioBlock

    _, folder = asr_folder(asr_model, language)
    fixed = None if language == "auto" else language
    blocks: list[AudioBlock] = []
    with MediaFile(file, video=False) as source:
        while isinstance(block := source.read(), AudioBlock):
            blocks.append(block)
    recognizer = SpeechRecognizer(load_whisper(folder), fixed, prior="en")
    cpu_before = time.process_time()
    updates: list[SpeechUpdate] = [update for block in blocks for update in recognizer.push(block)]
    updates += recognizer.flush()
    cpu_s = time.process_time() - cpu_before
    committed = [word for update in updates for word in update.committed]
    text = " ".join(word.text for word in committed)
    samples = np.concatenate([block.samples for block in blocks])
    whole = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    at_once = " ".join(part.text for part in whole.transcribe(samples, language=fixed, vad_filter=True)[0])
    reference = file.with_suffix(".txt")
    truth = reference.read_text(encoding="utf-8") if reference.is_file() else None
    return SpeechMetrics(
        file=file.name,
        words=len(committed) if truth is None else word_errors(truth, "")[1],
        streaming_errors=None if truth is None else word_errors(truth, text)[0],
        whole_errors=None if truth is None else word_errors(truth, at_once)[0],
        cpu_factor=cpu_s / (len(samples) / SAMPLE_RATE_HZ),
        heard_p95_s=quantile([word.heard_s - word.end_s for word in _first_heard(updates)], 0.95),
        committed_p95_s=quantile([word.heard_s - word.end_s for word in committed], 0.95),
        text=text,
    )


def _first_heard(updates: Sequence[SpeechUpdate]) -> list[Word]:
    """For each committed word, its first appearance in a hypothesis at about the same time."""
    first: list[Word] = []
    for word in (word for update in updates for word in update.committed):
        appearances = [
            early
            for update in updates
            for early in (*update.provisional, *update.committed)
            if normalize_text(early.text) == normalize_text(word.text) and abs(early.end_s - word.end_s) < 0.5
        ]
        first.append(min(appearances, key=lambda early: early.heard_s))
    return first
