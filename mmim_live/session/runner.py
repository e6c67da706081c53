"""Runs a session in a thread of its own for somebody who is told of it: every event, and its health twice a second.

Knows sessions and output files, not who listens.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmim_live.errors import MmimLiveError, OutputError, WorkerError
from mmim_live.events import Event
from mmim_live.output.sink import Sink, open_sink
from mmim_live.session.device_options import device_options
from mmim_live.session.health import HEALTH_INTERVAL_S, HealthMeter
from mmim_live.session.open_live import Devices, open_live
from mmim_live.session.open_replay import open_replay
from mmim_live.session_types import Command, DeviceChoice, Health, Preview, SoundLevel
from mmim_live.settings import Settings, Speed

if TYPE_CHECKING:
    from mmim_live.session.session import Session

Said = Event | Health | SoundLevel | Preview | MmimLiveError
Post = Callable[[Said], None]

LEVEL_INTERVAL_S = HEALTH_INTERVAL_S / 2
STOP_S = 1.9
FINISH_S = 1.2  # of that for the last words of a live session
JOIN_S = 5.0  # the session's own join, and a model that is just being loaded


class Audience(Sink, Protocol):
    """A sink that is told of health as well."""

    def tell(self, health: Health) -> None:
        """Called twice a second; never waits."""


def write_events(events: Generator[Event], sinks: Sequence[Sink]) -> Iterator[Event]:
    """Pass events on after every sink has written them; close the sinks at the end.

    A sink that fails takes the other files with it: what a full disk cut off must not look like a whole run. After
    any other end (the listener leaves, a worker fails) the lines written so far stand.
    """
    try:
        with contextlib.closing(events):  # however it ends, the session's threads end with it
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


class Feed:
    """One session for one listener: `start` begins it, `stop` ends and joins it.

    `open_session` is told whom to report to what is being loaded. A session of devices has no end of its own: `stop`
    lets it come to one, with its last words and its summary, before it ends it.
    """

    def __init__(
        self,
        open_session: Callable[[Callable[[str], None]], Session],
        settings: Settings,
        outputs: Sequence[Path],
        *,
        live: bool,
        audience: Audience | None = None,
    ) -> None:
        self._open_session = open_session
        self._outputs = outputs
        self._audience = audience
        self.live = live
        self._session: Session | None = None
        self._activity = "loading"
        self._stopping = threading.Event()
        self._meter = HealthMeter(settings)
        self._threads: list[threading.Thread] = []

    def start(self, post: Post) -> None:
        """Begin and return. `post` is called from other threads; an error that it is given ends the run."""
        self._threads = [
            threading.Thread(target=self._run, args=(post,), name="mmim-feed", daemon=True),
            threading.Thread(target=self._watch, args=(post,), name="mmim-health", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the session and join its threads."""
        deadline_s = time.monotonic() + (STOP_S if self.live else JOIN_S)
        self._stopping.set()
        if self._session is not None:
            if self.live and self._threads:
                self._session.finish()
                self._threads[0].join(FINISH_S)
            self._session.stop(STOP_S - FINISH_S if self.live else STOP_S)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - time.monotonic()))

    def send(self, command: Command) -> bool:
        """Pass on what a person asks of the session. False: it has not begun, or is over."""
        return self._session is not None and self._session.send(command)

    def find_devices(self) -> tuple[DeviceChoice, ...]:
        """The cameras and microphones that the session could use instead. Opens cameras, and takes seconds."""
        return device_options(self._session.source.devices()) if self._session is not None else ()

    def _run(self, post: Post) -> None:
        try:
            session = self._open_session(self._report)
            session.previews.tell = post
            self._session = session
            if not self._stopping.is_set():
                sinks: list[Sink] = [open_sink(path) for path in self._outputs]
                if self._audience is not None:
                    sinks.append(self._audience)
                for event in write_events(self._session.events(), sinks):
                    post(event)
        except MmimLiveError as error:
            post(error)
        except Exception as error:  # noqa: BLE001 (the listener must hear of whatever ended the run)
            post(WorkerError(f"the session stopped: {type(error).__name__}: {error}"))
        finally:
            self._stopping.set()

    def _report(self, activity: str) -> None:
        self._activity = activity

    def _watch(self, post: Post) -> None:
        for tick in itertools.count(1):
            if self._stopping.wait(LEVEL_INTERVAL_S):
                return
            level = self._session.source.level() if self._session is not None else None
            if level is not None:
                post(level)
            if tick % round(HEALTH_INTERVAL_S / LEVEL_INTERVAL_S) == 0:
                health = self.health()
                post(health)
                if self._audience is not None:
                    self._audience.tell(health)

    def health(self) -> Health:
        """How the run fares now."""
        return self._meter.look(self._session, self._activity)


class ReplayFeed(Feed):
    """A recording, and what is made of it."""

    def __init__(
        self, file: Path, settings: Settings, speed: Speed, outputs: Sequence[Path], audience: Audience | None = None
    ) -> None:
        super().__init__(
            lambda report: open_replay(file, settings, speed, report), settings, outputs, live=False, audience=audience
        )


class LiveFeed(Feed):
    """A camera and a microphone, and what is made of them."""

    def __init__(
        self,
        devices: Devices,
        settings: Settings,
        outputs: Sequence[Path],
        audience: Audience | None = None,
        record: Path | None = None,
    ) -> None:
        """`record`: a folder to record into from the beginning."""
        super().__init__(
            lambda report: open_live(devices, settings, report, record),
            settings,
            outputs,
            live=True,
            audience=audience,
        )
