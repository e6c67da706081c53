"""One run from media to events: opens the channels, starts the threads, gives the events in order, ends it all.

    capture --frames--> face ---rows--+
       |----sound-----> voice --rows--+--> predictor: align, predict --events--> whoever iterates
       +----sound-----> speech -words-+

Every stage waits for the next (replay loses nothing). Only the predictor sees all three streams, and the aligner puts
them in an order that depends on the media alone. Knows no files to write and no screen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from mmim_live.align import Aligner, Stream
from mmim_live.capture.recording import Recording
from mmim_live.config import Settings, Speed
from mmim_live.errors import MmimLiveError, WorkerError
from mmim_live.extract.contract import CONTRACT
from mmim_live.pipeline.buffers import Channel
from mmim_live.pipeline.models import Models
from mmim_live.pipeline.readings import Reader
from mmim_live.pipeline.worker import (
    CaptureClock,
    FaceRows,
    Finished,
    Inbox,
    MediaEnded,
    Message,
    VoiceRows,
    Worker,
    capture,
    read_faces,
    read_speech,
    read_voice,
)
from mmim_live.types import AudioBlock, Event, Notice, SessionStarted, SpeechUpdate, VideoFrame

FRAMES_DEPTH = 8  # about half a second of pictures
SOUND_DEPTH = 20  # about two seconds of sound
EVENTS_DEPTH = 256
JOIN_S = 2.0


class Session:
    """A run over one source. Iterate over `events()` once; `stop` may be called from any thread at any time."""

    def __init__(self, source: Recording, models: Models, settings: Settings, speed: Speed) -> None:
        self.source = source
        self.models = models
        self.settings = settings
        self.speed = speed
        self.clock = CaptureClock()
        self.reader = Reader(models.predictor, settings.checkpoint, models.checkpoint.languages, self.clock.captured_at)
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._frames: Channel[VideoFrame] | None = Channel(FRAMES_DEPTH) if models.face else None
        self._sounds: dict[Literal["voice", "speech"], Channel[AudioBlock]] = {}
        if models.voice is not None:
            self._sounds["voice"] = Channel(SOUND_DEPTH)
        if models.speech is not None:
            self._sounds["speech"] = Channel(SOUND_DEPTH)
        # Without bound, but what is ahead of the slowest stream is at most what the channels before it hold.
        self._inbox: Inbox = Channel(0)
        self._events: Channel[Event] = Channel(EVENTS_DEPTH)
        self._workers = self._make_workers()
        self._began = 0.0

    def events(self) -> Iterator[Event]:
        """Run; yield every event in order. Leaving the loop early stops the run.

        Raises:
            MmimLiveError: the source or a worker failed. What was yielded before stands.
        """
        self._began = time.perf_counter()
        for worker in self._workers:
            worker.start()
        try:
            yield from self._events
        finally:
            self.stop()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> list[str]:
        """End all threads; the names of those that did not come within two seconds."""
        self._let_go()
        started = [worker for worker in self._workers if worker.ident is not None]
        for worker in started:
            if worker is not threading.current_thread():
                worker.join(JOIN_S)
        late = [worker.name for worker in started if worker.is_alive()]
        if not late:
            self.source.close()
            if self.models.face is not None:
                self.models.face.close()
        return late

    # ---- threads ---------------------------------------------------------------------------------------------

    def _make_workers(self) -> list[Worker]:
        models, inbox = self.models, self._inbox
        real_time = self.speed == "1.0"
        sounds = tuple(self._sounds.values())
        workers = [
            Worker(
                "capture",
                lambda: capture(self.source, self._frames, sounds, inbox, self.clock, self._stop, real_time),
                self._fail,
            ),
            Worker("predictor", self._predict, self._fail),
        ]
        if models.face is not None and self._frames is not None:
            face, frames = models.face, self._frames
            workers.append(Worker("face", lambda: read_faces(face, frames, inbox), self._fail))
        if models.voice is not None:
            voice = models.voice
            workers.append(Worker("voice", lambda: read_voice(voice, self._sounds["voice"], inbox), self._fail))
        if models.speech is not None:
            speech = models.speech
            workers.append(Worker("speech", lambda: read_speech(speech, self._sounds["speech"], inbox), self._fail))
        return workers

    def _fail(self, worker: str, error: Exception) -> None:
        """Keep the first error and let everybody go."""
        if self._failure is None and not self._stop.is_set():
            if isinstance(error, MmimLiveError):
                self._failure = error
            else:
                self._failure = WorkerError(f"{worker} stopped: {type(error).__name__}: {error}")
                self._failure.__cause__ = error
        self._let_go()

    def _let_go(self) -> None:
        """Tell every thread to end, and wake those that wait."""
        self._stop.set()
        for channel in (self._frames, *self._sounds.values(), self._inbox, self._events):
            if channel is not None:
                channel.abandon()

    def _predict(self) -> None:
        """The predictor's job: messages -> aligned windows -> events."""
        streams: list[Stream] = [*self._sounds, *(("face",) if self._frames is not None else ())]
        aligner = Aligner(self.settings.window, self.settings.hop, streams)
        self._events.put(self._started())
        for notice in self.source.notices():
            self._events.put(notice)
        duration_s = 0.0
        for message in self._inbox:
            if isinstance(message, MediaEnded):
                duration_s = message.duration_s
            self._push(aligner, message)
            for item in aligner.take():
                for event in self.reader.read(item):
                    self._events.put(event)
            if aligner.finished:
                break
        if self._stop.is_set():
            return
        drops = {
            "packets": self.source.skipped_packets,
            "speech_steps": self.models.speech.skipped_steps if self.models.speech else 0,
        }
        self._events.put(self.reader.summary(duration_s, time.perf_counter() - self._began, drops))
        self._events.close()

    def _push(self, aligner: Aligner, message: Message) -> None:
        match message:
            case FaceRows():
                self.reader.count("frames")
                self.reader.count("face_rows", len(message.rows))
                aligner.push_face(message.rows, message.until_s)
            case VoiceRows():
                self.reader.count("voice_rows", len(message.rows))
                aligner.push_voice(message.rows, message.until_s)
            case SpeechUpdate():
                aligner.push_speech(message)
            case Notice():
                aligner.push_notice(message)
            case Finished(stream):
                aligner.finish(stream)
            case MediaEnded(duration_s):
                aligner.end(duration_s)

    def _started(self) -> SessionStarted:
        return SessionStarted(
            version=version("mmim-live"),
            source=self.source.name,
            duration_s=self.source.duration_s,
            checkpoint=self.settings.checkpoint,
            contract_hash=CONTRACT.hash,
            models=self.models.names,
            settings=self.settings.model_dump(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
