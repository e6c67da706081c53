"""Keeps live speech recognition from falling behind: decode less often, then with a smaller model, then not at all.

Audio is never dropped silently: what is given up is counted and reported.
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

# How far the recognizer may be behind before it does less. It decodes all waiting audio at once, so that it is always
# behind by the time of one hypothesis: up to half a second beside everything else.
BEHIND_S = 1.0
SETTLE_S = 3.0  # of media between two steps down, for the last one to take effect; less if the lag grows by BEHIND_S
CAUGHT_UP_S = 0.6
CALM_S = 10.0  # caught up for so long before it does more again
LONGEST_CALM_S = 160.0  # the same, after doing more has repeatedly proved too much
GIVE_UP_S = 10.0  # behind by so much, waiting audio is skipped

SMALL_MODEL = "whisper-tiny.en"
# Least seconds between two hypotheses: of the usual model (0: no limit), then of the small one once that alone is not
# enough, or of the usual one where there is no other.
_SPACINGS_S, _SMALL_SPACINGS_S, _ONLY_SPACINGS_S = (0.0, 2.0, 4.0), (2.0, 5.0), (6.0, 10.0)
LEVELS = len(_SPACINGS_S) + len(_SMALL_SPACINGS_S)


@dataclass(slots=True)
class SpeechLoad:
    """The policy: a level of 0 (all effort) to LEVELS - 1 (the least), from how far the recognizer is behind."""

    level: int = 0
    muted: bool = False  # audio is being skipped
    _changed_s: float = 0.0
    _changed_behind_s: float = 0.0
    _calm_since_s: float | None = None
    _calm_s: float = CALM_S
    _eased: bool = False  # the last change was to do more

    def observe(self, media_s: float, behind_s: float) -> None:
        """At `media_s`, the next block to decode has waited for `behind_s`."""
        self.muted = behind_s > (CAUGHT_UP_S if self.muted else GIVE_UP_S)
        if behind_s > CAUGHT_UP_S:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = media_s
        if behind_s > BEHIND_S:
            settled = media_s - self._changed_s >= SETTLE_S or behind_s - self._changed_behind_s >= BEHIND_S
            if self.level < LEVELS - 1 and settled:
                # Doing more was too much: wait longer before it is tried again.
                self._calm_s = min(2 * self._calm_s, LONGEST_CALM_S) if self._eased else self._calm_s
                self._change(self.level + 1, media_s, behind_s, eased=False)
        elif self.level and self._calm_since_s is not None and media_s - self._calm_since_s >= self._calm_s:
            if self._eased:  # the last time, too, and it went well
                self._calm_s = max(CALM_S, self._calm_s / 2)
            self._change(self.level - 1, media_s, behind_s, eased=True)
            self._calm_since_s = media_s

    def _change(self, level: int, media_s: float, behind_s: float, *, eased: bool) -> None:
        self.level, self._changed_s, self._changed_behind_s, self._eased = level, media_s, behind_s, eased


class Recognizer(Protocol):
    """What the governor needs of the recognizer."""

    spacing_s: float

    @property
    def language(self) -> str | None: ...

    @property
    def whisper(self) -> Whisper: ...

    def use(self, whisper: Whisper) -> None: ...


class SpeechGovernor:
    """Applies the policy to one recognizer, on its thread.

    `model` is the name of its own model; `now_s` gives the media time of this moment, `tell` takes notices.
    """

    def __init__(
        self, recognizer: Recognizer, model: str, now_s: Callable[[], float], tell: Callable[[Notice], object]
    ) -> None:
        self.muted_blocks = 0
        self.effort = model  # for display: which model, and how often it decodes
        self._recognizer = recognizer
        self._own = recognizer.whisper
        self._model = model
        self._now_s = now_s
        self._tell = tell
        self._load = SpeechLoad()
        self._level = 0  # as applied
        self._small: Whisper | None = None

    def throttle(self, sounds: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The audio to decode: silence in place of what is given up."""
        for block in sounds:
            now_s, muted = self._now_s(), self._load.muted
            self._load.observe(now_s, now_s - block.end_s)
            if self._load.level != self._level:
                self._level = self._load.level
                self._apply(now_s)
            if not self._load.muted:
                yield block
                continue
            if not muted:
                message = f"speech fell {now_s - block.end_s:.0f} s behind: what was said meanwhile is not recognized"
                self._tell(Notice(now_s, "speech_lost", message))
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
        message = "speech keeps up again: transcribing as often as usual"
        if self._level:
            message = f"CPU is busy: transcribing {every}, with {name}"
        self._tell(Notice(now_s, "speech_load", message))

    def _small_model(self) -> Whisper | None:
        """The small model, if it is installed, smaller than the usual one, and reads the language spoken."""
        if self._recognizer.language != "en" or self._model == SMALL_MODEL:
            return None
        if self._small is None and (found := assets.find(SMALL_MODEL)) is not None:
            self._small = load_whisper(found.folder, exact=False)  # it is taken for its speed
        return self._small
