"""One run from media to events: opens the channels, starts the threads, gives the events in order, ends it all.

    source --frames--> face ---rows--+
      |----sound-----> voice --rows--+--> predictor: align, predict --events--> whoever iterates
      +----sound-----> speech -words-+

Where the source is a recording, every stage waits for the next and nothing is lost; where it is devices, what is late
is dropped and counted, and a worker that fails begins again. Only the predictor sees all three streams, and the
aligner puts them in an order that depends on the media alone. Knows no files to write and no screen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from datetime import UTC, datetime
from importlib.metadata import version

from mmim_live.alignment import Aligned, Aligner, Stream
from mmim_live.errors import MmimLiveError, WorkerError
from mmim_live.events import Event, Mark, Notice, SessionStarted, Summary
from mmim_live.features.contract import CONTRACT
from mmim_live.recording.comparison import Comparer
from mmim_live.recording.recorder import Recorder
from mmim_live.session.asr_load import SpeechGovernor
from mmim_live.session.baseline import Baseline
from mmim_live.session.channel import Channel
from mmim_live.session.inference import Inference, drop_superseded
from mmim_live.session.loading import Models
from mmim_live.session.media_source import MediaSource
from mmim_live.session.messages import (
    BaselineToggled,
    FaceRows,
    Finished,
    Inbox,
    MediaEnded,
    Message,
    NoFrame,
    VoiceRows,
)
from mmim_live.session.preview import PreviewMaker
from mmim_live.session.workers import Job, Restarts, Worker, extract_faces, extract_voice, recognize_speech
from mmim_live.session_types import Command, MarkMoment, ShowPicture, ToggleBaseline, ToggleRecording, UseDevice
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, SpeechUpdate

AUDIO_DEPTH = 20  # about two seconds of sound
INBOX_DEPTH = 256
EVENTS_DEPTH = 256
JOIN_S = 1.9  # all threads together
LEAST_S = 0.2  # of that for what is left of a recording to be written

# What a worker's end takes with it. Without the predictor there is no session.
_STREAMS_OF: dict[str, tuple[Stream, ...]] = {
    "face": ("face",),
    "voice": ("voice",),
    "speech": ("speech",),
    "microphone": ("voice", "speech"),
}


class Session:
    """A run over one source. Iterate over `events()` once; `stop` may be called from any thread at any time."""

    def __init__(
        self,
        source: MediaSource,
        models: Models,
        settings: Settings,
        *,
        recorder: Recorder | None = None,
        comparer: Comparer | None = None,
    ) -> None:
        self.source = source
        self.models = models
        self.settings = settings
        self.recorder = recorder  # of a live session
        self._comparer = comparer  # of a recorded one
        baseline = Baseline(settings.window, settings.hop)
        languages = models.checkpoint.languages
        self.inference = Inference(models.predictor, settings.checkpoint, languages, source.captured_at, baseline)
        self.previews = PreviewMaker(mirrored=source.backpressure == "drop")  # people know themselves from the mirror
        self.governor: SpeechGovernor | None = None  # of the recogniser's effort, where speech must not fall behind
        self._waits = source.backpressure == "wait"
        self._restarts = Restarts()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        # Devices cannot wait: their sound gathers here, and is dropped by nobody but the governor, who counts it.
        depth = AUDIO_DEPTH if self._waits else 0
        self._sounds: dict[Stream, Channel[AudioBlock]] = {}
        if models.voice is not None:
            self._sounds["voice"] = Channel(depth)
        if models.speech is not None:
            self._sounds["speech"] = Channel(depth)
        # The predictor takes all that is there before it waits for anybody, so that a bound cannot block it.
        self._inbox: Inbox = Channel(INBOX_DEPTH if self._waits else 0)
        self._events: Channel[Event] = Channel(EVENTS_DEPTH)
        self._streams: set[Stream] = {*self._sounds}
        if models.face is not None:
            self._streams.add("face")
        self._aligner = Aligner(settings.window, settings.hop, self._streams, wait_for_speech=self._waits)
        self._superseded = 0
        self._duration_s = 0.0
        self._workers = [Worker(name, job, self._failed) for name, job in self._jobs().items()]
        self._began = 0.0

    def events(self) -> Generator[Event]:
        """Run; yield every event in order. Leaving the loop early stops the run.

        Raises:
            MmimLiveError: the source or a worker failed. What was yielded before stands.
        """
        self._began = time.perf_counter()
        self._events.put(self._started())
        for notice in self.source.notices():
            self._events.put(notice)
        self.source.start(self._inbox)
        for worker in self._workers:
            worker.start()
        try:
            for event in self._events:
                if self.recorder is not None:
                    yield from self.recorder.follow(event)
                if self._comparer is not None:
                    self._comparer.take(event)
                    if isinstance(event, Summary):
                        yield self._comparer.result()
                yield event
        finally:
            self.stop()
        if self._failure is not None:
            raise self._failure

    def send(self, command: Command) -> bool:
        """Do what a person asks; from any thread, at once. False: the session is over, and nothing is done."""
        match command:
            case MarkMoment(label, ago_s):
                return self._inbox.put(Mark(max(0.0, self.source.media_s - ago_s), label), wait=False)
            case ToggleRecording(folder):
                return self.recorder is not None and self.recorder.toggle(folder)
            case ToggleBaseline():
                return self._inbox.put(BaselineToggled(self.source.media_s), wait=False)
            case ShowPicture(size):
                self.previews.size = size
                return self.models.face is not None
            case UseDevice(kind, source):
                return not self._stop.is_set() and self.source.use(kind, source)

    def finish(self) -> None:
        """End the media here: the last words and readings and the summary still come, then `events` ends."""
        self.source.finish()

    def stop(self, within_s: float = JOIN_S) -> list[str]:
        """End all threads; the names of those that did not come in time."""
        self._shutdown()
        deadline_s = time.monotonic() + within_s
        started = [worker for worker in self._workers if worker.ident is not None]
        for worker in started:
            if worker is not threading.current_thread():
                worker.join(max(0.0, deadline_s - time.monotonic()))
        if self.recorder is not None:
            self.recorder.close(max(LEAST_S, deadline_s - time.monotonic()))
        late = [worker.name for worker in started if worker.is_alive()]
        if not late:
            self.source.close()
            if self.models.face is not None:
                self.models.face.close()
            # Workers hold the session and it holds them: let go, so that models leave memory with the last reference.
            self._workers = []
        return late

    def drops(self) -> dict[str, int]:
        """What was lost, skipped or given up so far, by kind."""
        drops = self.source.drops()
        drops["speech_steps"] = self.models.speech.skipped_steps if self.models.speech else 0
        if not self._waits:
            drops["readings"] = self._superseded
        if self.governor is not None:
            drops["speech_blocks"] = self.governor.muted_blocks
        return drops

    # ---- threads ---------------------------------------------------------------------------------------------

    def _jobs(self) -> dict[str, Job]:
        models, inbox, sounds = self.models, self._inbox, self._sounds
        jobs = {**self.source.jobs(tuple(sounds.values())), "predictor": self._predict}
        if models.face is not None:
            face = models.face
            jobs["face"] = lambda: extract_faces(face, self.source.frames(), inbox, self.previews)
        if models.voice is not None:
            voice = models.voice
            jobs["voice"] = lambda: extract_voice(voice, sounds["voice"], inbox)
        if models.speech is not None:
            speech = models.speech
            if self._waits:
                jobs["speech"] = lambda: recognize_speech(speech, sounds["speech"], inbox)
            else:
                governor = SpeechGovernor(speech, models.names["speech"], lambda: self.source.media_s, inbox.put)
                self.governor = governor
                audio = sounds["speech"]
                jobs["speech"] = lambda: recognize_speech(
                    speech, governor.throttle(audio), inbox, lambda: len(audio) > 0
                )
        return jobs

    def _failed(self, thread: str, error: Exception) -> bool:
        """Whether the worker shall begin again. A replay that lost something would be wrong; live goes on without."""
        if self._stop.is_set():
            return False
        worker, reason = thread.removeprefix("mmim-"), f"{type(error).__name__}: {error}"
        if self._waits:
            self._fail(error if isinstance(error, MmimLiveError) else WorkerError(f"{thread} stopped: {reason}"), error)
            return False
        if self._restarts.allows(worker, time.monotonic()):
            self._notify(f"{worker}_restarted", f"the {worker} worker failed ({reason}) and was started again")
            return True
        self._streams -= set(_STREAMS_OF.get(worker, self._streams))
        if not self._streams & {"face", "voice"}:
            self._fail(WorkerError(f"the {worker} worker fails again and again: {reason}"), error)
            return False
        self._notify(f"{worker}_gone", f"the {worker} worker fails again and again: the session goes on without it")
        for stream in _STREAMS_OF[worker]:
            if stream in self._sounds:
                self._sounds[stream].abandon()
            self._inbox.put(Finished(stream))
        return False

    def _notify(self, code: str, message: str) -> None:
        self._inbox.put(Notice(self.source.media_s, code, " ".join(message.split())))

    def _fail(self, failure: Exception, cause: Exception) -> None:
        """Keep the first error and let everybody go."""
        if self._failure is None:
            if failure is not cause:
                failure.__cause__ = cause
            self._failure = failure
        self._shutdown()

    def _shutdown(self) -> None:
        """Tell every thread to end, and wake those that wait."""
        self._stop.set()
        self.source.stop()
        for sound in self._sounds.values():
            sound.abandon()
        self._inbox.abandon()
        self._events.abandon()

    def _predict(self) -> None:
        """The predictor's job: messages -> aligned windows -> events."""
        for messages in self._inbox.batches():
            for message in messages:
                self._push(message)
            for item in self._without_superseded(self._aligner.take()):
                for event in self.inference.read(item):
                    self._events.put(event)
            if self._aligner.finished:
                break
        if self._stop.is_set():
            return
        for notice in self.inference.baseline.end(self._duration_s):
            self._events.put(notice)
        wall_s = time.perf_counter() - self._began
        self._events.put(self.inference.summary(self._duration_s, wall_s, self.drops()))
        self._events.close()

    def _without_superseded(self, items: list[Aligned]) -> list[Aligned]:
        """All of them; of devices, without the provisional windows that a later one in the same batch overtook."""
        if self._waits:
            return items
        kept = drop_superseded(items)
        self._superseded += len(items) - len(kept)
        return kept

    def _push(self, message: Message) -> None:
        match message:
            case FaceRows():
                self.inference.count("frames")
                self.inference.count("face_rows", len(message.rows))
                self._aligner.push_face(message.rows, message.until_s)
            case NoFrame():
                self._aligner.push_face((), message.until_s)
            case VoiceRows():
                self.inference.count("voice_rows", len(message.rows))
                self._aligner.push_voice(message.rows, message.until_s)
            case SpeechUpdate():
                self._aligner.push_speech(message)
            case Notice() | Mark():
                self._aligner.push_remark(message)
            case BaselineToggled(time_s):
                self._aligner.push_remark(self.inference.baseline.toggle(time_s))
            case Finished(stream):
                self._aligner.finish(stream)
            case MediaEnded(duration_s):
                self._duration_s = duration_s
                self._aligner.end(duration_s)

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
