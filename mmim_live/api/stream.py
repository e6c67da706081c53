"""A stream of media that a program pushes, for its own loops: no thread is started."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mmim_live.alignment import Aligner
from mmim_live.alignment import Stream as Modality
from mmim_live.api.inputs import Resampler, rgb_image
from mmim_live.capture.files.media_file import MAX_FPS
from mmim_live.capture.files.timestamps import FrameGrid
from mmim_live.errors import DataError
from mmim_live.events import Event
from mmim_live.session.baseline import Baseline
from mmim_live.session.inference import Inference
from mmim_live.session.loading import Models, with_extractors
from mmim_live.session.messages import FaceRows, Finished, MediaEnded, Message, NoFrame, VoiceRows
from mmim_live.session.prediction import PredictionStage
from mmim_live.settings import Settings
from mmim_live.types import AudioBlock, VideoFrame

if TYPE_CHECKING:
    from mmim_live.model.predictor import Predictor


def open_stream(
    settings: Settings, predictor: Predictor, turn: AbstractContextManager[object], *, audio: bool, video: bool
) -> Stream:
    """A stream that shares a loaded checkpoint; it predicts in `turn`. Raises MmimLiveError."""
    if not audio and not video:
        raise DataError("a stream needs audio, video or both")
    return Stream(with_extractors(predictor, settings, lambda _: None, video=video, audio=audio), settings, turn)


class Stream:
    """Audio and frames in, events out: `WordHeard`, `Reading`, `Utterance`, `Notice`, and a `Summary` at the end.

    Everything is computed in the calling thread, when media are pushed and in `events`. A reading comes once both kinds
    of media have passed its end: where the camera has nothing to show, push None for the time that has passed. What
    comes out depends on the media alone, not on how they are split or when they are pushed.

    Use it in a `with` block, or call `close`. It belongs to one thread; several streams of a model may run in several.
    """

    def __init__(self, models: Models, settings: Settings, turn: AbstractContextManager[object]) -> None:
        self._models = models
        self._turn = turn
        self._resampler: Resampler | None = None
        self._grid = FrameGrid(MAX_FPS)
        self._frame_s = -math.inf  # of the last frame
        self._messages: deque[Message] = deque()
        self._began_s = time.perf_counter()
        self._over = False
        streams: dict[Modality, object] = {"face": models.face, "voice": models.voice, "speech": models.speech}
        self._streams = [name for name, extractor in streams.items() if extractor is not None]
        inference = Inference(
            predictor=models.predictor,
            checkpoint=settings.checkpoint,
            languages=models.checkpoint.languages,
            captured_at=lambda _: time.perf_counter(),
            baseline=Baseline(settings.window, settings.hop),
        )
        aligner = Aligner(settings.window, settings.hop, self._streams)
        self._stage = PredictionStage(aligner, inference, skips_superseded=False)

    def push_audio(self, samples: NDArray[np.generic], sampling_rate: int) -> None:
        """The next audio, without a gap: [n] or [n, channels], floats of full scale 1.0 or signed integers.

        Raises:
            MmimLiveError: another shape, type or rate than before, or the stream has no audio or is over.
        """
        self._check_open()
        if self._models.voice is None:
            raise DataError("this stream was made without audio: use stream(audio=True)")
        if self._resampler is None:
            self._resampler = Resampler(sampling_rate)
        if sampling_rate != self._resampler.sampling_rate:
            raise DataError(f"sampling_rate was {self._resampler.sampling_rate} and is now {sampling_rate}")
        block = self._resampler.push(samples)
        if block is not None:
            self._take_audio(block)

    def push_frame(self, image: NDArray[np.generic] | None, time_s: float) -> None:
        """The next frame, [height, width, 3] in RGB, uint8; None: there was none up to this time.

        Raises:
            MmimLiveError: another shape or type, a time that is not later than the last one, or the stream has no video
                or is over.
        """
        self._check_open()
        if self._models.face is None:
            raise DataError("this stream was made without video: use stream(video=True)")
        if not max(self._frame_s, -1e-9) < time_s < math.inf:
            last = "none yet" if self._frame_s < 0 else f"{self._frame_s:.3f} s"
            raise DataError(f"a frame at {time_s} s: times start at 0 and increase (last: {last})")
        self._frame_s = time_s
        if image is None or not self._grid.accepts(time_s):
            self._messages.append(NoFrame(time_s))
            return
        row = self._models.face.push(VideoFrame(time_s, rgb_image(image)))
        self._messages.append(FaceRows(() if row is None else (row,), time_s))

    def events(self) -> Iterator[Event]:
        """The events that are ready, in order of media time."""
        messages = list(self._messages)
        self._messages.clear()
        events = self._stage.process(messages)
        while True:
            with self._turn:
                event = next(events, None)
            if event is None:
                return
            yield event

    def finish(self) -> Iterator[Event]:
        """The media are over: the last events and the `Summary`. The stream is closed then."""
        self._check_open()
        models = self._models
        rest = self._resampler.flush() if self._resampler is not None else None
        if rest is not None:
            self._take_audio(rest)
        end_s = max(0.0, self._frame_s, self._resampler.end_s if self._resampler is not None else 0.0)
        self._over = True
        if models.voice is not None:
            self._messages.append(VoiceRows(tuple(models.voice.flush()), models.voice.until_s))
        if models.speech is not None:
            self._messages.extend(models.speech.flush())
        self._messages.append(MediaEnded(end_s))
        self._messages.extend(Finished(name) for name in self._streams)
        yield from self.events()
        yield from self._stage.end(time.perf_counter() - self._began_s, {})
        self.close()

    def close(self) -> None:
        """Free the extractors; nothing can be pushed afterward."""
        self._over = True
        if self._models.face is not None:
            self._models.face.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _take_audio(self, block: AudioBlock) -> None:
        models = self._models
        assert models.voice is not None
        self._messages.append(VoiceRows(tuple(models.voice.push(block)), models.voice.until_s))
        if models.speech is not None:
            self._messages.extend(models.speech.push(block))

    def _check_open(self) -> None:
        if self._over:
            raise DataError("this stream is over: make a new one with model.stream()")
