"""Feature rows and words of one clip, by the extractors of a live session and nothing else.

Results are kept in a file next to the future store, so that an interrupted run resumes. Runs in worker processes, which
may be on another machine that sees the same files.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError, MediaError, PluginError
from mmim_live.features.extractors import Extractors
from mmim_live.plugins import plugin_version
from mmim_live.speech.engine import PLUGINS, OtherRecognizer, asr_engine
from mmim_live.types import AudioBlock, FaceRow, VideoFrame, VoiceRow, Window, Word

if TYPE_CHECKING:
    from mmim_live.speech.recognizer import SpeechRecognizer
    from mmim_live.speech.whisper import Whisper

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, slots=True)
class AsrModel:
    """Which speech recognizer to use for clips without text."""

    name: str
    folder: Path | None  # None: that of another package
    language: str  # ISO 639-1

    @property
    def identity(self) -> str:
        """Changes with whatever may change the words."""
        return str(self.folder) if self.folder is not None else f"{self.name} of {plugin_version(PLUGINS, self.name)}"


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """The features of a clip."""

    voice: NDArray[np.float32]  # [Tv, columns]
    face: NDArray[np.float32]  # [Tf, columns]
    text: str  # recognized; empty if recognition was not requested


@dataclass(frozen=True, slots=True)
class Task:
    """A clip to process, and where its result goes."""

    id: str
    path: Path
    part: Path
    recognizer: AsrModel | None
    size: int = 0  # of the file, bytes
    face: str | None = None  # an extractor of another package
    voice: str | None = None


def clip_task(
    identity: str,
    path: Path,
    parts: Path,
    recognizer: AsrModel | None,
    *,
    face: str | None = None,
    voice: str | None = None,
) -> Task:
    """The task for a clip. The name of its result depends on the file, the feature contract and the recognizer."""
    state = path.stat()
    contract = Extractors.named(face, voice).contract
    marks = [str(path.resolve()), str(state.st_size), str(state.st_mtime_ns), contract.hash]
    if recognizer is not None:
        marks += [recognizer.identity, recognizer.language]
    name = hashlib.sha256("\0".join(marks).encode()).hexdigest()[:32]
    return Task(identity, path, parts / f"{name}.npz", recognizer, size=state.st_size, face=face, voice=voice)


def measure(path: Path, recognizer: AsrModel | None, extractors: Extractors) -> ClipFeatures:
    """The rows and words of a recording, or the face row of an image. Raises MediaError, AssetError or PluginError."""
    from mmim_live.capture.files.media_file import MediaFile

    voice = extractors.open_voice()
    speech = None
    if recognizer is not None and path.suffix.lower() not in PICTURES:
        speech = _open_recognizer(recognizer)
    voice_rows: list[VoiceRow] = []
    face_rows: list[FaceRow | None] = []
    words: list[Word] = []
    recording = MediaFile(path, audio=path.suffix.lower() not in PICTURES)
    try:
        with extractors.open_face() as face:
            for item in iter(recording.read, None):
                if isinstance(item, AudioBlock):
                    voice_rows += voice.push(item)
                    words += [word for update in speech.push(item) for word in update.committed] if speech else []
                elif isinstance(item, VideoFrame):
                    face_rows.append(face.push(item))
        voice_rows += voice.flush()
        words += [word for update in speech.flush() for word in update.committed] if speech else []
    finally:
        recording.close()
    return ClipFeatures(
        np.array([row.values for row in voice_rows], np.float32).reshape(-1, len(extractors.voice.contract.names)),
        np.array([row.values for row in face_rows if row is not None], np.float32).reshape(
            -1, len(extractors.face.contract.names)
        ),
        Window(
            start_s=0.0,
            end_s=0.0,
            kind="utterance",
            status="committed",
            revision=0,
            words=tuple(words),
            voice=(),
            face=(),
        ).text,
    )


def _open_recognizer(model: AsrModel) -> SpeechRecognizer | OtherRecognizer:
    if model.folder is None:
        engine = asr_engine(model.name, model.language)
        if engine is None:
            raise PluginError(f"the speech recognizer {model.name!r} is not installed where this clip is extracted")
        return OtherRecognizer(engine.open(model.language))
    from mmim_live.speech.recognizer import SpeechRecognizer

    return SpeechRecognizer(_whisper(model.folder), model.language)


@cache
def _whisper(folder: Path) -> Whisper:
    """Once per process."""
    from mmim_live.speech.whisper import load_whisper

    return load_whisper(folder)


def extract_into(task: Task) -> str | None:
    """Extract and save; returns the problem, or None.

    Two workers may do the same clip, on machines that have lost sight of each other: each writes a file of its own, and
    moves it, whole, to the one place.
    """
    partial = task.part.with_suffix(f".{uuid.uuid4().hex}.partial")
    try:
        try:
            measured = measure(task.path, task.recognizer, Extractors.named(task.face, task.voice))
        except MediaError as error:
            return str(error).removeprefix(f"{task.path}: ")
        with partial.open("wb") as file:
            np.savez(file, voice=measured.voice, face=measured.face, text=np.array(measured.text))
            file.flush()
            os.fsync(file.fileno())  # a node that loses power must not leave an empty file under the final name
        partial.replace(task.part)
    except OSError as error:
        raise DataError(f"{task.part}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return None


def make_extractor() -> Callable[[Task], str | None]:
    """`extract_into` on one thread, for a worker process of its own."""
    limit_threads()
    return extract_into


def read_features(part: Path) -> ClipFeatures:
    """What `extract_into` saved."""
    with np.load(part, allow_pickle=False) as file:
        return ClipFeatures(file["voice"], file["face"], str(file["text"]))


def limit_threads() -> None:
    """One thread per process, since there is a process per core."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
