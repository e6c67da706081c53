"""mmim-live: real-time sentiment from face, voice and words.

import mmim_live

for event in mmim_live.replay("talk.mp4"):
    if event.type == "utterance":
        print(event.start_s, event.score, event.text)

`mmim_live.live()` does the same with a camera and a microphone, `mmim_live.analyze("talk.mp4")` returns all of it at
once, and `mmim_live.load().predict(text="...")` scores single sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmim_live.telemetry import block_library_telemetry

if TYPE_CHECKING:
    from mmim_live.api.analysis import Analysis
    from mmim_live.api.model import Model, load
    from mmim_live.api.stream import Stream
    from mmim_live.errors import MmimLiveError
    from mmim_live.events import Comparison, Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
    from mmim_live.session.live_session import LiveSession
    from mmim_live.session.session import Session
    from mmim_live.settings import Settings, Speed
    from mmim_live.types import Agreement, Contributions, Prediction, Present

block_library_telemetry()  # here, so that it comes before any import of onnxruntime

__all__ = [
    "Agreement",
    "Analysis",
    "Comparison",
    "Contributions",
    "Event",
    "LiveSession",
    "Mark",
    "MmimLiveError",
    "Model",
    "Notice",
    "Prediction",
    "Present",
    "Reading",
    "SessionStarted",
    "Settings",
    "Stream",
    "Summary",
    "Utterance",
    "WordHeard",
    "analyze",
    "live",
    "load",
    "replay",
]

_HOMES = ("events", "types", "settings", "errors", "api.model", "api.analysis", "api.stream", "session.live_session")


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that Ctrl-C during start-up prints no traceback."""
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"mmim_live.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'mmim_live' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is public, for completion."""
    return sorted(__all__)


def analyze(path: str | Path, **settings: Any) -> Analysis:
    """Analyze a whole recording.

    Args:
        path: as in `replay`.
        settings: fields of `Settings` by name.

    Raises:
        MmimLiveError: as `replay`.
    """
    from mmim_live.api.analysis import Analysis
    from mmim_live.session.open_replay import recording_of

    return Analysis(tuple(replay(path, **settings)), recording_of(Path(path)))


def replay(path: str | Path, *, speed: Speed = "max", **settings: Any) -> Generator[Event]:
    """Analyze a recording and yield its events in the order of media time, as they are made.

    The first event is a `SessionStarted`, the last a `Summary`; between them come `WordHeard`, `Reading`, `Utterance`,
    `Notice` and `Mark`. `mmim-live replay --output x.jsonl` writes the same objects, one per line.

    Args:
        path: a video or audio file, or the folder of a recorded session, whose settings then apply; "sample" is the
            bundled clip.
        speed: "max" is as fast as the machine can, "1.0" is real time.
        settings: fields of `Settings` by name, such as checkpoint="minilm-en", window=8.0, face=False.

    While it runs, torch is set to one thread. Closing or dropping the generator stops the threads.

    Raises:
        MmimLiveError: the file, a setting, the checkpoint or a model file cannot be used; the message is one line.
    """
    from mmim_live.errors import ConfigError
    from mmim_live.recording.reader import recorded_settings
    from mmim_live.session.runner import replay_runner
    from mmim_live.settings import load_settings, parse_speed

    try:
        pace = parse_speed(str(speed))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    values = load_settings(None, settings, recorded=recorded_settings(Path(path)))
    yield from replay_runner(Path(path), values, pace).events()


def live(
    camera: int | str | None = 0,
    microphone: int | str | None = "default",
    *,
    record: str | Path | None = None,
    **settings: Any,
) -> LiveSession:
    """Analyze camera and microphone and yield events as they are made, like `replay`.

    A live session has no end of its own: call `finish()` on the returned generator, in the loop or from any thread, for
    the last words and the `Summary`; or `close()` it. `LiveSession` can also mark, record and take a baseline.

    Args:
        camera: an index, a device path, or a URL (http, rtsp); None disables it.
        microphone: an index or (partial) name; "default" is the system's, None disables it.
        record: a new folder to record into from the start; without it nothing is stored.
        settings: fields of `Settings` by name, such as checkpoint="minilm-en", window=8.0, speech=False.

    A device that is missing or lost is reported by a `Notice` and may return. While it runs, torch is set to one
    thread.

    Raises:
        MmimLiveError: at the first event: there is no device at all, `record` cannot be written, or a setting, the
            checkpoint or a model file cannot be used; the message is one line.
    """
    from mmim_live.session.live_session import LiveSession
    from mmim_live.session.open_live import Devices, open_live
    from mmim_live.session.runner import SessionRunner
    from mmim_live.settings import load_settings

    def open_session(report: Callable[[str], None]) -> Session:
        folder = None if record is None else Path(record)
        devices = Devices(camera, None if microphone == "default" else microphone, microphone is not None)
        return open_live(devices, load_settings(None, settings), report, folder)

    return LiveSession(SessionRunner(open_session, live=True))
