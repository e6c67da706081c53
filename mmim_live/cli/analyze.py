"""`mmim-live analyze`: many recordings at once, with a table of them all."""

from __future__ import annotations

import csv
import glob
import sys
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from mmim_live.errors import DataError, OutputError

if TYPE_CHECKING:
    from mmim_live.session.batch import Outcome

DEFAULT_FORMATS = ("jsonl", "utterances.csv")
SUMMARY = "summary.csv"
MEDIA = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4a", ".wav", ".flac", ".mp3", ".ogg"}
COLUMNS = (
    "name", "file", "duration_s", "mean_score", "utterances", "words", "languages", "real_time_factor", "problem"
)  # fmt: skip
RESERVED = {"summary"}  # the name of the table


def analyze(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Recordings, folders of them (with their subfolders), or patterns."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results and summary.csv; created if it is missing.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", "-f", help="Suffix of the results, such as jsonl, srt, eaf or words.parquet; repeatable."
        ),
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

    settings = build_settings(
        config=config,
        checkpoint=checkpoint,
        asr_model=asr_model,
        language=language,
        hotwords=hotwords,
        window=window,
        hop=hop,
        no_face=no_face,
        no_speech=no_speech,
        device=device,
    )
    summary = Summaries(out / SUMMARY)
    names = result_names(find_recordings(sources), summary.recordings)
    suffixes = dict.fromkeys(each.lstrip(".") for each in formats or DEFAULT_FORMATS)
    every = [
        Job(name, source, tuple(out / f"{name}.{suffix}" for suffix in suffixes)) for name, source in names.items()
    ]
    todo = [job for job in every if again or not (summary.has(job.name) and all(path.exists() for path in job.outputs))]
    prepare(out, [path for job in todo for path in job.outputs])
    if len(todo) < len(every):
        print(f"{len(every) - len(todo)} of {len(every)} recordings have been analyzed before; --again does them anew")
    failed = 0
    outcomes = analyze_all(todo, settings, jobs)
    try:
        for number, outcome in enumerate(outcomes, 1):
            summary.add(outcome)
            failed += outcome.summary is None
            print(f"[{number}/{len(todo)}] {_line(outcome)}", flush=True)
    finally:
        outcomes.close()
    print(f"{len(todo) - failed} analyzed, {failed} failed; see {out / SUMMARY}")
    if failed:
        sys.exit(1)


def find_recordings(sources: Sequence[str]) -> list[Path]:
    """The files that are meant, in order, each once.

    Raises:
        DataError: a source is or matches nothing.
    """
    found: dict[Path, None] = {}
    for source in sources:
        path = Path(source)
        if path.is_dir():
            matches = sorted(each for each in path.rglob("*") if each.suffix.lower() in MEDIA)
        elif path.exists():
            matches = [path]
        else:
            matches = [Path(each) for each in sorted(glob.glob(source, recursive=True)) if Path(each).is_file()]  # noqa: PTH207 (a pattern may be absolute)
        found |= dict.fromkeys(matches)
        if not matches:
            what = "holds no recordings" if path.is_dir() else "is no file, no folder, and matches none"
            raise DataError(f"{source} {what}; give recordings ({', '.join(sorted(MEDIA))}), folders or patterns")
    return list(found)


def result_names(recordings: Sequence[Path], taken: Mapping[str, Path]) -> dict[str, Path]:
    """A name for the results of each: its own without the suffix, with its folder's where two are the same.

    `taken` are the names of earlier results: a recording keeps its name, and another one gets a new one.
    """
    owner = {name: path.resolve() for name, path in taken.items()}
    earlier = {path: name for name, path in owner.items()}
    names: dict[str, Path] = {}
    for recording in recordings:
        whole = recording.resolve()
        folders = [parent.name or "root" for parent in whole.parents]
        with_folders = ["_".join([*reversed(folders[:depth]), recording.stem]) for depth in range(len(folders) + 1)]
        numbered = (f"{recording.stem}_{number}" for number in count(2))
        candidates = chain([earlier[whole]] if whole in earlier else [], with_folders, numbered)
        name = next(each for each in candidates if each not in RESERVED and owner.get(each, whole) == whole)
        owner[name] = whole
        names[name] = recording
    return names


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
    def recordings(self) -> dict[str, Path]:
        """The recordings by the name of their results."""
        return {name: Path(row["file"]) for name, row in self._rows.items()}

    def has(self, name: str) -> bool:
        """Whether it has been analyzed without a problem."""
        return name in self._rows and not self._rows[name]["problem"]

    def add(self, outcome: Outcome) -> None:
        """Add a row, or replace it. Raises OutputError."""
        from mmim_live.output.files import write_whole

        self._rows[outcome.job.name] = _row(outcome)
        write_whole(self._path, self._write)

    def _write(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(self._rows.values())


def _row(outcome: Outcome) -> dict[str, str]:
    job = outcome.job
    row = dict.fromkeys(COLUMNS, "") | {"name": job.name, "file": str(job.source.resolve()), "problem": outcome.problem}
    if (summary := outcome.summary) is not None:
        row |= {
            "duration_s": f"{summary.duration_s:.3f}",
            "mean_score": "" if summary.mean_score is None else f"{summary.mean_score:.4f}",
            "utterances": str(summary.counts.get("utterances", 0)),
            "words": str(summary.counts.get("words", 0)),
            "languages": " ".join(summary.languages),
            "real_time_factor": f"{summary.real_time_factor:.2f}",
        }
    return row


def _line(outcome: Outcome) -> str:
    name = " ".join(str(outcome.job.source).split())
    if outcome.summary is None:
        return f"{name}: skipped: {outcome.problem.removeprefix(f'{outcome.job.source}: ')}"
    score = outcome.summary.mean_score
    mean = "no mean score" if score is None else f"mean score {score:+.2f}"
    return f"{name}: {outcome.summary.duration_s:.1f} s, {mean}, in {outcome.wall_s:.1f} s"
