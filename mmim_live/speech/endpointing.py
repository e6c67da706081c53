"""From speech probabilities to stretches of speech: hysteresis, shortest speech, pause, padding.

Counts in chunks of 512 samples and answers in samples, so that nothing is rounded. Knows no sound and no words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmim_live.types import SAMPLE_RATE_HZ

__all__ = ["EndpointSettings", "Endpointer", "Span"]

_CHUNK_SAMPLES = 512


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times in seconds. The thresholds are those of Silero's own segmenter."""

    enter: float = 0.5  # a probability from here on is a voice
    leave: float = 0.35  # below this a voice has stopped
    pause_s: float = 0.6  # so much silence ends a stretch
    min_speech_s: float = 0.2  # less voice than this is no speech
    padding_before_s: float = 0.3  # padding before: the network notices soft onsets late
    padding_after_s: float = 0.2  # padding after


@dataclass(frozen=True, slots=True)
class Span:
    """Samples from `start` up to, not including, `end`."""

    start: int
    end: int


class Endpointer:
    """Turns probabilities into spans of speech, chunk by chunk; the result does not depend on how they are batched."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._settings = settings or EndpointSettings()
        self._heard = 0  # chunks
        self._floor = 0  # samples; the end of the last span, where the next may begin
        self._onset: int | None = None  # first chunk of the current stretch
        self._voiced = 0  # chunks of voice in it
        self._silent = 0  # chunks since its last voice
        self._in_voice = False

    @property
    def heard(self) -> int:
        """Samples judged so far."""
        return self._heard * _CHUNK_SAMPLES

    @property
    def earliest(self) -> int:
        """No span that is still to come, or still open, starts before this sample."""
        first = self._heard if self._onset is None else self._onset
        return max(self._floor, first * _CHUNK_SAMPLES - self._samples(self._settings.padding_before_s))

    @property
    def open_span(self) -> Span | None:
        """The stretch being spoken, padded, as far as heard; None while there is too little voice."""
        if self._onset is None or self._voiced * _CHUNK_SAMPLES < self._samples(self._settings.min_speech_s):
            return None
        return Span(self.earliest, self._end())

    @property
    def paused(self) -> bool:
        """Whether the open stretch will end where it ends now, unless the voice comes back."""
        return self._onset is not None and self._silent * _CHUNK_SAMPLES >= self._samples(
            self._settings.padding_after_s
        )

    def push(self, probabilities: Iterable[float]) -> list[Span]:
        """Take the probabilities of the next chunks; return the padded spans that a pause has ended."""
        return [span for probability in probabilities if (span := self._step(float(probability))) is not None]

    def flush(self) -> Span | None:
        """End the stream: the open span, if there is one."""
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
        if self._onset is None or self._silent * _CHUNK_SAMPLES < self._samples(self._settings.pause_s):
            return None
        span = self.open_span
        self._close(span)
        return span

    def _close(self, span: Span | None) -> None:
        if span is not None:
            self._floor = span.end
        self._onset, self._voiced, self._silent, self._in_voice = None, 0, 0, False

    def _end(self) -> int:
        spoken = (self._heard - self._silent) * _CHUNK_SAMPLES
        return min(self.heard, spoken + self._samples(self._settings.padding_after_s))

    @staticmethod
    def _samples(seconds: float) -> int:
        return round(seconds * SAMPLE_RATE_HZ)
