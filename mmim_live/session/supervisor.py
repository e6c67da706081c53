"""Decides what a failed worker means (restart it, continue without it, or end the session) and stops all workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Set

from mmim_live.alignment import Stream
from mmim_live.errors import MmimLiveError, WorkerError
from mmim_live.events import Event, Notice
from mmim_live.session.channel import Channel
from mmim_live.session.media_source import MediaSource
from mmim_live.session.messages import Finished, Inbox
from mmim_live.session.workers import Restarts
from mmim_live.types import AudioBlock

# Which streams end with a worker. Without the predictor there is no session.
_STREAMS_OF: dict[str, tuple[Stream, ...]] = {
    "face": ("face",),
    "voice": ("voice",),
    "speech": ("speech",),
    "microphone": ("voice", "speech"),
}


class Supervisor:
    """Watches over the workers of one session, without a reference to it (which would be a cycle)."""

    def __init__(
        self,
        source: MediaSource,
        *,
        streams: Set[Stream],
        audio: Mapping[Stream, Channel[AudioBlock]],
        inbox: Inbox,
        events: Channel[Event],
        restarts_workers: bool,
    ) -> None:
        """`streams` are those that have a worker; `audio` are the channels of the extractors that use audio."""
        self.failure: Exception | None = None  # what ended the session
        self._source = source
        self._streams = set(streams)
        self._audio = audio
        self._inbox = inbox
        self._events = events
        self._restarts_workers = restarts_workers
        self._restarts = Restarts()
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether the workers have been asked to end."""
        return self._stopping.is_set()

    def shut_down(self) -> None:
        """Ask every worker to end, and wake those that wait."""
        self._stopping.set()
        self._source.finish()
        for channel in self._audio.values():
            channel.abandon()
        self._inbox.abandon()
        self._events.abandon()

    def failed(self, thread: str, error: Exception) -> bool:
        """Handle the error of a worker, called in its thread; return whether the worker is to be restarted."""
        if self.stopping:
            return False
        worker, reason = thread.removeprefix("mmim-"), f"{type(error).__name__}: {error}"
        if not self._restarts_workers:
            self._fail(error if isinstance(error, MmimLiveError) else WorkerError(f"{thread} stopped: {reason}"), error)
            return False
        if self._restarts.allows(worker, time.monotonic()):
            self._notify(f"{worker}_restarted", f"the {worker} worker failed ({reason}) and was restarted")
            return True
        self._streams -= set(_STREAMS_OF.get(worker, self._streams))
        if not self._streams & {"face", "voice"}:
            self._fail(WorkerError(f"the {worker} worker keeps failing: {reason}"), error)
            return False
        self._notify(f"{worker}_gone", f"the {worker} worker keeps failing: the session continues without it")
        for stream in _STREAMS_OF[worker]:
            if stream in self._audio:
                self._audio[stream].abandon()
            self._inbox.put(Finished(stream))
        return False

    def _notify(self, code: str, message: str) -> None:
        self._inbox.put(Notice(self._source.clock.now_s(), code, " ".join(message.split())))

    def _fail(self, failure: Exception, cause: Exception) -> None:
        """Keep the first error and end all workers."""
        if self.failure is None:
            if failure is not cause:
                failure.__cause__ = cause
            self.failure = failure
        self.shut_down()
