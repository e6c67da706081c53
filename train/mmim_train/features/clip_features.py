"""One clip -> its rows and words, by the extractors of a session and nothing else.

What was measured is kept in a file beside the store that is to be, so that a run that was stopped goes on where it was.
Runs in processes of its own; knows no labels and no store.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError, MediaError
from mmim_live.features.contract import CONTRACT
from mmim_live.features.face import FACE_NAMES
from mmim_live.features.voice import VOICE_NAMES
from mmim_live.types import AudioBlock, FaceRow, VideoFrame, VoiceRow, Window, Word

if TYPE_CHECKING:
    from mmim_live.speech.whisper import Whisper

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, slots=True)
class AsrModel:
    """Who recognises words where none are given."""

    name: str
    folder: Path
    language: str  # ISO 639-1


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """What a clip holds."""

    voice: NDArray[np.float32]  # [Tv, columns]
    face: NDArray[np.float32]  # [Tf, columns]
    text: str  # recognised; empty where nobody was asked


@dataclass(frozen=True, slots=True)
class Task:
    """A clip to measure, and where the result goes."""

    id: str
    path: Path
    part: Path
    recogniser: AsrModel | None

    @property
    def begun(self) -> Path:
        """A file that is there while the clip is being measured: after a crash it tells which clip it was."""
        return self.part.with_suffix(".begun")


def clip_task(identity: str, path: Path, parts: Path, recogniser: AsrModel | None) -> Task:
    """The task for a clip. Its part's name changes with the file, the feature contract and the recogniser."""
    state = path.stat()
    marks = [str(path.resolve()), str(state.st_size), str(state.st_mtime_ns), CONTRACT.hash]
    if recogniser is not None:
        marks += [str(recogniser.folder), recogniser.language]
    name = hashlib.sha256("\0".join(marks).encode()).hexdigest()[:32]
    return Task(identity, path, parts / f"{name}.npz", recogniser)


def measure(path: Path, recogniser: AsrModel | None = None) -> ClipFeatures:
    """The rows and words of a recording, or the row of a picture. Raises MediaError or AssetError."""
    # The extractors bring torch and mediapipe, which only the measuring processes need.
    from mmim_live.assets import obtain
    from mmim_live.capture.files.media_file import MediaFile
    from mmim_live.features.face import FaceExtractor
    from mmim_live.features.voice import VoiceExtractor
    from mmim_live.speech.recognizer import SpeechRecognizer

    model = obtain("face-landmarker").folder / "face_landmarker.task"
    voice = VoiceExtractor()
    speech = None
    if recogniser is not None and path.suffix.lower() not in PICTURES:
        speech = SpeechRecognizer(_whisper(recogniser.folder), recogniser.language)
    voice_rows: list[VoiceRow] = []
    face_rows: list[FaceRow | None] = []
    words: list[Word] = []
    recording = MediaFile(path, audio=path.suffix.lower() not in PICTURES)
    try:
        with FaceExtractor(model) as face:
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
        np.array([row.values for row in voice_rows], np.float32).reshape(-1, len(VOICE_NAMES)),
        np.array([row.values for row in face_rows if row is not None], np.float32).reshape(-1, len(FACE_NAMES)),
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


@cache
def _whisper(folder: Path) -> Whisper:
    """Once a process."""
    from mmim_live.speech.whisper import load_whisper

    return load_whisper(folder)


def extract_into(task: Task) -> str | None:
    """Measure and keep; what was wrong, or None."""
    partial = task.part.with_suffix(f".{os.getpid()}.partial")
    try:
        task.begun.touch()
        try:
            measured = measure(task.path, task.recogniser)
        except MediaError as error:
            return str(error).removeprefix(f"{task.path}: ")
        with partial.open("wb") as file:
            np.savez(file, voice=measured.voice, face=measured.face, text=np.array(measured.text))
        partial.replace(task.part)
    except OSError as error:
        raise DataError(f"{task.part}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
        task.begun.unlink(missing_ok=True)
    return None


def read_features(part: Path) -> ClipFeatures:
    """What `extract_into` kept."""
    with np.load(part, allow_pickle=False) as file:
        return ClipFeatures(file["voice"], file["face"], str(file["text"]))


def start_worker_process() -> None:
    """One thread a process; Ctrl-C is for the one that leads them, and nobody stays behind when that is gone."""
    import cv2
    import torch

    threading.Thread(target=_end_with_the_leader, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _end_with_the_leader() -> None:
    leader = multiprocessing.parent_process()
    if leader is not None:
        leader.join()
        os._exit(1)
