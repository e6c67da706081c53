"""The extractors of a stream: those of this package, or others, each with its part of the feature contract.

A checkpoint holds the contract of the features that it was trained on, so nothing has to be set to use it: the
extractors with these contracts are found among those that are installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmim_live import assets
from mmim_live.errors import ConfigError, PluginError
from mmim_live.features.contract import CONTRACT
from mmim_live.features.face import FaceExtractor
from mmim_live.features.voice import VoiceExtractor
from mmim_live.plugins import Group, load_plugin, plugin_names
from mmim_live.types import AudioBlock, FaceRow, FeatureContract, ModalityContract, VideoFrame, VoiceRow

__all__ = ["BUILT_IN", "Extractors", "FaceFeatures", "FaceStream", "VoiceFeatures", "VoiceStream"]

FACE_PLUGINS: Literal["mmim_live.face_extractors"] = "mmim_live.face_extractors"
VOICE_PLUGINS: Literal["mmim_live.voice_extractors"] = "mmim_live.voice_extractors"


class FaceStream(Protocol):
    """Turns the frames of one stream into rows."""

    def push(self, frame: VideoFrame) -> FaceRow | None:
        """The row of the speaker's face in the frame; None if there is none. Frames come in order of time."""
        ...

    def close(self) -> None:
        """Free what it holds; may be called twice."""
        ...


class VoiceStream(Protocol):
    """Turns the audio of one stream into rows, where there is speech."""

    @property
    def until_s(self) -> float:
        """All rows before this media time have been returned."""
        ...

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        """The rows that became complete. Blocks are 16 kHz mono, without gaps from media time 0."""
        ...

    def flush(self) -> list[VoiceRow]:
        """The remaining rows at the end of the stream."""
        ...


@dataclass(frozen=True, slots=True)
class FaceFeatures:
    """What the face rows are, and how to make them. `open` is called for each stream."""

    contract: ModalityContract
    open: Callable[[], FaceStream]


@dataclass(frozen=True, slots=True)
class VoiceFeatures:
    """What the voice rows are, and how to make them. `open` is called for each stream."""

    contract: ModalityContract
    open: Callable[[], VoiceStream]


_Features = TypeVar("_Features", FaceFeatures, VoiceFeatures)


@dataclass(frozen=True, slots=True)
class Extractors:
    """One for each modality that is extracted. Words are folded in the same way whoever recognized them."""

    face: FaceFeatures
    voice: VoiceFeatures

    @property
    def contract(self) -> FeatureContract:
        """What the rows of all of them mean."""
        return FeatureContract(text=CONTRACT.text, voice=self.voice.contract, face=self.face.contract)

    @classmethod
    def named(cls, face: str | None, voice: str | None) -> Extractors:
        """Those of these names; None: ours. Raises ConfigError if there is none, PluginError if it cannot be used."""
        return cls(
            BUILT_IN.face if face is None else _named(FACE_PLUGINS, face, FaceFeatures),
            BUILT_IN.voice if voice is None else _named(VOICE_PLUGINS, voice, VoiceFeatures),
        )

    @classmethod
    def for_contract(cls, contract: FeatureContract) -> Extractors:
        """Those that make such rows; ours for a modality for which there is none, to be refused with a reason.

        Raises PluginError if there is none, but one that cannot be loaded.
        """
        return cls(
            _matching(FACE_PLUGINS, contract.face, BUILT_IN.face, FaceFeatures),
            _matching(VOICE_PLUGINS, contract.voice, BUILT_IN.voice, VoiceFeatures),
        )

    def open_face(self) -> FaceExtractor | OtherFace:
        """The face extractor of a new stream. Raises AssetError."""
        stream = self.face.open()
        return stream if isinstance(stream, FaceExtractor) else OtherFace(stream, self.face.contract)

    def open_voice(self) -> VoiceExtractor | OtherVoice:
        """The voice extractor of a new stream. Raises AssetError."""
        stream = self.voice.open()
        return stream if isinstance(stream, VoiceExtractor) else OtherVoice(stream, self.voice.contract)


class OtherFace:
    """A face extractor of another package, in the place of a `FaceExtractor`."""

    faces_in_frame = 0  # not known

    def __init__(self, stream: FaceStream, contract: ModalityContract) -> None:
        self._stream, self._contract = stream, contract

    def push(self, frame: VideoFrame) -> FaceRow | None:
        """See `FaceStream`. Raises PluginError for a row that breaks the contract."""
        row = self._stream.push(frame)
        if row is not None:
            _check(row.values, self._contract)
        return row

    def outline(self) -> NDArray[np.float32]:
        """Nothing, for display."""
        return np.zeros((0, 2), np.float32)

    def close(self) -> None:
        """See `FaceStream`."""
        self._stream.close()

    def __enter__(self) -> OtherFace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class OtherVoice:
    """A voice extractor of another package, in the place of a `VoiceExtractor`."""

    def __init__(self, stream: VoiceStream, contract: ModalityContract) -> None:
        self._stream, self._contract = stream, contract

    @property
    def until_s(self) -> float:
        """See `VoiceStream`."""
        return self._stream.until_s

    def push(self, block: AudioBlock) -> list[VoiceRow]:
        """See `VoiceStream`. Raises PluginError for a row that breaks the contract."""
        return self._checked(self._stream.push(block))

    def flush(self) -> list[VoiceRow]:
        """See `VoiceStream`. Raises PluginError for a row that breaks the contract."""
        return self._checked(self._stream.flush())

    def _checked(self, rows: list[VoiceRow]) -> list[VoiceRow]:
        for row in rows:
            _check(row.values, self._contract)
        return rows


def _check(values: NDArray[Any], contract: ModalityContract) -> None:
    width = len(contract.names)
    if values.dtype != np.float32 or values.shape != (width,) or not np.isfinite(values).all():
        raise PluginError(
            f"the extractor {contract.source!r} made a row of {values.dtype} {values.shape}; its contract wants "
            f"({width},) finite float32 values: update its package"
        )


def _named(group: Group, name: str, kind: type[_Features]) -> _Features:
    found = load_plugin(group, name, kind)
    if found is None:
        known = ", ".join(plugin_names(group)) or "none is installed"
        raise ConfigError(f"no package provides the extractor {name!r} ({group}): {known}")
    return found


def _matching(group: Group, contract: ModalityContract, ours: _Features, kind: type[_Features]) -> _Features:
    if contract == ours.contract:
        return ours
    broken: PluginError | None = None
    for name in plugin_names(group):
        try:
            found = load_plugin(group, name, kind)
        except PluginError as error:
            broken = error
            continue
        if found is not None and found.contract == contract:
            return found
    if broken is not None:
        raise broken
    return ours


def _landmarker() -> FaceExtractor:
    return FaceExtractor(assets.obtain(assets.FACE_LANDMARKER.name).folder / "face_landmarker.task")


BUILT_IN = Extractors(FaceFeatures(CONTRACT.face, _landmarker), VoiceFeatures(CONTRACT.voice, VoiceExtractor))
