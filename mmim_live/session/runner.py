"""Drives a session: opens it, runs it, passes its events on, and shuts it down.

    open_session() --Session--> events() --Event--> sinks, then on_update
                                every 0.25 s --SoundLevel-->    on_update
                                every 0.5 s  --Health--> sinks, on_update

The app, the headless commands, the library and the benchmarks all run a session through a `SessionRunner`:

- `start` in its own thread (the app),
- `run` in the calling thread (headless commands, benchmarks),
- `events` as a generator (the library).

`stop` is the only way to shut a session down from outside.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mmim_live.capture.files.excerpt import WHOLE, Excerpt
from mmim_live.errors import MmimLiveError, NoDeviceError, OutputError, WorkerError
from mmim_live.events import Event
from mmim_live.output.sink import Sink, open_sink
from mmim_live.session.device_options import device_options
from mmim_live.session.health import loading_health
from mmim_live.session.open_live import Devices, open_live
from mmim_live.session.open_replay import open_replay, recording_of
from mmim_live.session_types import Command, DeviceChoice, Health, OnUpdate, Preview
from mmim_live.settings import Settings, Speed

if TYPE_CHECKING:
    from mmim_live.session.loading import ModelStore
    from mmim_live.session.session import Session

LEVEL_INTERVAL_S = 0.25
LEVELS_PER_HEALTH = 2  # health twice per second
STOP_S = 1.9  # from the request to stop to the end of the last thread
FINISH_S = 1.2  # of that, for the last words and the summary
DEVICE_RETRY_S = 2.0  # between looking for a device
LOADING_STOP_S = 5.0  # the loading of a model cannot be interrupted

Report = Callable[[str], None]  # receives what is being loaded


@runtime_checkable
class HealthSink(Protocol):
    """A sink that also takes health reports."""

    def write_health(self, health: Health) -> None:
        """Called twice per second; never waits."""


def write_events(events: Generator[Event], sinks: Sequence[Sink]) -> Iterator[Event]:
    """Pass events on once every sink has written them; close the sinks at the end.

    If a sink fails, the other files are removed too: output cut off by a full disk must not look complete. After any
    other end (the consumer stops, a worker fails) the lines written so far are kept.
    """
    try:
        with contextlib.closing(events):  # however this ends, the session's threads end with it
            for event in events:
                for sink in sinks:
                    sink.write(event)
                yield event
        for sink in sinks:
            sink.close()
    except OutputError:
        for sink in sinks:
            sink.discard()
        raise
    except BaseException:
        for sink in sinks:
            sink.close()
        raise


class SessionRunner:
    """Runs one session once. Any thread may call `finish`, `stop`, `send` and `health`."""

    def __init__(
        self,
        open_session: Callable[[Report], Session],
        *,
        live: bool,
        checkpoint: str = "",
        outputs: Sequence[Path] = (),
        sinks: Sequence[Sink] = (),
        waits_for_device: bool = False,
        media: Path | None = None,
    ) -> None:
        """`live`: the session uses devices and does not end by itself. `waits_for_device`: until there is one to open.

        `outputs` are files to write, created once the session is open; `sinks` are already open. `media` is the
        recording, for outputs that link it. `checkpoint` is shown in health reports while the session is loading.
        """
        self.live = live
        self._open_session = open_session
        self._checkpoint = checkpoint
        self._waits_for_device = waits_for_device
        self._outputs = tuple(outputs)
        self._media = media
        self._sinks = tuple(sinks)
        self._session: Session | None = None
        self._activity = "loading"
        self._cancelled = threading.Event()  # a session that has not started will not start
        self._stopping = threading.Event()  # no more health reports
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    # ---- three ways to run it ------------------------------------------------------------------------------------

    def start(self, on_update: OnUpdate) -> None:
        """Open and run in a thread; return at once. An error passed to `on_update` has ended the session."""
        self._thread = threading.Thread(target=self._run_reporting, args=(on_update,), name="mmim-runner", daemon=True)
        self._thread.start()

    def run(self, on_update: OnUpdate) -> None:
        """Open the session if needed and run it to the end. Health and levels are reported from another thread.

        Raises:
            MmimLiveError: the session cannot be opened, or failed.
        """
        with self._ticking(on_update):
            for event in self.events(on_update):
                on_update(event)

    def events(self, on_preview: Callable[[Preview], None] = lambda _: None) -> Generator[Event]:
        """Open the session if needed and run it; leaving the loop early ends it. Raises as `run`."""
        try:
            session = self.open()
            if self._cancelled.is_set():
                session.stop()
                return
            sinks = [*(open_sink(path, self._media) for path in self._outputs), *self._sinks]
            yield from write_events(session.events(on_preview), sinks)
        finally:
            self._ended.set()

    def open(self, report: Report | None = None) -> Session:
        """Open the session now, in this thread, separately from running it. Raises MmimLiveError."""
        if self._session is None:
            self._session = self._open_patiently(report or self._report_activity)
        return self._session

    def _open_patiently(self, report: Report) -> Session:
        while True:
            try:
                return self._open_session(report)
            except NoDeviceError as error:
                report(f"waiting for a camera or a microphone: {error}")
                if not self._waits_for_device or self._cancelled.wait(DEVICE_RETRY_S):
                    raise

    # ---- ending it -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End the media now; the last words, readings and the summary still follow."""
        self._cancelled.set()
        if self._session is not None:
            self._session.finish()

    def stop(self, *, finish_s: float | None = None) -> None:
        """End the session and its threads within 2 s, or 5 s if a replay is still loading.

        It first gets `finish_s` for its last words and the summary: by default `FINISH_S` live and 0 in a replay, whose
        user has seen enough.
        """
        if finish_s is None:
            finish_s = FINISH_S if self.live else 0.0
        deadline_s = time.monotonic() + (STOP_S if self.live else LOADING_STOP_S)
        self._cancelled.set()
        self._stopping.set()
        if self._session is not None:
            if finish_s > 0:
                self._session.finish()
                self._ended.wait(finish_s)
            self._session.stop(STOP_S - finish_s)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(max(0.0, deadline_s - time.monotonic()))

    # ---- while it runs -------------------------------------------------------------------------------------------

    def send(self, command: Command) -> bool:
        """Pass a command to the session. False: not supported, not started yet, or over."""
        return self._session is not None and self._session.send(command)

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """The cameras and microphones that the session could switch to. Opens cameras, which takes seconds."""
        return device_options(self._session.devices()) if self._session is not None else ()

    def health(self) -> Health:
        """The current health of the run."""
        return self._session.health() if self._session else loading_health(self._activity, self._checkpoint)

    def _report_activity(self, activity: str) -> None:
        self._activity = activity

    def _run_reporting(self, on_update: OnUpdate) -> None:
        try:
            self.run(on_update)
        except NoDeviceError as error:
            if not self._cancelled.is_set():  # or the user has stopped waiting
                on_update(error)
        except MmimLiveError as error:
            on_update(error)
        except Exception as error:  # noqa: BLE001 (the listener must learn whatever ended the run)
            on_update(WorkerError(f"the session stopped: {type(error).__name__}: {error}"))

    @contextlib.contextmanager
    def _ticking(self, on_update: OnUpdate) -> Iterator[None]:
        thread = threading.Thread(target=self._tick, args=(on_update,), name="mmim-health", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _tick(self, on_update: OnUpdate) -> None:
        health_sinks = [sink for sink in self._sinks if isinstance(sink, HealthSink)]
        for tick in itertools.count(1):
            if self._stopping.wait(LEVEL_INTERVAL_S):
                return
            level = self._session.level() if self._session is not None else None
            if level is not None:
                on_update(level)
            if tick % LEVELS_PER_HEALTH == 0:
                health = self.health()
                on_update(health)
                for sink in health_sinks:
                    sink.write_health(health)


def replay_runner(
    file: Path,
    settings: Settings,
    speed: Speed,
    *,
    outputs: Sequence[Path] = (),
    sinks: Sequence[Sink] = (),
    excerpt: Excerpt = WHOLE,
    store: ModelStore | None = None,
    linked: bool = True,
) -> SessionRunner:
    """A runner for a media file or the folder of a recorded session; `excerpt` and `store` as in `open_replay`.

    `linked`: outputs may link the file, which stays where it is.
    """
    return SessionRunner(
        lambda report: open_replay(file, settings, speed, report, excerpt=excerpt, store=store),
        live=False,
        checkpoint=settings.checkpoint,
        outputs=outputs,
        sinks=sinks,
        media=recording_of(file) if linked else None,
    )


def live_runner(
    devices: Devices,
    settings: Settings,
    *,
    record: Path | None = None,
    outputs: Sequence[Path] = (),
    sinks: Sequence[Sink] = (),
    waits_for_device: bool = False,
) -> SessionRunner:
    """A runner for a camera, a microphone or both. `record`: a folder to record into from the start.

    `waits_for_device`: if there is neither, until one is connected; otherwise that is an error.
    """
    return SessionRunner(
        lambda report: open_live(devices, settings, report, record),
        live=True,
        checkpoint=settings.checkpoint,
        outputs=outputs,
        sinks=sinks,
        waits_for_device=waits_for_device,
    )
