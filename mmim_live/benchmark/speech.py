"""Benchmarks streaming speech recognition on recordings: accuracy, latency, flicker and cost of a commit policy.

The latencies are those of a live session with a core to itself, computed without waiting: audio arrives in real time on
a simulated clock, and each step takes the CPU time that it took.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.benchmark.quantiles import quantile
from mmim_live.capture.files.media_file import MediaFile
from mmim_live.errors import ConfigError, DataError
from mmim_live.session.loading import asr_folder
from mmim_live.speech.presets import COMMIT_POLICIES, LIVE_SEGMENTS, LIVE_STEP_S
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.wer import word_errors
from mmim_live.speech.whisper import load_whisper
from mmim_live.text_normalization import normalize_text
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, SpeechUpdate, Word

SAME_WORD_S = 0.5  # two hypotheses of a word may differ by this much in its end
MAX_REFERENCE_BYTES = 10_000_000
AT_ONCE = "the whole file at once"


@dataclass(frozen=True, slots=True)
class SpeechRun:
    """One recording, or several together, recognized by one model under one commit policy.

    Latencies count in seconds from the end of a word, computation included.
    """

    model: str
    policy: str
    file: str
    audio_s: float
    reference: str  # what the errors are counted against: the name of a transcript, or `AT_ONCE`
    words: int  # in the reference
    streaming_errors: int
    at_once_errors: int  # of the same model on the whole file, as faster-whisper decodes it by default
    shown_s: tuple[float, ...]  # for each committed word, until it was first shown
    committed_s: tuple[float, ...]  # until it was final
    words_shown: int
    words_changed: int  # of the words shown
    cpu_s: float
    wall_s: float
    text: str

    @property
    def flicker(self) -> float:
        """Share of the words shown that were later replaced, or vanished."""
        return self.words_changed / max(self.words_shown, 1)


@dataclass(frozen=True, slots=True)
class TimedUpdate:
    """What the recognizer said, and when on the simulated clock."""

    shown_s: float
    update: SpeechUpdate


def measure_speech(
    files: Sequence[Path],
    asr_model: str,
    policies: Sequence[str],
    *,
    language: str = "auto",
    level_dbfs: float | None = None,
) -> Iterator[SpeechRun]:
    """Recognize each file as a live session does, under each of the policies, and as a whole.

    Args:
        files: recordings; `.txt` or `.stm` of the same name beside one is its reference. Without one, its errors are
            counted against the transcript of the whole file.
        asr_model: as in the settings.
        policies: keys of `COMMIT_POLICIES`; none means all.
        language: ISO 639-1, or auto to detect it.
        level_dbfs: bring each recording to this level (RMS) first.

    Raises:
        MmimLiveError: a policy is unknown, or a recording, its reference or the model cannot be read.
    """
    policies = policies or list(COMMIT_POLICIES)
    if unknown := [policy for policy in policies if policy not in COMMIT_POLICIES]:
        raise ConfigError(f"--policy: {unknown[0]!r} is not one of {', '.join(COMMIT_POLICIES)}")
    name, folder = asr_folder(asr_model, language)
    whisper = load_whisper(folder)
    fixed = None if language == "auto" else language
    for file in files:
        audio = read_audio(file)
        if level_dbfs is not None:
            audio = at_level(audio, level_dbfs)
        at_once = transcribe_at_once(folder, audio, fixed)
        reference, source = read_reference(file) or (at_once, AT_ONCE)
        for policy in policies:
            segments = replace(LIVE_SEGMENTS, commit_policy=COMMIT_POLICIES[policy])
            recognizer = SpeechRecognizer(whisper, fixed, prior="en", step_s=LIVE_STEP_S, segments=segments)
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            updates = stream(recognizer, audio)
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            committed = [(each.shown_s, word) for each in updates for word in each.update.committed]
            text = " ".join(word.text for _, word in committed)
            errors, words = word_errors(reference, text)
            shown, changed = count_changes([each.update for each in updates])
            yield SpeechRun(
                model=name,
                policy=policy,
                file=file.name,
                audio_s=len(audio) / SAMPLE_RATE_HZ,
                reference=source,
                words=words,
                streaming_errors=errors,
                at_once_errors=word_errors(reference, at_once)[0],
                shown_s=tuple(first_shown(updates)),
                committed_s=tuple(shown_s - word.end_s for shown_s, word in committed),
                words_shown=shown,
                words_changed=changed,
                cpu_s=cpu_s,
                wall_s=wall_s,
                text=text,
            )


def together(runs: Sequence[SpeechRun]) -> SpeechRun:
    """Several runs with the same model and policy as one."""
    first = runs[0]
    return SpeechRun(
        model=first.model,
        policy=first.policy,
        file=f"all {len(runs)}",
        audio_s=sum(run.audio_s for run in runs),
        reference=", ".join(sorted({run.reference for run in runs})),
        words=sum(run.words for run in runs),
        streaming_errors=sum(run.streaming_errors for run in runs),
        at_once_errors=sum(run.at_once_errors for run in runs),
        shown_s=tuple(latency_s for run in runs for latency_s in run.shown_s),
        committed_s=tuple(latency_s for run in runs for latency_s in run.committed_s),
        words_shown=sum(run.words_shown for run in runs),
        words_changed=sum(run.words_changed for run in runs),
        cpu_s=sum(run.cpu_s for run in runs),
        wall_s=sum(run.wall_s for run in runs),
        text=" ".join(run.text for run in runs),
    )


def by_policy(runs: Sequence[SpeechRun]) -> list[list[SpeechRun]]:
    """The runs of one model by policy; several files are followed by all of them together."""
    groups = []
    for policy in dict.fromkeys(run.policy for run in runs):
        own = [run for run in runs if run.policy == policy]
        groups.append([*own, together(own)] if len(own) > 1 else own)
    return groups


def row(run: SpeechRun) -> dict[str, str]:
    """The figures of a run as they are printed, by heading."""

    def percent(errors: int) -> str:
        return f"{errors / run.words:.1%}" if run.words else "-"

    def seconds(latencies_s: Sequence[float]) -> str:
        return f"{quantile(latencies_s, 0.5):.2f}/{quantile(latencies_s, 0.95):.2f}"

    return {
        "file": run.file,
        "words": str(run.words),
        "WER": percent(run.streaming_errors),
        "at once": "-" if run.reference == AT_ONCE else percent(run.at_once_errors),
        "shown, s": seconds(run.shown_s),
        "final, s": seconds(run.committed_s),
        "flicker": f"{run.flicker:.1%}",
        "CPU": f"{run.cpu_s / run.audio_s:.2f}",
        "RTF": f"{run.wall_s / run.audio_s:.2f}",
    }


def read_audio(file: Path) -> NDArray[np.float32]:
    """All sound of a file, [n] at 16 kHz. Raises MmimLiveError; DataError if there is none."""
    blocks = []
    with MediaFile(file, video=False) as source:
        while isinstance(block := source.read(), AudioBlock):
            blocks.append(block.samples)
    if not blocks:
        raise DataError(f"{file} holds no sound to recognize")
    return np.concatenate(blocks)


def at_level(audio: NDArray[np.float32], level_dbfs: float) -> NDArray[np.float32]:
    """The audio [n] scaled so that its root mean square is `level_dbfs`; what exceeds full scale is clipped."""
    loudness = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    if loudness == 0:
        return audio
    scaled: NDArray[np.float32] = np.clip(audio * np.float32(10 ** (level_dbfs / 20) / loudness), -1, 1)
    return scaled


def stream(recognizer: SpeechRecognizer, audio: NDArray[np.float32]) -> list[TimedUpdate]:
    """Feed the audio step by step on a simulated clock on which it arrives in real time."""
    size = round(recognizer.step_s * SAMPLE_RATE_HZ)
    now_s = 0.0
    updates: list[TimedUpdate] = []
    for start in range(0, len(audio), size):
        samples = audio[start : start + size]
        now_s = max(now_s, (start + len(samples)) / SAMPLE_RATE_HZ)
        more = now_s >= (start + 2 * size) / SAMPLE_RATE_HZ and start + size < len(audio)
        began_s = time.process_time()
        work = recognizer.push(AudioBlock(start / SAMPLE_RATE_HZ, samples), more=more)
        now_s += time.process_time() - began_s
        updates += [TimedUpdate(now_s, update) for update in work]
    began_s = time.process_time()
    work = recognizer.flush()
    now_s += time.process_time() - began_s
    return updates + [TimedUpdate(now_s, update) for update in work]


def first_shown(updates: Sequence[TimedUpdate]) -> list[float]:
    """For each committed word, the seconds from its end until it was first shown at about its place."""
    latencies = []
    appearances: list[tuple[float, str, Word]] = []
    for each in updates:
        words = (*each.update.committed, *each.update.provisional)
        appearances += [(each.shown_s, normalize_text(word.text), word) for word in words]
        for word in each.update.committed:
            text = normalize_text(word.text)
            shown_s = next(
                early_s
                for early_s, early_text, early in appearances
                if early_text == text and abs(early.end_s - word.end_s) < SAME_WORD_S
            )
            latencies.append(shown_s - word.end_s)
    return latencies


def count_changes(updates: Sequence[SpeechUpdate]) -> tuple[int, int]:
    """How many words were shown, and how many of them were later replaced, or vanished; case and punctuation apart.

    A word stays if the next update has the same word at about the same place.
    """
    shown = changed = 0
    before: list[tuple[str, float]] = []  # words on the screen that may still change
    for update in updates:
        now = [(normalize_text(word.text), word.end_s) for word in (*update.committed, *update.provisional)]
        stayed = _stayed(before, now)
        changed += len(before) - stayed
        shown += len(now) - stayed
        before = now[len(update.committed) :]
    return shown, changed


def _stayed(before: Sequence[tuple[str, float]], now: Sequence[tuple[str, float]]) -> int:
    """How many words of `before` are in `now`, each of which counts once."""
    left = list(now)
    for text, end_s in before:
        match = next((each for each in left if each[0] == text and abs(each[1] - end_s) < SAME_WORD_S), None)
        if match is not None:
            left.remove(match)
    return len(now) - len(left)


def transcribe_at_once(folder: Path, audio: NDArray[np.float32], language: str | None) -> str:
    """The transcript of the whole audio by faster-whisper's own long-form decoding."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    return " ".join(part.text for part in model.transcribe(audio, language=language, vad_filter=True)[0])


def read_reference(file: Path) -> tuple[str, str] | None:
    """The transcript beside a recording and the name of its file: `.txt`, plain, or `.stm`, NIST's format.

    Raises:
        DataError: it cannot be read.
    """
    for suffix in (".txt", ".stm"):
        path = file.with_suffix(suffix)
        if not path.is_file():
            continue
        try:
            text = path.read_bytes()[: MAX_REFERENCE_BYTES + 1]
            if len(text) > MAX_REFERENCE_BYTES:
                raise DataError(f"{path} is larger than {MAX_REFERENCE_BYTES // 10**6} MB: not a transcript")
            lines = text.decode("utf-8").splitlines()
        except UnicodeDecodeError:
            raise DataError(f"{path} is not a transcript in UTF-8") from None
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        return " ".join(lines if suffix == ".txt" else _stm_texts(path, lines)), path.name
    return None


def _stm_texts(path: Path, lines: Sequence[str]) -> list[str]:
    """file channel speaker start end [<labels>] text..., by start; `;;` begins a comment."""
    turns: list[tuple[float, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(";;"):
            continue
        fields = line.split(maxsplit=5)
        try:
            start_s = float(fields[3])
            float(fields[4])
        except (IndexError, ValueError):
            raise DataError(
                f"{path}, line {number}: expected file, channel, speaker, start, end and text, as in .stm files"
            ) from None
        text = fields[5] if len(fields) > 5 else ""
        if text.startswith("<"):
            text = text.partition(">")[2]
        if "ignore_time_segment_in_scoring" not in text.lower():
            turns.append((start_s, text.strip()))
    return [text for _, text in sorted(turns)]
