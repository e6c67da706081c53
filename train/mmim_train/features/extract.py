"""Extracts a feature store from clips with the live extractors, so that training sees what a session sees.

Reads a folder with label.csv and `Raw/<video_id>/<clip_id>.mp4` (see `data.formats.clips`), or any folder of recordings
or images, which then have no labels. Text comes from label.csv; where that has none, it is recognized. A clip that
cannot be read is reported and left out.

Workers (see `mmim_live.parallel`) put the features of each clip into a file named after all that they depend on, and
the store is written from these files at the end, clip by clip, and moved to its place as a whole. So a run that is
killed, anywhere and at any time, resumes; and no clip is lost, or in the store twice.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from mmim_live.errors import DataError
from mmim_live.features.extractors import Extractors
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.parallel.engine import Died, Engine
from mmim_live.parallel.processes import Processes
from mmim_live.speech.engine import asr_engine
from mmim_live.types import FeatureContract
from mmim_train.data.dataset import Sample
from mmim_train.data.formats.clips import Clip, read_clips
from mmim_train.data.registry import DatasetSpec, dataset_spec
from mmim_train.data.store.reader import StoreHeader
from mmim_train.data.store.writer import StoreWriter
from mmim_train.features.clip_features import PICTURES, AsrModel, Task, clip_task, make_extractor, read_features

RECORDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".flac", ".wav", ".mp3", ".m4a", ".ogg")

DIED = "the process that measured it died (memory, or a fault in a decoder)"

Advance = Callable[[str, str | None], None]
"""Called after every clip with its id, and what was wrong with it or None."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """The result of an extraction."""

    folder: Path
    clips: int  # in the store
    resumed: int  # of those, extracted by an earlier run
    recognised: int  # of those, with recognized text
    problems: tuple[str, ...]  # one line for every clip that was left out


def find_clips(source: Path, text_column: str = "text") -> tuple[Clip, ...]:
    """The clips of a folder: those of its label.csv, or else every recording and image in it, without labels."""
    if not source.is_dir():
        raise DataError(f"{source} is no folder; give one with label.csv and Raw/, or one of recordings or pictures")
    if (source / "label.csv").is_file():
        return read_clips(source, text_column)
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in (*PICTURES, *RECORDINGS))
    if not paths:
        raise DataError(f"{source} holds neither label.csv nor any recording or picture")
    return tuple(Clip(str(path.relative_to(source)), path, "", "train", {}) for path in paths)


def training_gaps(clips: Sequence[Clip], source: Path) -> tuple[str, ...]:
    """What training lacks in these clips, and what to write into label.csv: one line each."""
    table = source / "label.csv"
    scored = [clip for clip in clips if clip.scores]
    if not table.is_file():
        return (
            "these clips have no labels and no split, so the store cannot be trained on: write "
            f"{table} with the columns video_id,clip_id,text,label,mode and put each clip at "
            "Raw/<video_id>/<clip_id>.mp4; mode is train, valid or test, an empty text is transcribed",
        )
    lines = []
    if len(scored) < len(clips):
        first = next(clip.id for clip in clips if not clip.scores)
        lines.append(
            f"{len(clips) - len(scored)} of {len(clips)} clips have no label, the first is {first}: training ignores "
            f"them; write a number into the column label of {table}"
        )
    lacking = [name for name in ("train", "valid") if not any(clip.split == name for clip in scored)]
    if lacking:
        lines.append(
            f"no labeled clip is in the {' or '.join(lacking)} split, and training needs train and valid: write train, "
            f"valid or test into the column mode of {table}, about 70, 15 and 15 in a hundred, each speaker in one only"
        )
    return tuple(lines)


def extract(
    source: Path,
    output: Path,
    *,
    name: str = "clips",
    language: str | None = None,
    asr_model: str | None = None,
    face: str | None = None,
    voice: str | None = None,
    engine: Engine | None = None,
    make: Callable[[], Callable[[Task], str | None]] = make_extractor,
    warn: Callable[[str], None] = lambda _: None,
    begin: Callable[[int], None] = lambda _: None,
    advance: Advance = lambda _id, _problem: None,
) -> Extracted:
    """Extract features from all clips of `source` and write the store `output`.

    Args:
        source: the folder of clips.
        output: the store's folder; must not exist.
        name: of the dataset in `data.registry`, which defines language, scale and scoring.
        language: of the clips, if not the dataset's.
        asr_model: speech recognizer for clips without text, as in `Settings`; None leaves the text empty.
        face: face extractor of another package; None: that of a session.
        voice: voice extractor of another package; None: that of a session.
        engine: where the clips are processed; None: as many processes as cores and memory allow.
        make: called in each worker; returns what extracts a clip into its file, and returns what was wrong or None.
        warn: called first, with each line of `training_gaps`.
        begin: called once with the number of clips.
        advance: called after each clip.

    Raises:
        DataError: nothing to read, `output` exists, or not one clip could be read.
        AssetError: the recognizer is missing, or does not support the language.
        WorkerError: worker processes cannot be started.
    """
    if output.exists():
        raise DataError(f"{output}: exists already; remove it or choose another place")
    spec = dataset_spec(name)
    if language is not None:
        spec = replace(spec, language=language)
    clips = find_clips(source, spec.text_column)
    for gap in training_gaps(clips, source):
        warn(gap)
    recognizer = _recognizer(asr_model, spec) if asr_model is not None and any(_wants(clip) for clip in clips) else None
    contract = Extractors.named(face, voice).contract
    begin(len(clips))
    parts = output.with_name(f".{output.name}.parts")
    parts.mkdir(parents=True, exist_ok=True)
    for file in parts.glob("*.partial"):  # of a run that was killed, as are these folders
        file.unlink(missing_ok=True)
    for folder in output.parent.glob(f".{glob.escape(output.name)}.*.partial"):
        shutil.rmtree(folder, ignore_errors=True)
    problems: dict[str, str] = {}
    tasks: dict[str, Task] = {}
    for clip in clips:
        if clip.path.is_file():
            asr = recognizer if _wants(clip) else None
            tasks[clip.id] = clip_task(clip.id, clip.path, parts, asr, face=face, voice=voice)
        else:
            problems[clip.id] = f"no file {clip.path}"
            advance(clip.id, problems[clip.id])
    known = {identity for identity, task in tasks.items() if task.part.is_file()}
    for identity in known:
        advance(identity, None)
    # The largest first, so that none of them is left over for one worker when the others are done.
    todo = sorted((task for task in tasks.values() if task.id not in known), key=lambda task: -task.size)
    for task, result in (engine or Processes()).run(todo, make):
        problem = DIED if isinstance(result, Died) else result
        if problem is not None:
            problems[task.id] = problem
        advance(task.id, problem)
    if not any(task.part.is_file() for task in tasks.values()):
        shutil.rmtree(parts)  # there is nothing to resume
    done = _write(clips, tasks, problems, output, _header(spec, source, clips, recognizer, contract))
    shutil.rmtree(parts, ignore_errors=True)
    return replace(done, resumed=len(known))


def _wants(clip: Clip) -> bool:
    """Whether its text is to be recognized."""
    return not clip.text.strip() and clip.path.suffix.lower() not in PICTURES


def _recognizer(asr_model: str, spec: DatasetSpec) -> AsrModel | None:
    if spec.text_column != "text":
        return None  # a translation: what is heard is in another language
    from mmim_live.session.loading import asr_folder

    if asr_engine(asr_model, spec.language) is not None:
        return AsrModel(asr_model, None, spec.language)
    name, folder = asr_folder(asr_model, spec.language)
    return AsrModel(name, folder, spec.language)


def _header(
    spec: DatasetSpec, source: Path, clips: Sequence[Clip], recognizer: AsrModel | None, contract: FeatureContract
) -> StoreHeader:
    labelled = sorted({key for clip in clips for key in clip.scores})
    return StoreHeader(
        name=spec.name,
        language=spec.language,
        scale=spec.scale,
        scoring=spec.scoring,
        voice_width=len(contract.voice.names),
        face_width=len(contract.face.names),
        scores=tuple(labelled) or ("M",),
        contract=ContractConfig.of(contract),
        contract_hash=contract.hash,
        provenance={
            "layout": "clips",
            "file": source.name,
            "versions": {each: version(each) for each in ("mmim-live", "mediapipe", "torchaudio", "faster-whisper")},
            "recogniser": recognizer.name if recognizer is not None else None,
        },
    )


def _write(
    clips: Sequence[Clip], tasks: dict[str, Task], problems: dict[str, str], output: Path, header: StoreHeader
) -> Extracted:
    """Write the results; clips without any features are left out."""
    count = recognised = 0
    told = dict(problems)
    with StoreWriter(output, header) as writer:
        for clip in clips:
            if clip.id in problems:
                continue
            measured = read_features(tasks[clip.id].part)
            given = bool(clip.text.strip())
            text = clip.text if given else measured.text
            if not len(measured.voice) and not len(measured.face) and not text:
                told[clip.id] = "neither a face nor a voice nor a word was found in it"
                continue
            sample = Sample(clip.id, text, measured.voice, measured.face, clip.scores)
            recognizer = tasks[clip.id].recognizer
            writer.add(
                clip.split, sample, "label.csv" if given else recognizer.name if recognizer is not None else None
            )
            count += 1
            recognised += not given and bool(text)
        lines = tuple(f"{clip.id}: {told[clip.id]}" for clip in clips if clip.id in told)
        if not count:
            raise DataError(f"not one of {len(clips)} clips could be read; the first: {lines[0]}")
        writer.note({"recognised": recognised, "notes": list(lines)})
    return Extracted(output, count, 0, recognised, lines)
