"""Streaming speech recognition: audio in, words on a fixed grid of media time out.

    audio -> VoiceActivity -> Endpointer -> SegmentDecoder (Whisper, CommitPolicy) -> UtteranceSegmenter -> SpeechUpdate

Voice activity detection finds the stretches of speech, and only these are decoded. A commit policy makes words final
while the person speaks; a pause commits the rest. The result depends on the audio alone, not on how it is split into
blocks or on the speed of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import ConfigError
from mmim_live.gain_control import GainControl
from mmim_live.speech.endpointing import Endpointer, EndpointSettings, Span
from mmim_live.speech.language_tracker import LanguageTracker
from mmim_live.speech.segment_decoder import SegmentDecoder, SegmentSettings, hotword_tokens
from mmim_live.speech.utterance_segmenter import UtteranceSegmenter
from mmim_live.speech.whisper import Whisper
from mmim_live.types import SAMPLE_RATE_HZ, AudioBlock, SpeechSegment, SpeechUpdate, Word
from mmim_live.voice_activity import CHUNK_S, CHUNK_SAMPLES, VoiceActivity

__all__ = ["SpeechRecognizer"]


class SpeechRecognizer:
    """Recognizes one stream. Feed it contiguous blocks from media time 0; it is not thread-safe.

    Args:
        whisper: a loaded model; recognizers may take turns with one.
        language: ISO 639-1, or None to detect it. An English-only model always transcribes English.
        prior: the language to expect while there is little evidence, for instance the checkpoint's.
        step_s: spacing of the grid of media time, seconds.
        endpoints: when speech starts and ends.
        segments: when to decode and what to commit.

    Raises:
        ConfigError: the model does not support `language`, or there are too many hotwords.
        AssetError: the voice activity model is missing.
    """

    def __init__(
        self,
        whisper: Whisper,
        language: str | None = None,
        prior: str | None = None,
        step_s: float = 0.5,
        endpoints: EndpointSettings | None = None,
        segments: SegmentSettings | None = None,
    ) -> None:
        if language is not None and not whisper.supports(language):
            raise ConfigError(f"{whisper.name} does not support language {language!r}: choose another model, or 'auto'")
        self.spacing_s = 0.0  # on a slow machine, a live session has Whisper decode only after this much new audio
        self.softest_dbfs: float | None = None  # level of the softest stretch of speech so far
        self.skipped_steps = 0  # steps without a hypothesis since more audio was waiting already
        # Called after each hypothesis on unfinished speech: the model, seconds of audio, wall seconds. For a governor.
        self.on_hypothesis: Callable[[Whisper, float, float], None] = lambda *_: None
        self.step_s = step_s
        self._whisper = whisper
        self._step_samples = round(step_s * SAMPLE_RATE_HZ)
        self._segment_settings = segments or SegmentSettings()
        hotword_tokens(whisper, self._segment_settings.hotwords)  # too many are reported before there is any audio
        expected = prior if prior is not None and whisper.supports(prior) else None
        self._language_tracker = LanguageTracker(language if whisper.multilingual else "en", expected)
        self._activity = VoiceActivity()
        self._gain_control = GainControl(CHUNK_SAMPLES, CHUNK_S, only_soft=True)
        self._endpointer = Endpointer(endpoints)
        self._audio = np.zeros(0, np.float32)  # what may still be needed
        self._origin = 0  # position of its first sample in the stream
        self._position = 0  # samples processed so far: a point of the grid, or the end
        self._segment: SegmentDecoder | None = None
        self._utterances = UtteranceSegmenter()
        self._committed_until = 0
        self._decoded_until = 0  # by Whisper

    @property
    def language(self) -> str | None:
        """Of the speech, ISO 639-1; None while unknown."""
        return self._language_tracker.known

    @property
    def whisper(self) -> Whisper:
        """The model in use."""
        return self._whisper

    def use(self, whisper: Whisper) -> None:
        """Switch to another model from the next stretch of speech on; it must support the language."""
        self._whisper = whisper

    def push(self, block: AudioBlock, *, more: bool = False) -> list[SpeechUpdate]:
        """Take the next audio; return one update for each point of the grid that it reaches, in silence too.

        `more` means that further audio is already waiting: Whisper then decodes this together with it.
        """
        self._audio = np.concatenate((self._audio, block.samples.astype(np.float32, copy=False)))
        updates = []
        while self._origin + len(self._audio) >= self._position + self._step_samples:
            updates.append(self._step(self._position + self._step_samples, more))
        return updates

    def flush(self) -> list[SpeechUpdate]:
        """The audio is over: commit all that is left, in one last update at its end."""
        end = self._origin + len(self._audio)
        closed = self._endpointer.push(self._activity.push(self._gain_control.push(self._between(self._position, end))))
        self._position = end
        if (last := self._endpointer.flush()) is not None:
            closed.append(last)
        committed, segments = self._close(closed, end / SAMPLE_RATE_HZ)
        self._committed_until = end
        return [self._update(committed, [], segments)]

    def _step(self, end: int, more: bool) -> SpeechUpdate:
        closed = self._endpointer.push(self._activity.push(self._gain_control.push(self._between(self._position, end))))
        self._position = end
        time_s = end / SAMPLE_RATE_HZ
        committed, segments = self._close(closed, time_s)
        provisional: list[Word] = []
        span = self._endpointer.open_span
        if span is not None:
            segment = self._open(span)
            due = end - self._decoded_until >= self.spacing_s * SAMPLE_RATE_HZ
            if not due or not segment.should_decode(span.end, self._endpointer.paused):
                provisional = segment.provisional(time_s)
            elif more:
                self.skipped_steps += 1
                provisional = segment.provisional(time_s)
            else:
                audio = self._between(segment.origin, span.end)
                began_s = time.perf_counter()
                words, provisional = segment.decode(audio, span.end, time_s)
                self.on_hypothesis(segment.whisper, len(audio) / SAMPLE_RATE_HZ, time.perf_counter() - began_s)
                committed += words
                segments += self._utterances.push(segment.start / SAMPLE_RATE_HZ, words)
                self._decoded_until = end
        needed = self._endpointer.earliest if self._segment is None else self._segment.origin
        committed_until = self._endpointer.earliest if self._segment is None else self._segment.committed_until
        self._committed_until = max(self._committed_until, committed_until)
        self._forget(needed)
        return self._update(committed, provisional, segments)

    def _open(self, span: Span) -> SegmentDecoder:
        if self._segment is None:
            self._segment = SegmentDecoder(self._whisper, self._language_tracker, span.start, self._segment_settings)
        return self._segment

    def _close(self, closed: list[Span], time_s: float) -> tuple[list[Word], list[SpeechSegment]]:
        """Finish the stretches that a pause has ended."""
        committed: list[Word] = []
        segments: list[SpeechSegment] = []
        for span in closed:
            segment = self._open(span)
            audio = self._between(segment.origin, span.end)
            words = segment.finish(audio, span.end, time_s)
            self._note_level(audio)
            committed += words
            segments += self._utterances.push(segment.start / SAMPLE_RATE_HZ, words)
            segments.append(self._utterances.close(span.start / SAMPLE_RATE_HZ, span.end / SAMPLE_RATE_HZ))
            self._segment = None
            self._committed_until = max(self._committed_until, span.end)
        return committed, segments

    def _note_level(self, audio: NDArray[np.float32]) -> None:
        if len(audio):
            level_dbfs = 10 * float(np.log10(max(float(np.mean(np.square(audio, dtype=np.float64))), 1e-12)))
            self.softest_dbfs = level_dbfs if self.softest_dbfs is None else min(self.softest_dbfs, level_dbfs)

    def _update(self, committed: list[Word], provisional: list[Word], segments: list[SpeechSegment]) -> SpeechUpdate:
        return SpeechUpdate(
            time_s=self._position / SAMPLE_RATE_HZ,
            committed=tuple(committed),
            provisional=tuple(provisional),
            committed_until_s=self._committed_until / SAMPLE_RATE_HZ,
            segments=tuple(segments),
            language=self._language_tracker.known,
        )

    def _between(self, start: int, end: int) -> NDArray[np.float32]:
        return self._audio[start - self._origin : end - self._origin]

    def _forget(self, before: int) -> None:
        before = min(before, self._position)
        self._audio = self._audio[before - self._origin :]
        self._origin = before
