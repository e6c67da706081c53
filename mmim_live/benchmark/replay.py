"""Benchmarks a replay on this machine, and the word errors that streaming adds.

Each replay runs in its own process, so that startup, memory and CPU time can be attributed to it.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from mmim_live.text_normalization import normalize_text
from mmim_live.types import SAMPLE_RATE_HZ, SpeechUpdate, Word


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
    latency_p50_ms: float
    latency_p95_ms: float


def measure_replay(file: Path, settings: dict[str, Any]) -> ReplayMetrics:
    """Replay `file` at full speed in a new process. Raises MmimLiveError as a replay does."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_replay_metrics, file, settings).result()


def _replay_metrics(file: Path, settings: dict[str, Any]) -> ReplayMetrics:
    from mmim_live.events import Reading, Summary
    from mmim_live.native_stderr import native_stderr_to_log
    from mmim_live.session.runner import replay_runner
    from mmim_live.settings import load_settings

    process = psutil.Process()
    first: float | None = None
    latencies_ms: list[float] = []
    summary: Summary | None = None
    with native_stderr_to_log():
        runner = replay_runner(file, load_settings(None, settings), "max")
        runner.open()
        loaded, cpu_before = time.time(), time.process_time()
        for event in runner.events():
            if isinstance(event, Reading):
                first = first or time.time()
                latencies_ms.append(event.latency_ms)
            elif isinstance(event, Summary):
                summary = event
    assert summary is not None
    cpu_s = time.process_time() - cpu_before
    started = process.create_time()
    return ReplayMetrics(
        file=file.name,
        media_s=summary.duration_s,
        start_to_reading_s=(first or time.time()) - started,
        loading_s=loaded - started,
        real_time_factor=summary.real_time_factor,
        cpu_factor=cpu_s / summary.duration_s,
        peak_memory_mb=_peak_memory_mb(),
        latency_p50_ms=statistics.median(latencies_ms) if latencies_ms else 0.0,
        latency_p95_ms=_p95(latencies_ms),
    )


def _peak_memory_mb() -> float:
    """The peak resident memory of this process."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


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
        heard_p95_s=_p95([word.heard_s - word.end_s for word in _first_heard(updates)]),
        committed_p95_s=_p95([word.heard_s - word.end_s for word in committed]),
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


def _p95(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0.0
