"""Loads what a session needs: checkpoint, face landmarker, Whisper. Errors are raised before any thread starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import torch

from mmim_live import assets
from mmim_live.errors import AssetError
from mmim_live.features.contract import CONTRACT
from mmim_live.features.extractors import Extractors, OtherFace, OtherVoice
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VoiceExtractor
from mmim_live.model.checkpoint import CheckpointConfig, load_checkpoint, read_contract
from mmim_live.model.device import choose_device
from mmim_live.model.predictor import Predictor
from mmim_live.session.allocator import limit_fragmentation
from mmim_live.settings import Settings
from mmim_live.speech.engine import OtherRecognizer, asr_engine, asr_engine_names
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.speech.segment_decoder import SegmentSettings
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.types import FeatureContract

# Whisper base in int8 takes 0.4 GB besides 0.6 GB for the rest, and about a fifth of a core during speech.
BASE_NEEDS_CORES = 2
BASE_NEEDS_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """Loaded models with the state of one stream. An extractor is None if its track is missing or it is disabled."""

    predictor: Predictor
    checkpoint: CheckpointConfig
    face: FaceExtractor | OtherFace | None
    voice: VoiceExtractor | OtherVoice | None
    speech: SpeechRecognizer | OtherRecognizer | None
    names: dict[str, str]  # for display and for the session event
    device: str
    contract: FeatureContract = CONTRACT  # of the extractors


class ModelStore:
    """Keeps the checkpoint and the speech model for the next session of a process, which need not load them again.

    For sessions one after the other, since a model serves one thread. It keeps one of each: the last.
    """

    def __init__(self) -> None:
        self._predictor: tuple[tuple[str, str], Predictor] | None = None
        self._whisper: tuple[tuple[Path, torch.device], Whisper] | None = None

    def predictor(self, settings: Settings, report: Callable[[str], None]) -> Predictor:
        """The checkpoint on its device. Raises CheckpointError, DeviceError, PluginError."""
        device = choose_device(settings.device)
        key = (settings.checkpoint, str(device))
        if self._predictor is None or self._predictor[0] != key:
            report(f"loading checkpoint {settings.checkpoint}")
            self._predictor = None  # two at a time need not fit
            folder = assets.checkpoint_folder(settings.checkpoint)
            extractors = Extractors.for_contract(read_contract(folder))
            self._predictor = (key, Predictor(load_checkpoint(folder, extractors.contract), device))
        return self._predictor[1]

    def whisper(self, folder: Path, device: torch.device, load: Callable[[], Whisper]) -> Whisper:
        """The speech model in a folder, by `load` if it is not here. Raises AssetError."""
        key = (folder, device)
        if self._whisper is None or self._whisper[0] != key:
            self._whisper = None
            self._whisper = (key, load())
        return self._whisper[1]


def default_asr_model(cores: int, memory_bytes: int) -> str:
    """The Whisper model that the machine can run in real time. Not benchmarked, since runs must be repeatable."""
    return "whisper-base" if cores >= BASE_NEEDS_CORES and memory_bytes >= BASE_NEEDS_BYTES else "whisper-tiny.en"


def load_models(
    settings: Settings,
    report: Callable[[str], None],
    *,
    video: bool,
    audio: bool,
    step_s: float = 0.5,
    segments: SegmentSettings | None = None,
    store: ModelStore | None = None,
) -> Models:
    """Load what a source of video, audio or both needs; `report` receives what is being loaded.

    `step_s` and `segments` configure the recognizer. `store` may have the models already. From now on torch uses one
    thread in this process.

    Raises:
        CheckpointError, AssetError, DeviceError, PluginError: something is missing or damaged.
    """
    # The live path has one thread per worker; torch's own threads would compete with them for the cores.
    torch.set_num_threads(1)
    # oneDNN caches a compiled kernel for each of the last 1024 shapes, and windows come in many lengths: a session grew
    # by 7 MB per minute. The variable is read when the first kernel is compiled.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    limit_fragmentation()
    # A wrong name is reported before anything is loaded.
    if settings.speech and audio:
        asr_engine(settings.asr_model, settings.language) or asr_folder(settings.asr_model, settings.language)
    store = store or ModelStore()
    predictor = store.predictor(settings, report)
    return with_extractors(
        predictor, settings, report, video=video, audio=audio, step_s=step_s, segments=segments, store=store
    )


def with_extractors(
    predictor: Predictor,
    settings: Settings,
    report: Callable[[str], None],
    *,
    video: bool,
    audio: bool,
    step_s: float = 0.5,
    segments: SegmentSettings | None = None,
    store: ModelStore | None = None,
) -> Models:
    """The extractors of one stream beside a loaded checkpoint, as in `load_models`. Raises AssetError."""
    names = {"checkpoint": settings.checkpoint}
    extractors = Extractors.for_contract(predictor.config.contract.contract)
    face = None
    speech: SpeechRecognizer | OtherRecognizer | None = None
    if settings.face and video:
        report("loading face landmarker")
        face = extractors.open_face()
        names["face"] = (
            assets.FACE_LANDMARKER.name if isinstance(face, FaceExtractor) else extractors.face.contract.source
        )
    if settings.speech and audio:
        language = None if settings.language == "auto" else settings.language
        if (engine := asr_engine(settings.asr_model, settings.language)) is not None:
            name = settings.asr_model
            report(f"loading {name}")
            speech = OtherRecognizer(engine.open(language))
        else:
            name, folder = asr_folder(settings.asr_model, settings.language)
            report(f"loading {name}")
            languages = predictor.config.languages
            may_fall_back = settings.device == "auto"
            speech = SpeechRecognizer(
                (store or ModelStore()).whisper(
                    folder, predictor.device, lambda: _whisper(folder, predictor.device, may_fall_back, report)
                ),
                language=language,
                prior=languages[0] if languages else None,
                step_s=step_s,
                segments=replace(segments or SegmentSettings(), hotwords=settings.hotwords),
            )
        names["speech"] = name
    voice = extractors.open_voice() if audio else None
    return Models(
        predictor=predictor,
        checkpoint=predictor.config,
        face=face,
        voice=voice,
        speech=speech,
        names=names,
        device=str(predictor.device),
        contract=extractors.contract,
    )


def _whisper(folder: Path, device: torch.device, may_fall_back: bool, report: Callable[[str], None]) -> Whisper:
    """Whisper on the device; on the CPU if CTranslate2 cannot use a device that was chosen automatically."""
    try:
        return load_whisper(folder, str(device))
    except AssetError:
        if device.type == "cpu" or not may_fall_back:
            raise
        report("loading speech recognition on the CPU, since it cannot use this GPU")
        return load_whisper(folder, "cpu")


def asr_folder(name: str, language: str) -> tuple[str, Path]:
    """Name and folder of the Whisper model for a setting: auto, a known name, or a folder.

    Raises:
        AssetError: the model is missing or does not support the language.
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
        known = ", ".join([*(key for key in assets.ASSETS if key.startswith("whisper")), *asr_engine_names()])
        raise AssetError(f"speech model {name!r} is neither a folder nor one of {known}")
    return path.name, path
