"""mmim-live: sentiment from a face, a voice and words, while the person is still speaking.

import mmim_live

for event in mmim_live.replay("talk.mp4"):
    if event.type == "utterance":
        print(event.start_s, event.score, event.text)

`mmim_live.live()` does the same with a camera and a microphone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from mmim_live.telemetry import block_library_telemetry

if TYPE_CHECKING:
    from mmim_live.errors import MmimLiveError
    from mmim_live.events import Comparison, Event, Mark, Notice, Reading, SessionStarted, Summary, Utterance, WordHeard
    from mmim_live.session.live_session import LiveSession
    from mmim_live.session.session import Session
    from mmim_live.settings import Settings, Speed
    from mmim_live.types import Agreement, Contributions, Present

block_library_telemetry()  # here, so that it comes before any import of onnxruntime

__all__ = [
    "Agreement",
    "Comparison",
    "Contributions",
    "Event",
    "LiveSession",
    "Mark",
    "MmimLiveError",
    "Notice",
    "Present",
    "Reading",
    "SessionStarted",
    "Settings",
    "Summary",
    "Utterance",
    "WordHeard",
    "live",
    "replay",
]

_HOMES = ("events", "types", "settings", "errors", "session.live_session")


def __getattr__(name: str) -> Any:
    """Bring the public names when they are asked for: whoever interrupts the command while it starts gets no trace."""
    if name in __all__:
        for home in _HOMES:
            module = import_module(f"mmim_live.{home}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'mmim_live' has no attribute {name!r}")


def replay(path: str | Path, *, speed: Speed = "max", **settings: Any) -> Generator[Event]:
    """Read a recording and yield its events in the order of media time, as they are made.

    The first event is a `SessionStarted`, the last a `Summary`; between them come `WordHeard`, `Reading`, `Utterance`,
    `Notice` and `Mark`. They are the objects that `mmim-live replay --output x.jsonl` writes, line by line.

    Args:
        path: a video, sound alone, or the folder of a recorded session, whose settings hold then; "sample" is the short
            clip that comes with mmim-live.
        speed: "max" goes as fast as the machine can, "1.0" keeps to the clock of the recording.
        settings: fields of `Settings` by name, such as checkpoint="minilm-en", window=8.0, face=False.

    While it runs, torch is set to one thread. Closing the generator (or leaving the loop and letting it go) stops the
    threads.

    Raises:
        MmimLiveError: the file, a setting, the checkpoint or a model file cannot be used; the message is one line.
    """
    from mmim_live.errors import ConfigError
    from mmim_live.recording.reader import recorded_settings
    from mmim_live.session.runner import replay_runner
    from mmim_live.settings import Speed, load_settings

    if str(speed) not in get_args(Speed):
        raise ConfigError(f"speed must be 'max' or '1.0', not {speed!r}")
    values = load_settings(None, settings, recorded=recorded_settings(Path(path)))
    yield from replay_runner(Path(path), values, cast(Speed, str(speed))).events()


def live(
    camera: int | str | None = 0,
    microphone: int | str | None = "default",
    *,
    record: str | Path | None = None,
    **settings: Any,
) -> LiveSession:
    """Watch and listen, and yield the events as they are made; the twin of `replay`.

    A session of devices has no end of its own: call `finish()` of what is returned, in the loop or from any thread, for
    the last words and the `Summary`, or `close()` it. `LiveSession` can also mark, record and take a baseline.

    Args:
        camera: an index, a path, or an address (http, rtsp); None does without.
        microphone: a name, part of one, or an index; "default" is the system's, None does without.
        record: a new folder to record into from the beginning; nothing is stored without it.
        settings: fields of `Settings` by name, such as checkpoint="minilm-en", window=8.0, speech=False.

    A device that is missing or goes away is told of by a `Notice`, and waited for. While it runs, torch is set to one
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
