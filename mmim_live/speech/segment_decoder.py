"""Decodes one stretch of speech: keeps its audio, the words that are final and those that may still change.

The caller decides when to decode, up to where, and when the stretch is over. Positions are samples of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import ConfigError
from mmim_live.gain_control import amplified
from mmim_live.speech.commit_policy import AlignAtt, CommitPolicy
from mmim_live.speech.hypothesis_filter import filter_hypothesis, is_guess
from mmim_live.speech.language_tracker import LanguageTracker
from mmim_live.speech.whisper import HypothesisWord, Whisper
from mmim_live.types import SAMPLE_RATE_HZ, Word

__all__ = ["SegmentDecoder", "SegmentSettings", "hotword_tokens"]

MAX_HOTWORD_TOKENS = 96  # the decoder has 448 positions for context and transcript, and each costs time


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """When to decode, what to commit and how much audio to keep. Times in seconds."""

    min_audio_s: float = 0.6  # less audio is not worth a hypothesis while speech goes on
    decode_interval_s: float = 1.4  # Whisper runs again after this much new audio, or in a pause
    short_audio_s: float = 1.5  # and twice as often while no more audio than this is kept
    commit_policy: CommitPolicy = field(default_factory=lambda: AlignAtt(margin_s=1.0))
    show_margin_s: float = 0.0  # a word is not shown before this much audio follows it: it may be half a word
    trim_above_s: float = 6.0  # with more audio than this, audio whose words are committed is dropped
    keep_audio_s: float = 3.0  # except for this much of it, whose words are then the forced prefix
    max_audio_s: float = 12.0  # never keep more audio than this, committed or not
    context_tokens: int = 32  # of the preceding words, given as context
    hotwords: str = ""  # names and terms to expect, given as context too


class SegmentDecoder:
    """The state of the recognizer within one stretch of speech that began at sample `start`."""

    def __init__(
        self, whisper: Whisper, language_tracker: LanguageTracker, start: int, settings: SegmentSettings
    ) -> None:
        self.start = start
        self.committed_until = start
        self._whisper = whisper
        self._language_tracker = language_tracker
        self._settings = settings
        self._origin = start  # of the audio that is kept
        self._end = start  # of the audio last decoded
        self._prefix: tuple[HypothesisWord, ...] = ()  # committed words within the kept audio
        self._context: tuple[int, ...] = ()
        self._hotwords = hotword_tokens(whisper, settings.hotwords)
        self._tail: tuple[HypothesisWord, ...] = ()  # the last hypothesis after the prefix
        self._language: str | None = None

    @property
    def origin(self) -> int:
        """Audio before this sample is no longer needed."""
        return self._origin

    @property
    def whisper(self) -> Whisper:
        """The model that decodes it."""
        return self._whisper

    def should_decode(self, end: int, paused: bool) -> bool:
        """Whether the audio up to `end` is worth a hypothesis; `paused`: the voice has stopped, perhaps briefly."""
        if end - self._origin < self._settings.min_audio_s * SAMPLE_RATE_HZ or end == self._end:
            return False
        return paused or not self._decoded_recently(end)

    def decode(self, audio: NDArray[np.float32], end: int, heard_s: float) -> tuple[list[Word], list[Word]]:
        """Form a hypothesis on the audio up to `end`; commit what the policy takes for final.

        Args:
            audio: [end - origin] samples.
            end: position after the last of them.
            heard_s: media time of the step, noted in the words.

        Returns:
            The newly committed words, and the provisional ones.
        """
        language = self._language
        words = self._hypothesis(audio)
        count = 0
        if self._language_tracker.known is not None:  # no word is final before the language is
            # Hypotheses in two languages cannot agree.
            previous = self._tail if language == self._language else ()
            count = self._settings.commit_policy.final_words(previous, words, len(audio) / SAMPLE_RATE_HZ)
        half_s = self._settings.max_audio_s / 2
        if len(audio) > 2 * half_s * SAMPLE_RATE_HZ:  # nothing has become final for too long: commit anyway
            count = max(count, sum(1 for word in words if word.end_s <= half_s))
        self._end = end
        committed = self._commit(words, count, heard_s)
        provisional = self.provisional(heard_s)
        self._trim(end)
        return committed, provisional

    def finish(self, audio: NDArray[np.float32], end: int, heard_s: float) -> list[Word]:
        """The stretch ends at `end`: commit all that is left."""
        if end != self._end:
            self._tail = self._hypothesis(audio)
        self._end = end
        return self._commit(self._tail, len(self._tail), heard_s)

    def provisional(self, heard_s: float) -> list[Word]:
        """The uncommitted words of the last hypothesis."""
        words: list[Word] = []
        floor_s = self.committed_until / SAMPLE_RATE_HZ
        shown_until_s = (self._end - self._origin) / SAMPLE_RATE_HZ - self._settings.show_margin_s
        for word in self._tail:
            if word.end_s > shown_until_s:
                break
            words.append(self._word(word, floor_s, heard_s, committed=False))
            floor_s = words[-1].end_s
        return words

    def _decoded_recently(self, end: int) -> bool:
        """Whether too little audio is new; short audio costs little and is decoded again sooner."""
        short = end - self._origin <= self._settings.short_audio_s * SAMPLE_RATE_HZ
        interval_s = self._settings.decode_interval_s / 2 if short else self._settings.decode_interval_s
        return self._end > self.start and end - self._end < interval_s * SAMPLE_RATE_HZ

    def _hypothesis(self, audio: NDArray[np.float32]) -> tuple[HypothesisWord, ...]:
        encoded = self._whisper.encode(amplified(audio))  # soft speech is recognized like loud speech
        decoded_s = (self._end - self.start) / SAMPLE_RATE_HZ
        if self._whisper.multilingual and self._language_tracker.needs_evidence(
            decoded_s, (self._origin - self.start) / SAMPLE_RATE_HZ + encoded.seconds
        ):
            self._language_tracker.update(self._whisper.languages(encoded), encoded.seconds)
        language = self._language_tracker.guess
        if language is None:
            return ()
        before, self._language = self._language, language
        context = (*self._hotwords, *self._context)
        hypothesis = self._whisper.transcribe(encoded, language, _forced_tokens(self._prefix), context)
        if hypothesis.prefix:
            self._prefix = hypothesis.prefix
        if is_guess(hypothesis) and self._tail and language == before:
            return self._tail
        return filter_hypothesis(hypothesis)

    def _commit(self, words: tuple[HypothesisWord, ...], count: int, heard_s: float) -> list[Word]:
        committed: list[Word] = []
        for word in words[:count]:
            committed.append(self._word(word, self.committed_until / SAMPLE_RATE_HZ, heard_s, committed=True))
            self.committed_until = round(committed[-1].end_s * SAMPLE_RATE_HZ)
        self._prefix = (*self._prefix, *words[:count])
        self._tail = words[count:]
        return committed

    def _word(self, word: HypothesisWord, floor_s: float, heard_s: float, *, committed: bool) -> Word:
        """Place a word on the stream: after `floor_s`, before the end of the audio, never going backward."""
        limit_s = self._end / SAMPLE_RATE_HZ
        start_s = min(max(self._origin / SAMPLE_RATE_HZ + word.start_s, floor_s), limit_s)
        end_s = min(max(self._origin / SAMPLE_RATE_HZ + word.end_s, start_s), limit_s)
        return Word(
            text=word.text,
            start_s=start_s,
            end_s=end_s,
            probability=word.probability,
            status="committed" if committed else "provisional",
            heard_s=heard_s,
            language=self._language,
        )

    def _trim(self, end: int) -> None:
        """Drop audio whose words are committed once there is a lot of it; shift the times of the rest."""
        if end - self._origin <= self._settings.trim_above_s * SAMPLE_RATE_HZ:
            return
        keep_from = (self.committed_until - self._origin) / SAMPLE_RATE_HZ - self._settings.keep_audio_s
        dropped = sum(1 for word in self._prefix if word.end_s <= keep_from)
        cut_s = self._prefix[dropped - 1].end_s if dropped else 0.0
        longest_s = self._settings.max_audio_s
        if (end - self._origin) / SAMPLE_RATE_HZ - cut_s > longest_s:  # no words either: drop this audio
            cut_s = (end - self._origin) / SAMPLE_RATE_HZ - longest_s / 2
            dropped = sum(1 for word in self._prefix if word.end_s <= cut_s)
            self._tail = tuple(word for word in self._tail if word.start_s >= cut_s)
        if cut_s <= 0:
            return
        tokens = [token for word in self._prefix[:dropped] for token in (*word.tokens, *word.closing)]
        self._context = (*self._context, *tokens)[-self._settings.context_tokens :]
        shift = round(cut_s * SAMPLE_RATE_HZ)
        self._origin += shift
        self.committed_until = max(self.committed_until, self._origin)
        self._prefix = tuple(_shifted(word, shift) for word in self._prefix[dropped:])
        self._tail = tuple(_shifted(word, shift) for word in self._tail)


def hotword_tokens(whisper: Whisper, hotwords: str) -> tuple[int, ...]:
    """The tokens of names and terms to expect. Raises ConfigError if there are too many."""
    if not hotwords.strip():
        return ()
    # As a sentence: after a mere list of words, Whisper takes the beginning of a stretch for the end of that list.
    tokens = whisper.text_tokens(f"The names are {hotwords.strip()}.")
    if len(tokens) > MAX_HOTWORD_TOKENS:
        raise ConfigError(
            f"hotwords: {len(tokens)} tokens, but {whisper.name} takes {MAX_HOTWORD_TOKENS} at most: name fewer words"
        )
    return tokens


def _shifted(word: HypothesisWord, samples: int) -> HypothesisWord:
    seconds = samples / SAMPLE_RATE_HZ
    return replace(word, start_s=max(0.0, word.start_s - seconds), end_s=max(0.0, word.end_s - seconds))


def _forced_tokens(prefix: tuple[HypothesisWord, ...]) -> list[int]:
    """The tokens of the prefix, without the punctuation after its last word, since the sentence may go on."""
    tokens = [token for word in prefix for token in (*word.tokens, *word.closing)]
    return tokens[: len(tokens) - len(prefix[-1].closing)] if prefix else []
