"""A speech recognizer: faster-whisper as it is, run on each stretch of speech once a pause has ended it.

It shows how to wrap a recognizer that does not stream. Words come late, so it suits files, not live sessions.
"""

from functools import cache

import numpy as np
from faster_whisper import WhisperModel

from mmim_live.assets import obtain
from mmim_live.speech.endpointing import Endpointer, Span
from mmim_live.speech.engine import AsrEngine
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, SpeechSegment, SpeechUpdate, Word
from mmim_live.voice_activity import VoiceActivity

MODEL = "whisper-tiny.en"


@cache
def model() -> WhisperModel:
    """Loaded once in a process."""
    return WhisperModel(str(obtain(MODEL).folder), device="cpu", compute_type="int8", cpu_threads=1)


class AtPauses:
    """One stream."""

    def __init__(self, language: str | None) -> None:
        self._language = language or "en"
        self._activity = VoiceActivity()
        self._endpointer = Endpointer()
        self._audio = np.zeros(0, np.float32)  # all of it: a recorder of your own would forget what is decoded

    def push(self, block: AudioBlock) -> list[SpeechUpdate]:
        """See `mmim_live.speech.engine.SpeechStream`."""
        self._audio = np.concatenate((self._audio, block.samples))
        return [self._update(self._endpointer.push(self._activity.push(block.samples)), self._endpointer.earliest)]

    def flush(self) -> list[SpeechUpdate]:
        """See `mmim_live.speech.engine.SpeechStream`."""
        last = self._endpointer.flush()
        return [self._update([] if last is None else [last], len(self._audio))]

    def _update(self, spans: list[Span], committed_until: int) -> SpeechUpdate:
        time_s = len(self._audio) / SAMPLE_RATE_HZ
        return SpeechUpdate(
            time_s=time_s,
            committed=tuple(word for span in spans for word in self._words(span, time_s)),
            committed_until_s=committed_until / SAMPLE_RATE_HZ,
            segments=tuple(SpeechSegment(span.start / SAMPLE_RATE_HZ, span.end / SAMPLE_RATE_HZ) for span in spans),
            language=self._language,
        )

    def _words(self, span: Span, time_s: float) -> list[Word]:
        segments, _ = model().transcribe(
            self._audio[span.start : span.end], language=self._language, word_timestamps=True
        )
        start_s = span.start / SAMPLE_RATE_HZ
        return [
            Word(
                text=word.word.strip(),
                start_s=start_s + word.start,
                end_s=start_s + word.end,
                probability=word.probability,
                status="committed",
                heard_s=time_s,
                language=self._language,
            )
            for segment in segments
            for word in segment.words or ()
        ]


AT_PAUSES = AsrEngine(AtPauses, languages=("en",))
