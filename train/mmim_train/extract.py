"""Clips -> a feature store, with the live extractors and nothing else, so that training sees what a session sees.

Reads a folder with label.csv and `Raw/<video_id>/<clip_id>.mp4` (see `data.clips`), or any folder of recordings or
pictures, which then have no labels. Clips are measured in parallel processes; every measured clip is kept at once in a
folder beside the output, so that a run that was stopped goes on where it was. A clip that cannot be read is told of and
left out. Knows no model of sentiment and draws nothing.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError, MediaError
from mmim_live.extract.contract import CONTRACT
from mmim_live.extract.face import FACE_NAMES
from mmim_live.extract.voice import VOICE_NAMES
from mmim_live.model.manifest import ContractManifest
from mmim_train.data.catalogue import spec_of
from mmim_train.data.clips import Clip, read_clips
from mmim_train.data.dataset import Sample
from mmim_train.data.store import StoreHeader
from mmim_train.data.store_writer import StoreWriter

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
RECORDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".flac", ".wav", ".mp3", ".m4a", ".ogg")

Advance = Callable[[str, str | None], None]
"""Called after every clip with its id, and what was wrong with it or None."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an extraction came to."""

    folder: Path
    clips: int  # in the store
    resumed: int  # of those, measured by an earlier run
    problems: tuple[str, ...]  # one line for every clip that was left out


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The rows of one clip."""

    voice: NDArray[np.float32]  # [Tv, columns]
    face: NDArray[np.float32]  # [Tf, columns]


def find_clips(source: Path, text_column: str = "text") -> tuple[Clip, ...]:
    """The clips of a folder: those of its label.csv, or else every recording and picture in it, without labels."""
    if not source.is_dir():
        raise DataError(f"{source} is no folder; give one with label.csv and Raw/, or one of recordings or pictures")
    if (source / "label.csv").is_file():
        return read_clips(source, text_column)
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in (*PICTURES, *RECORDINGS))
    if not paths:
        raise DataError(f"{source} holds neither label.csv nor any recording or picture")
    return tuple(Clip(str(path.relative_to(source)), path, "", "train", {}) for path in paths)


def extract(
    source: Path,
    output: Path,
    *,
    name: str = "clips",
    workers: int | None = None,
    begin: Callable[[int], None] = lambda _: None,
    advance: Advance = lambda _id, _problem: None,
) -> Extracted:
    """Measure all clips of `source` and write the store `output`.

    Args:
        source: the folder of clips.
        output: the store's folder; must not exist.
        name: of the data set in `data.catalogue`, which gives the store its language, scale and scoring.
        workers: processes; as many as there are processors if None, none but this one if 0.
        begin: called once with the number of clips.
        advance: called after each clip.

    Raises:
        DataError: nothing to read, `output` exists, or not one clip could be read.
    """
    if output.exists():
        raise DataError(f"{output}: exists already; remove it or choose another place")
    clips = find_clips(source, spec_of(name).text_column)
    begin(len(clips))
    parts = output.with_name(f".{output.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    resumed = 0
    todo: list[Clip] = []
    for clip in clips:
        if not clip.path.is_file():
            problems.append(f"{clip.id}: no file {clip.path}")
            advance(clip.id, problems[-1])
        elif _part(parts, clip).is_file():
            resumed += 1
            advance(clip.id, None)
        else:
            todo.append(clip)
    for clip, problem in _measure_all(todo, parts, workers):
        if problem is not None:
            problems.append(f"{clip.id}: {problem}")
        advance(clip.id, problem)
    count = _write(clips, parts, output, _header(name, source, clips, problems))
    shutil.rmtree(parts)
    return Extracted(output, count, resumed, tuple(problems))


def measure(path: Path) -> Measured:
    """The rows of a recording or a picture, by the live extractors. Raises MediaError or AssetError."""
    # The extractors bring torch and mediapipe, which only the measuring processes need.
    from mmim_live.assets import obtain
    from mmim_live.capture.recording import Recording
    from mmim_live.extract.face import FaceExtractor
    from mmim_live.extract.voice import VoiceExtractor
    from mmim_live.types import AudioBlock, FaceRow, VideoFrame, VoiceRow

    model = obtain("face-landmarker").folder / "face_landmarker.task"
    voice = VoiceExtractor()
    voice_rows: list[VoiceRow] = []
    face_rows: list[FaceRow | None] = []
    recording = Recording(path, audio=path.suffix.lower() not in PICTURES)
    try:
        with FaceExtractor(model) as face:
            for item in iter(recording.read, None):
                if isinstance(item, AudioBlock):
                    voice_rows += voice.push(item)
                elif isinstance(item, VideoFrame):
                    face_rows.append(face.push(item))
        voice_rows += voice.flush()
    finally:
        recording.close()
    return Measured(
        np.array([row.values for row in voice_rows], np.float32).reshape(-1, len(VOICE_NAMES)),
        np.array([row.values for row in face_rows if row is not None], np.float32).reshape(-1, len(FACE_NAMES)),
    )


def _measure_all(clips: Sequence[Clip], parts: Path, workers: int | None) -> Iterator[tuple[Clip, str | None]]:
    if workers == 0 or len(clips) < 2:
        yield from ((clip, _measure_into(clip.path, _part(parts, clip))) for clip in clips)
        return
    count = min(workers or os.cpu_count() or 1, len(clips))
    # Forked children of a process with threads (torch, mediapipe) can hang, so start afresh.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_use_one_thread) as pool:
        futures: dict[Future[str | None], Clip] = {
            pool.submit(_measure_into, clip.path, _part(parts, clip)): clip for clip in clips
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "a measuring process died (memory, or a damaged recording); start the same command again to go on"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _use_one_thread() -> None:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _measure_into(path: Path, part: Path) -> str | None:
    """Measure and keep; what was wrong, or None."""
    try:
        measured = measure(path)
        if not len(measured.voice) and not len(measured.face):
            return f"{path}: neither a voice nor a face was found"
    except MediaError as error:
        return str(error)
    partial = part.with_suffix(f".{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez(file, voice=measured.voice, face=measured.face)
        partial.replace(part)
    except OSError as error:
        raise DataError(f"{part}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return None


def _part(parts: Path, clip: Clip) -> Path:
    """Where a clip's rows are kept: a name that changes with the file and with the feature contract."""
    state = clip.path.stat()
    identity = f"{clip.path.resolve()}\0{state.st_size}\0{state.st_mtime_ns}\0{CONTRACT.hash}"
    return parts / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.npz"


def _header(name: str, source: Path, clips: Sequence[Clip], problems: Sequence[str]) -> StoreHeader:
    spec = spec_of(name)
    labelled = sorted({key for clip in clips for key in clip.scores})
    return StoreHeader(
        name=name,
        language=spec.language,
        scale=spec.scale,
        scoring=spec.scoring,
        voice_width=len(VOICE_NAMES),
        face_width=len(FACE_NAMES),
        scores=tuple(labelled) or ("M",),
        contract=ContractManifest.of(CONTRACT),
        contract_hash=CONTRACT.hash,
        provenance={"layout": "clips", "file": source.name, "notes": list(problems)},
    )


def _write(clips: Sequence[Clip], parts: Path, output: Path, header: StoreHeader) -> int:
    measured = [(clip, _part(parts, clip)) for clip in clips if clip.path.is_file() and _part(parts, clip).is_file()]
    if not measured:
        raise DataError(f"not one of {len(clips)} clips could be read; the first: {clips[0].path}")
    with StoreWriter(output, header) as writer:
        for clip, part in measured:
            with np.load(part, allow_pickle=False) as file:
                writer.add(clip.split, Sample(clip.id, clip.text, file["voice"], file["face"], clip.scores))
    return len(measured)


def with_bar(source: Path, output: Path, console: Any, **options: Any) -> Extracted:
    """`extract` under a progress bar on a rich console; problems are told above it as they come."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("measuring clips", total=None)

        def advance(_identity: str, problem: str | None) -> None:
            if problem is not None:
                bar.console.print(f"left out: {problem}", markup=False, highlight=False)
            bar.advance(task)

        return extract(source, output, begin=lambda count: bar.update(task, total=count), advance=advance, **options)
