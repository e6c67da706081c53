"""`mmim-live analyze`: many recordings at once, with a table of them all."""

from __future__ import annotations

import contextlib
import csv
import math
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmim_live.cli.options import (
    AsrModel,
    CheckpointName,
    ComputeDevice,
    ConfigFile,
    Hop,
    Hotwords,
    Language,
    NoFace,
    NoSpeech,
    WindowLength,
    build_settings,
)
from mmim_live.cli.progress_bars import progress_bars
from mmim_live.cli.sources import STANDARD_INPUT, Recording, find_recordings, result_names
from mmim_live.errors import ConfigError, DataError, MediaError, OutputError
from mmim_live.text_normalization import one_line

if TYPE_CHECKING:
    from mmim_live.capture.files.excerpt import Excerpt
    from mmim_live.events import Summary
    from mmim_live.session.batch import Job, Outcome
    from mmim_live.settings import Settings

DEFAULT_FORMATS = ("jsonl", "utterances.csv")
SUMMARY = "summary.csv"
COLUMNS = (
    "name", "file", "duration_s", "mean_score", "utterances", "words", "languages", "real_time_factor", "problem"
)  # fmt: skip


def parse_time(text: str) -> float:
    """Seconds from "90", "1:30" or "1:02:03.5". Raises ValueError.

    >>> parse_time("1:02:03.5")
    3723.5
    """
    seconds = 0.0
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"\d{1,9}", part) for part in parts[:-1]):
        raise ValueError(f"{text!r} is no time: give seconds, or 1:02:03")
    if not re.fullmatch(r"\d{1,9}(\.\d*)?", parts[-1]) or any(float(part) >= 60 for part in parts[1:]):
        raise ValueError(f"{text!r} is no time: give seconds, or 1:02:03")
    for part in parts:
        seconds = 60 * seconds + float(part)
    return seconds


def analyze(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Recordings, folders of them (with their subfolders), patterns, recorded sessions, addresses (http, "
            'rtsp), "-" for standard input, "sample".',
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results and summary.csv; created if it is missing.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", "-f", help="Suffix of the results, such as html, jsonl, srt, eaf or words.parquet; repeatable."
        ),
    ] = None,
    start: Annotated[
        float | None, typer.Option(parser=parse_time, metavar="TIME", help="Where to start: seconds, or 1:02:03.")
    ] = None,
    end: Annotated[
        float | None, typer.Option(parser=parse_time, metavar="TIME", help="Where to end; default: at the end.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Recordings at a time; each takes about 1.2 GB of memory.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Analyze also what summary.csv already has.")] = False,
    checkpoint: CheckpointName = None,
    asr_model: AsrModel = None,
    language: Language = None,
    hotwords: Hotwords = None,
    window: WindowLength = None,
    hop: Hop = None,
    no_face: NoFace = False,
    no_speech: NoSpeech = False,
    device: ComputeDevice = None,
    config: ConfigFile = None,
) -> None:
    """Analyze many recordings: a file of results each, and a row each in summary.csv.

    A recording that cannot be analyzed is reported and skipped. Run it again after an interruption: what has been
    analyzed is left alone.
    """
    from mmim_live.session.batch import Job, analyze_all

    options: dict[str, Any] = {
        "config": config,
        "checkpoint": checkpoint,
        "asr_model": asr_model,
        "language": language,
        "hotwords": hotwords,
        "window": window,
        "hop": hop,
        "no_face": no_face,
        "no_speech": no_speech,
        "device": device,
    }
    settings = build_settings(**options)
    excerpt = _excerpt(start or 0.0, math.inf if end is None else end)
    summary = Summaries(out / SUMMARY)
    names = result_names(find_recordings(sources), summary.recordings)
    suffixes = dict.fromkeys(each.lstrip(".") for each in formats or DEFAULT_FORMATS)
    outputs = {name: tuple(out / f"{name}.{suffix}" for suffix in suffixes) for name in names}
    todo = [name for name in names if again or not _is_done(name, names[name], outputs[name], summary)]
    prepare(out, [path for name in todo for path in outputs[name]])
    if len(todo) < len(names):
        print(f"{len(names) - len(todo)} of {len(names)} recordings have been analyzed before; --again does them anew")
    with _piped_recording(out, [names[name] for name in todo]) as piped:
        every = [
            Job(
                name,
                str(piped) if names[name].source == STANDARD_INPUT else names[name].source,
                outputs[name],
                settings=_settings_of(names[name], options) or settings,
                excerpt=excerpt,
                scratch=out,
                is_temporary=names[name].source == STANDARD_INPUT,
            )
            for name in todo
        ]
        failed = 0
        with progress_bars(len(every)) as bars, contextlib.closing(analyze_all(every, jobs, bars.advance)) as outcomes:
            for number, outcome in enumerate(outcomes, 1):
                recording = names[outcome.job.name]
                summary.add(recording.key, outcome)
                failed += outcome.summary is None
                bars.finish(outcome.job)
                print(f"[{number}/{len(every)}] {_line(recording, outcome)}", flush=True)
    print(f"{len(every) - failed} analyzed, {failed} failed; see {out / SUMMARY}")
    if failed:
        sys.exit(1)


def _excerpt(start_s: float, end_s: float) -> Excerpt:
    from mmim_live.capture.files.excerpt import Excerpt

    try:
        return Excerpt(start_s, end_s)
    except ValueError as error:
        raise ConfigError(f"--start and --end name no part of a recording: {error}") from error


def _is_done(name: str, recording: Recording, outputs: Sequence[Path], summary: Summaries) -> bool:
    """Whether there are its results already. What comes from standard input is another recording each time."""
    return recording.source != STANDARD_INPUT and summary.has(name) and all(path.exists() for path in outputs)


def _settings_of(recording: Recording, options: dict[str, Any]) -> Settings | None:
    """Those that a recorded session ran with, changed by the options; None for other recordings."""
    from mmim_live.recording.reader import is_folder, recorded_settings

    path = Path(recording.source)
    return build_settings(**options, recorded=recorded_settings(path)) if is_folder(path) else None


@contextlib.contextmanager
def _piped_recording(out: Path, recordings: Sequence[Recording]) -> Iterator[Path | None]:
    """Standard input as a file, while the block runs, if it is to be analyzed. Raises MediaError, OutputError."""
    from mmim_live.capture.files.remote import copy

    if not any(each.source == STANDARD_INPUT for each in recordings):
        yield None
        return
    if sys.stdin.isatty():
        raise MediaError(
            "standard input is the terminal: pipe a recording into it, as in `mmim-live analyze - < talk.mp4`"
        )
    with tempfile.TemporaryDirectory(prefix=".mmim-live-", dir=out) as folder:
        path = Path(folder) / "stdin"
        try:
            copy(sys.stdin.buffer, path)
        except OSError as error:
            raise OutputError(f"cannot copy standard input to {out}: {error.strerror}; free some space") from error
        yield path


def prepare(out: Path, outputs: Sequence[Path]) -> None:
    """Create the folder, and check that the files could be written. Raises OutputError."""
    from mmim_live.output.file_modes import new_folder_mode
    from mmim_live.output.sink import check_writable

    try:
        out.mkdir(mode=new_folder_mode(out.parent), parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}; name another with --out") from error
    for path in outputs:
        check_writable(path)


class Summaries:
    """The table of all recordings, with a row for each; written anew, whole, after each recording."""

    def __init__(self, path: Path) -> None:
        """Raises DataError if there is such a file that is not ours."""
        self._path = path
        self._rows: dict[str, dict[str, str]] = {}
        if path.is_file():
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    table = csv.DictReader(file)
                    rows, header = list(table), tuple(table.fieldnames or ())
            except (OSError, ValueError, csv.Error) as error:
                raise DataError(f"cannot read {path}: {error}; remove it, or name another --out") from error
            if header != COLUMNS or any(set(row) != set(COLUMNS) or None in row.values() for row in rows):
                raise DataError(f"{path} is not a summary of this program; remove it, or name another --out")
            self._rows = {row["name"]: row for row in rows}

    @property
    def recordings(self) -> dict[str, str]:
        """The keys of the recordings by the name of their results."""
        return {name: row["file"] for name, row in self._rows.items()}

    def has(self, name: str) -> bool:
        """Whether it has been analyzed without a problem."""
        return name in self._rows and not self._rows[name]["problem"]

    def add(self, key: str, outcome: Outcome) -> None:
        """Add the row of a recording, or replace it. Raises OutputError."""
        from mmim_live.output.files import write_whole

        self._rows[outcome.job.name] = _row(key, outcome)
        write_whole(self._path, self._write)

    def _write(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(self._rows.values())


def _row(key: str, outcome: Outcome) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "") | {"name": outcome.job.name, "file": key, "problem": outcome.problem}
    if (summary := outcome.summary) is not None:
        row |= {
            "duration_s": f"{_length_s(outcome.job, summary):.3f}",
            "mean_score": "" if summary.mean_score is None else f"{summary.mean_score:.4f}",
            "utterances": str(summary.counts.get("utterances", 0)),
            "words": str(summary.counts.get("words", 0)),
            "languages": " ".join(summary.languages),
            "real_time_factor": f"{summary.real_time_factor:.2f}",
        }
    return row


def _length_s(job: Job, summary: Summary) -> float:
    """How much was analyzed; a summary says where the analysis ended."""
    return summary.duration_s - job.excerpt.start_s


def _line(recording: Recording, outcome: Outcome) -> str:
    from mmim_live.capture.files.remote import is_address

    name = one_line(recording.key if is_address(recording.source) else recording.source)
    if recording.source == STANDARD_INPUT:
        name = "standard input"
    if outcome.summary is None:
        return f"{name}: skipped: {one_line(outcome.problem).removeprefix(f'{name}: ')}"
    score = outcome.summary.mean_score
    mean = "no mean score" if score is None else f"mean score {score:+.2f}"
    return f"{name}: {_length_s(outcome.job, outcome.summary):.1f} s, {mean}, in {outcome.wall_s:.1f} s"
