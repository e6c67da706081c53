"""Loads what a session needs: checkpoint, face landmarker, Whisper. Fails with one line before any thread starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from mmim_live import assets
from mmim_live.errors import AssetError
from mmim_live.features.contract import CONTRACT
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VoiceExtractor
from mmim_live.model.checkpoint import CheckpointConfig, load_checkpoint
from mmim_live.model.device import choose_device
from mmim_live.model.predictor import Predictor
from mmim_live.settings import Settings
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.segment_decoder import SegmentSettings
from mmim_live.speech.whisper import Whisper, load_whisper

# Whisper base in int8 takes 0.4 GB beside 0.6 GB for the rest, and about a fifth of a core while somebody speaks.
BASE_NEEDS_CORES = 2
BASE_NEEDS_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Loaded models with the state of one stream. An extractor is None where its track or setting is off."""

    predictor: Predictor
    checkpoint: CheckpointConfig
    face: FaceExtractor | None
    voice: VoiceExtractor | None
    speech: SpeechRecognizer | None
    names: dict[str, str]  # for people and for the session event
    device: str


def default_asr_model(cores: int, memory_bytes: int) -> str:
    """The Whisper that the machine can run in real time beside the rest. Never measured: a run must repeat."""
    return "whisper-base" if cores >= BASE_NEEDS_CORES and memory_bytes >= BASE_NEEDS_BYTES else "whisper-tiny.en"


def load_models(
    settings: Settings,
    report: Callable[[str], None],
    *,
    video: bool,
    audio: bool,
    step_s: float = 0.5,
    segments: SegmentSettings | None = None,
) -> Models:
    """Load what a source of pictures, sound or both needs; `report` is told what is being loaded.

    `step_s` and `segments` say how the recogniser listens, where it is not as usual.

    Raises:
        CheckpointError, AssetError, DeviceError: one line each.
    """
    # The live path runs one thread per worker; torch's own threads would only fight them for the cores.
    torch.set_num_threads(1)
    # oneDNN keeps a compiled kernel for each of the last 1024 shapes, and rows of windows come in many lengths: a
    # session grew by 7 MB a minute. It asks the environment when it makes the first kernel.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    device = choose_device(settings.device)
    # A wrong name is reported before anything is loaded.
    asr = asr_folder(settings.asr_model, settings.language) if settings.speech and audio else None
    report(f"loading checkpoint {settings.checkpoint}")
    checkpoint = load_checkpoint(assets.checkpoint_folder(settings.checkpoint), CONTRACT)
    predictor = Predictor(checkpoint, device)
    names = {"checkpoint": settings.checkpoint}
    face = speech = None
    if settings.face and video:
        report("loading face landmarker")
        face = FaceExtractor(assets.obtain(assets.FACE_LANDMARKER.name).folder / "face_landmarker.task")
        names["face"] = assets.FACE_LANDMARKER.name
    if asr is not None:
        name, folder = asr
        report(f"loading {name}")
        languages = checkpoint.config.languages
        speech = SpeechRecognizer(
            _whisper(folder, device, settings.device == "auto", report),
            language=None if settings.language == "auto" else settings.language,
            prior=languages[0] if languages else None,
            step_s=step_s,
            segments=segments,
        )
        names["speech"] = name
    voice = VoiceExtractor() if audio else None
    return Models(
        predictor=predictor,
        checkpoint=checkpoint.config,
        face=face,
        voice=voice,
        speech=speech,
        names=names,
        device=str(device),
    )


def _whisper(folder: Path, device: torch.device, may_fall_back: bool, report: Callable[[str], None]) -> Whisper:
    """On the device; on the CPU where CTranslate2 cannot use a device that nobody asked for by name."""
    try:
        return load_whisper(folder, str(device))
    except AssetError:
        if device.type == "cpu" or not may_fall_back:
            raise
        report("loading speech recognition on the CPU, since it cannot use the GPU here")
        return load_whisper(folder, "cpu")


def asr_folder(name: str, language: str) -> tuple[str, Path]:
    """Name and folder of the Whisper model for a setting: auto, a known name, or a folder.

    Raises:
        AssetError: it is not there, or cannot do the language.
    """
    if name == "auto":
        name = default_asr_model(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            psutil.virtual_memory().total,
        )
        if name == "whisper-tiny.en" and language not in {"auto", "en"}:
            name = "whisper-base"
    if name.endswith(".en") and language not in {"auto", "en"}:
        raise AssetError(f"{name} is English only, not {language!r}: use --asr-model whisper-base")
    path = Path(name).expanduser()
    if name not in assets.ASSETS and f"whisper-{name}" in assets.ASSETS:
        name = f"whisper-{name}"
    if name in assets.ASSETS:
        return name, assets.obtain(name).folder
    if not path.is_dir():
        known = ", ".join(key for key in assets.ASSETS if key.startswith("whisper"))
        raise AssetError(f"speech model {name!r} is neither a folder nor one of {known}")
    return path.name, path
