"""Endpointing: from speech probabilities to stretches of speech, by hysteresis, minimum speech, pause and padding.

Counts in chunks of 512 samples and answers in samples, so nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmim_live.types import SAMPLE_RATE_HZ
from mmim_live.voice_activity import CHUNK_SAMPLES

__all__ = ["EndpointSettings", "Endpointer", "Span"]


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in seconds. The thresholds are those of Silero's own segmenter."""

    enter: float = 0.5  # speech starts at this probability
    leave: float = 0.35  # and stops below this one
    pause_s: float = 0.6  # silence of this length ends a stretch
    min_speech_s: float = 0.2  # less voice than this does not count as speech
    padding_before_s: float = 0.3  # the network notices soft onsets late
    padding_after_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Span:
    """Samples from `start` up to, not including, `end`."""

    start: int
    end: int


class Endpointer:
    """Turns probabilities into spans of speech chunk by chunk; how they are batched makes no difference."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._settings = settings or EndpointSettings()
        self._heard = 0  # chunks
        self._floor = 0  # sample at which the last span ended; the next may begin there
        self._onset: int | None = None  # first chunk of the current stretch
        self._voiced = 0  # voiced chunks in it
        self._silent = 0  # chunks since the last voiced one
        self._in_voice = False

    @property
    def heard(self) -> int:
        """Samples processed so far."""
        return self._heard * CHUNK_SAMPLES

    @property
    def earliest(self) -> int:
        """No open or future span starts before this sample."""
        first = self._heard if self._onset is None else self._onset
        return max(self._floor, first * CHUNK_SAMPLES - self._samples(self._settings.padding_before_s))

    @property
    def open_span(self) -> Span | None:
        """The stretch in progress, padded; None while there is too little voice in it."""
        if self._onset is None or self._voiced * CHUNK_SAMPLES < self._samples(self._settings.min_speech_s):
            return None
        return Span(self.earliest, self._end())

    @property
    def paused(self) -> bool:
        """Whether the open stretch will end where it ends now unless the voice returns."""
        return self._onset is not None and self._silent * CHUNK_SAMPLES >= self._samples(self._settings.padding_after_s)

    def push(self, probabilities: Iterable[float]) -> list[Span]:
        """Take the probabilities of the next chunks; return the padded spans ended by a pause."""
        return [span for probability in probabilities if (span := self._step(float(probability))) is not None]

    def flush(self) -> Span | None:
        """End the stream; return the open span, if any."""
        span = self.open_span
        self._close(span)
        return span

    def _step(self, probability: float) -> Span | None:
        self._in_voice = probability >= (self._settings.leave if self._in_voice else self._settings.enter)
        if self._in_voice:
            if self._onset is None:
                self._onset = self._heard
            self._voiced += 1
            self._silent = 0
        elif self._onset is not None:
            self._silent += 1
        self._heard += 1
        if self._onset is None or self._silent * CHUNK_SAMPLES < self._samples(self._settings.pause_s):
            return None
        span = self.open_span
        self._close(span)
        return span

    def _close(self, span: Span | None) -> None:
        if span is not None:
            self._floor = span.end
        self._onset, self._voiced, self._silent, self._in_voice = None, 0, 0, False

    def _end(self) -> int:
        spoken = (self._heard - self._silent) * CHUNK_SAMPLES
        return min(self.heard, spoken + self._samples(self._settings.padding_after_s))

    @staticmethod
    def _samples(seconds: float) -> int:
        return round(seconds * SAMPLE_RATE_HZ)
