"""One run from media to events: opens the channels, starts the workers, yields the events in order, cleans up.

    source --frames--> face ---rows--+
      |----audio-----> voice --rows--+--> predictor: align, predict --events--> consumer
      +----audio-----> speech -words-+

Each arrow is a `Channel`. The `FlowPolicy` decides what happens if one stage is slower than the one before it.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain

from mmim_live.alignment import Aligner, Stream
from mmim_live.capture.files.excerpt import WHOLE, Excerpt
from mmim_live.events import Event, Mark, SessionStarted, Summary
from mmim_live.features.extractors import OtherFace
from mmim_live.features.face import FaceExtractor
from mmim_live.recording.comparison import Comparer
from mmim_live.recording.event_time import shifted
from mmim_live.recording.recorder import Recorder
from mmim_live.session.asr_load import SpeechGovernor
from mmim_live.session.baseline import Baseline
from mmim_live.session.channel import Channel
from mmim_live.session.health import UsageMeter
from mmim_live.session.inference import Inference
from mmim_live.session.loading import Models
from mmim_live.session.media_source import AudioFanout, DeviceControl, MediaSource
from mmim_live.session.messages import BaselineToggled, Inbox, Message
from mmim_live.session.policy import FlowPolicy
from mmim_live.session.prediction import PredictionStage
from mmim_live.session.preview import PreviewMaker
from mmim_live.session.supervisor import Supervisor
from mmim_live.session.workers import Job, Worker, extract_faces, extract_voice, recognize_speech
from mmim_live.session_types import (
    Command,
    DeviceHealth,
    Health,
    MarkMoment,
    Preview,
    ShowPreview,
    SoundLevel,
    ToggleBaseline,
    ToggleRecording,
    UseDevice,
)
from mmim_live.settings import Settings
from mmim_live.speech.engine import OtherRecognizer
from mmim_live.speech.recognizer import SpeechRecognizer
from mmim_live.types import AudioBlock

EVENTS_DEPTH = 256
JOIN_S = 1.9  # for all threads together
MIN_RECORDING_S = 0.2  # of that, to write the rest of a recording


class Session:
    """A run over one source. Iterate over `events()` once; every other method may be called from any thread."""

    def __init__(
        self,
        source: MediaSource,
        models: Models,
        settings: Settings,
        policy: FlowPolicy,
        *,
        devices: DeviceControl | None = None,
        recorder: Recorder | None = None,
        comparer: Comparer | None = None,
        excerpt: Excerpt = WHOLE,
    ) -> None:
        """`devices` and `recorder` are for a live session, `comparer` for the replay of a recorded one.

        `excerpt` is the part of a recording that the source reads; the events have the times of the recording.
        """
        self.models = models
        self.settings = settings
        self.recorder = recorder
        self.governor: SpeechGovernor | None = None  # of the recognizer's effort, if speech must not fall behind
        self._source = source
        self._policy = policy
        self._devices = devices
        self._comparer = comparer
        self._excerpt = excerpt
        self._usage = UsageMeter()
        self._began_s = 0.0  # on `time.perf_counter`
        self._on_preview: Callable[[Preview], None] = lambda _: None
        # People expect to see themselves mirrored.
        live = devices is not None
        self._previews = PreviewMaker(
            lambda preview: self._on_preview(preview), mirrored=live, now_s=time.monotonic if live else None
        )
        self._audio: dict[Stream, Channel[AudioBlock]] = {}
        if models.voice is not None:
            self._audio["voice"] = Channel(policy.audio_depth)
        if models.speech is not None:
            self._audio["speech"] = Channel(policy.audio_depth)
        self._fanout = AudioFanout(tuple(self._audio.values()))
        # The predictor takes everything that is waiting before it waits itself, so a bound cannot cause a deadlock.
        self._inbox: Inbox = Channel(policy.inbox_depth)
        self._events: Channel[Event] = Channel(EVENTS_DEPTH)
        streams: set[Stream] = {*self._audio}
        if models.face is not None:
            streams.add("face")
        self.inference = Inference(
            predictor=models.predictor,
            checkpoint=settings.checkpoint,
            languages=models.checkpoint.languages,
            captured_at=source.clock.captured_at,
            baseline=Baseline(settings.window, settings.hop),
        )
        aligner = Aligner(settings.window, settings.hop, streams, wait_for_speech=policy.waits_for_speech)
        self._prediction = PredictionStage(aligner, self.inference, skips_superseded=policy.skips_superseded)
        self._supervisor = Supervisor(
            source,
            streams=streams,
            audio=self._audio,
            inbox=self._inbox,
            events=self._events,
            restarts_workers=policy.restarts_workers,
        )
        self._workers = [Worker(name, job, self._supervisor.failed) for name, job in self._jobs().items()]
        self._starting_or_closing = threading.Lock()

    @property
    def media_s(self) -> float:
        """The media time reached."""
        return self._source.clock.now_s()

    def events(self, on_preview: Callable[[Preview], None] = lambda _: None) -> Generator[Event]:
        """Run; yield every event in order. Leaving the loop early stops the run.

        `on_preview` is called from the face worker while `ShowPreview` asks for previews, and must not wait.

        Raises:
            MmimLiveError: the source or a worker failed. What was yielded before remains valid.
        """
        self._on_preview = on_preview
        self._began_s = time.perf_counter()
        self._events.put(self._started())
        for notice in self._source.info.notices:
            self._events.put(notice)
        with self._starting_or_closing:
            if not self._supervisor.stopping:
                self._source.start(self._inbox)
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
                yield shifted(event, self._excerpt.start_s) if self._excerpt.start_s else event
        finally:
            self.stop()
        if self._supervisor.failure is not None:
            raise self._supervisor.failure

    def send(self, command: Command) -> bool:
        """Carry out a command without waiting. False: not supported, or the session is over."""
        match command:
            case MarkMoment(label, ago_s, time_s):
                moment_s = self.media_s - ago_s if time_s is None else time_s
                return self._inbox.put(Mark(max(0.0, moment_s), label), wait=False)
            case ToggleRecording(folder):
                return self.recorder is not None and self.recorder.toggle(folder)
            case ToggleBaseline():
                return self._inbox.put(BaselineToggled(self.media_s), wait=False)
            case ShowPreview(size):
                self._previews.size = size
                return self.models.face is not None
            case UseDevice(kind, device):
                return not self._supervisor.stopping and self._devices is not None and self._devices.use(kind, device)

    def finish(self) -> None:
        """End the media here: the last words and readings and the summary still follow, then `events` ends."""
        self._source.finish()

    def stop(self, within_s: float = JOIN_S) -> list[str]:
        """End all threads; return the names of those that did not end in time."""
        deadline_s = time.monotonic() + within_s
        self._supervisor.shut_down()
        with self._starting_or_closing:
            started = [worker for worker in self._workers if worker.ident is not None]
        for worker in started:
            if worker is not threading.current_thread():
                worker.join(max(0.0, deadline_s - time.monotonic()))
        with self._starting_or_closing:
            if self.recorder is not None:
                self.recorder.close(max(MIN_RECORDING_S, deadline_s - time.monotonic()))
            late = [worker.name for worker in started if worker.is_alive()]
            if not late:
                self._source.close()
                if self.models.face is not None:
                    self.models.face.close()
                # Workers and session refer to each other: break the cycle, so that models are freed with the session.
                self._workers = []
        return late

    # ---- health --------------------------------------------------------------------------------------------------

    def health(self) -> Health:
        """The current health; rates are averages since the last call."""
        lags_ms = self.inference.lags_ms() or (None, None)
        return Health(
            media_time_s=self.media_s,
            duration_s=self._source.info.duration_s,
            fps=self._usage.fps(self.inference.frames),
            lag_ms=lags_ms[0],
            lag_p95_ms=lags_ms[1],
            word_delay_ms=self.inference.word_delay_ms(),
            drops=sum(self.drops().values()),
            cpu_percent=self._usage.cpu_percent(),
            memory_mb=self._usage.memory_mb(),
            checkpoint=self.settings.checkpoint,
            asr_model=self.governor.effort if self.governor else self.models.names.get("speech", ""),
            device=self.models.device,
            devices=self.devices(),
            recording=self.recorder.health() if self.recorder else None,
            baseline=self.inference.baseline.health(self.media_s),
        )

    def devices(self) -> tuple[DeviceHealth, ...]:
        """The current state of each device; none in a replay."""
        return () if self._devices is None else self._devices.devices()

    def level(self) -> SoundLevel | None:
        """The current sound level; None if there is no audio, or none yet."""
        if self._devices is None:
            return self._fanout.level
        return next((device.level for device in self.devices() if device.kind == "microphone"), None)

    def drops(self) -> dict[str, int]:
        """What was lost or skipped so far, by kind."""
        drops = self._source.drops()
        drops["speech_steps"] = self.models.speech.skipped_steps if self.models.speech else 0
        if self._policy.skips_superseded:
            drops["readings"] = self._prediction.superseded
        if self.governor is not None:
            drops["speech_blocks"] = self.governor.muted_blocks
        return drops

    # ---- threads -------------------------------------------------------------------------------------------------

    def _jobs(self) -> dict[str, Job]:
        models, inbox, audio = self.models, self._inbox, self._audio
        jobs: dict[str, Job] = {
            self._source.info.reader: lambda: self._source.read(self._fanout),
            "predictor": self._predict,
        }
        if models.face is not None:
            face = models.face
            jobs["face"] = lambda: self._extract_faces(face)
        if models.voice is not None:
            voice = models.voice
            jobs["voice"] = lambda: extract_voice(voice, audio["voice"], inbox)
        if models.speech is not None:
            jobs["speech"] = self._speech_job(models.speech, audio["speech"])
        return jobs

    def _extract_faces(self, extractor: FaceExtractor | OtherFace) -> None:
        with contextlib.closing(self._source.frames()) as frames:
            extract_faces(extractor, frames, self._inbox, self._previews)

    def _speech_job(self, recognizer: SpeechRecognizer | OtherRecognizer, audio: Channel[AudioBlock]) -> Job:
        if isinstance(recognizer, OtherRecognizer) or not self._policy.governs_speech:
            return lambda: recognize_speech(recognizer, audio, self._inbox)
        governor = SpeechGovernor(recognizer, self.models.names["speech"], lambda: self.media_s, self._inbox.put)
        self.governor = governor
        return lambda: recognize_speech(recognizer, governor.throttle(audio), self._inbox, lambda: len(audio) > 0)

    def _predict(self) -> None:
        no_messages: tuple[Message, ...] = ()  # after a restart, what the last batch left is done first
        for messages in chain((no_messages,), self._inbox.batches()):
            for event in self._prediction.process(messages):
                if not self._events.put(event):
                    return  # nobody listens any more
            if self._prediction.finished:
                break
        if self._supervisor.stopping:
            return
        for event in self._prediction.end(time.perf_counter() - self._began_s, self.drops()):
            self._events.put(event)
        self._events.close()

    def _stretch(self) -> dict[str, float | None]:
        """The excerpt among the settings; nothing if it is the whole."""
        if self._excerpt.is_whole:
            return {}
        return {
            "start_s": self._excerpt.start_s,
            "end_s": self._excerpt.end_s if self._excerpt.end_s < math.inf else None,
        }

    def _started(self) -> SessionStarted:
        return SessionStarted(
            version=version("mmim-live"),
            source=self._source.info.name,
            duration_s=self._source.info.duration_s,
            checkpoint=self.settings.checkpoint,
            contract_hash=self.models.contract.hash,
            models=self.models.names,
            settings=self.settings.model_dump() | self._stretch(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
