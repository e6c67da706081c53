"""Speech recognizers of other packages: what they have to do, and how they stand in for our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from mmim_live.errors import AssetError
from mmim_live.plugins import load_plugin, plugin_names
from mmim_live.types import AudioBlock, SpeechUpdate

__all__ = ["AsrEngine", "OtherRecognizer", "SpeechStream", "asr_engine", "asr_engine_names"]

PLUGINS: Literal["mmim_live.asr_engines"] = "mmim_live.asr_engines"


class SpeechStream(Protocol):
    """Recognizes one stream of audio, 16 kHz mono; used by one thread at a time.

    Its results should depend on the audio alone, not on how it is split into blocks or how fast the machine is:
    otherwise a replay is not repeatable.
    """

    def push(self, block: AudioBlock) -> list[SpeechUpdate]:
        """Take the next audio, without gaps from media time 0; return an update for each step of about 0.5 s.

        An update comes in silence too: readings wait for its `time_s`.
        """
        ...

    def flush(self) -> list[SpeechUpdate]:
        """The audio is over: commit all that is left."""
        ...


@dataclass(frozen=True, slots=True)
class AsrEngine:
    """A speech recognizer; the name of its entry point is a value of --asr-model.

    In a live session it has to keep up: only our own recognizer does less when the machine is too slow.
    """

    open: Callable[[str | None], SpeechStream]
    """Called for each stream with its language, ISO 639-1, or None to detect it. Load the model once and keep it."""
    languages: tuple[str, ...] = ()  # ISO 639-1; empty: any


def asr_engine_names() -> tuple[str, ...]:
    """Of all that are installed."""
    return plugin_names(PLUGINS)


def asr_engine(name: str, language: str) -> AsrEngine | None:
    """The engine of this name, or None if no package has one. `language`: ISO 639-1, or auto.

    Raises:
        PluginError: it cannot be loaded.
        AssetError: it does not support the language.
    """
    engine = load_plugin(PLUGINS, name, AsrEngine)
    if engine is not None and language != "auto" and engine.languages and language not in engine.languages:
        raise AssetError(f"{name} knows {', '.join(engine.languages)}, not {language!r}: choose another --asr-model")
    return engine


class OtherRecognizer:
    """A recognizer of another package, in the place of a `SpeechRecognizer` that nothing governs."""

    skipped_steps = 0
    softest_dbfs: float | None = None

    def __init__(self, stream: SpeechStream) -> None:
        self._stream = stream

    def push(self, block: AudioBlock, *, more: bool = False) -> list[SpeechUpdate]:  # noqa: ARG002 (as its counterpart)
        """See `SpeechStream`."""
        return self._stream.push(block)

    def flush(self) -> list[SpeechUpdate]:
        """See `SpeechStream`."""
        return self._stream.flush()
