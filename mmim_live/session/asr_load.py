"""Keeps live speech recognition from falling behind: decode less often, then with a smaller model, then not at all.

Audio is never dropped silently: blocks that are skipped are counted and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmim_live import assets
from mmim_live.events import Notice
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.types import AudioBlock

# The lag at which the recognizer does less. It decodes all waiting audio at once, so it always lags by the time that
# one hypothesis takes: up to half a second alongside everything else.
MAX_LAG_S = 1.0
STEP_DOWN_S = 3.0  # of media between two steps down, for the first to take effect; less if the lag grows by MAX_LAG_S
CAUGHT_UP_S = 0.6
STEP_UP_S = 10.0  # it must have kept up for this long before it does more again
MAX_STEP_UP_S = 160.0  # the same, after doing more has repeatedly proved too much
SKIP_LAG_S = 10.0  # at this lag, waiting audio is skipped

SMALL_MODEL = "whisper-tiny.en"
# Minimum seconds between two hypotheses: with the usual model (0: no limit), then with the small one if that is not
# enough, or with the usual one if there is no other.
_SPACINGS_S, _SMALL_SPACINGS_S, _ONLY_SPACINGS_S = (0.0, 2.0, 4.0), (2.0, 5.0), (6.0, 10.0)
LEVELS = len(_SPACINGS_S) + len(_SMALL_SPACINGS_S)


@dataclass(slots=True)
class SpeechLoad:
    """The policy: a level from 0 (full effort) to LEVELS - 1 (the least), chosen by the recognizer's lag."""

    level: int = 0
    muted: bool = False  # audio is being skipped
    _changed_s: float = 0.0
    _changed_lag_s: float = 0.0
    _keeps_up_since_s: float | None = None
    _step_up_s: float = STEP_UP_S
    _stepped_up: bool = False  # the last change was to do more

    def observe(self, media_s: float, lag_s: float) -> None:
        """At `media_s`, the next block to decode has been waiting for `lag_s`."""
        self.muted = lag_s > (CAUGHT_UP_S if self.muted else SKIP_LAG_S)
        if lag_s > CAUGHT_UP_S:
            self._keeps_up_since_s = None
        elif self._keeps_up_since_s is None:
            self._keeps_up_since_s = media_s
        if lag_s > MAX_LAG_S:
            due = media_s - self._changed_s >= STEP_DOWN_S or lag_s - self._changed_lag_s >= MAX_LAG_S
            if self.level < LEVELS - 1 and due:
                # If doing more was too much, wait longer before trying it again.
                self._step_up_s = min(2 * self._step_up_s, MAX_STEP_UP_S) if self._stepped_up else self._step_up_s
                self._change(self.level + 1, media_s, lag_s, stepped_up=False)
        elif self.level and self._keeps_up_since_s is not None and media_s - self._keeps_up_since_s >= self._step_up_s:
            if self._stepped_up:  # the second time in a row: the first went well
                self._step_up_s = max(STEP_UP_S, self._step_up_s / 2)
            self._change(self.level - 1, media_s, lag_s, stepped_up=True)
            self._keeps_up_since_s = media_s

    def _change(self, level: int, media_s: float, lag_s: float, *, stepped_up: bool) -> None:
        self.level, self._changed_s, self._changed_lag_s, self._stepped_up = level, media_s, lag_s, stepped_up


class Recognizer(Protocol):
    """The part of the recognizer that the governor uses."""

    spacing_s: float

    @property
    def language(self) -> str | None: ...

    @property
    def whisper(self) -> Whisper: ...

    def use(self, whisper: Whisper) -> None: ...


class SpeechGovernor:
    """Applies the policy to one recognizer, on its thread.

    `model` is the name of its usual model; `now_s` returns the current media time, `notify` receives notices.
    """

    def __init__(
        self, recognizer: Recognizer, model: str, now_s: Callable[[], float], notify: Callable[[Notice], object]
    ) -> None:
        self.muted_blocks = 0
        self.effort = model  # for display: which model, and how often it decodes
        self._recognizer = recognizer
        self._own = recognizer.whisper
        self._model = model
        self._now_s = now_s
        self._notify = notify
        self._load = SpeechLoad()
        self._level = 0  # as applied
        self._small: Whisper | None = None

    def throttle(self, audio: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The audio to decode, with silence in place of skipped blocks."""
        for block in audio:
            now_s, muted = self._now_s(), self._load.muted
            self._load.observe(now_s, now_s - block.end_s)
            if self._load.level != self._level:
                self._level = self._load.level
                self._apply(now_s)
            if not self._load.muted:
                yield block
                continue
            if not muted:
                message = (
                    f"speech recognition is {now_s - block.end_s:.0f} s behind: skipping ahead, words will be missing"
                )
                self._notify(Notice(now_s, "speech_lost", message))
            self.muted_blocks += 1
            yield AudioBlock(block.start_s, np.zeros_like(block.samples))

    def _apply(self, now_s: float) -> None:
        small = self._small_model() if self._level >= len(_SPACINGS_S) else None
        less_s = _ONLY_SPACINGS_S if small is None else _SMALL_SPACINGS_S
        spacing_s = (*_SPACINGS_S, *less_s)[self._level]
        self._recognizer.spacing_s = spacing_s
        self._recognizer.use(small or self._own)
        name = self._model if small is None else SMALL_MODEL
        every = f"every {spacing_s:g} s"
        self.effort = f"{name} {every}" if self._level else self._model
        message = "speech recognition has caught up: transcribing as often as usual"
        if self._level:
            message = f"CPU is busy: transcribing {every}, with {name}"
        self._notify(Notice(now_s, "speech_load", message))

    def _small_model(self) -> Whisper | None:
        """The small model, if it is installed, smaller than the usual one, and supports the language spoken."""
        if self._recognizer.language != "en" or self._model == SMALL_MODEL:
            return None
        if self._small is None and (found := assets.find(SMALL_MODEL)) is not None:
            self._small = load_whisper(found.folder, exact=False)  # it is used for its speed
        return self._small
