"""Chooses how much speech recognition a live session can afford: which model, and how often it decodes.

What a hypothesis costs is measured as a function of the length of its audio. From that follows the shortest interval
between hypotheses that the CPU sustains, and so the age of the words shown. Lag is only the alarm: audio that has
waited for too long is skipped. Nothing is dropped silently: skipped blocks are counted and reported.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mmim_live import assets
from mmim_live.events import Notice
from mmim_live.speech.whisper import Whisper, load_whisper
from mmim_live.types import AudioBlock

CAUGHT_UP_S = 0.6
SKIP_LAG_S = 10.0  # at this lag, waiting audio is skipped
LOST_REMINDER_S = 60.0  # between two notices about skipped audio

SMALL_MODEL = "whisper-tiny.en"

# Of a hypothesis on s seconds of audio, about this + s is spent: padding and prompt cost as much as that much audio.
# Measured for tiny.en and base, on processors with and without VNNI.
_FIXED_COST_S = 1.35
_KEPT_AUDIO_S = 2.4  # a live session keeps about this much audio, and what is new
_HOLDS_S = 1.0  # a model that gives a hypothesis this often is kept
_SPARE = 1.15  # what decoding without a pause must leave to spare before it is taken up again: not back and forth
_INTERVALS_S = (0.3, 0.5, 0.7, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.5, 8.0, 10.0)
# A thread that computes gets a whole core where one is free. If the process gets less than this in all, none is.
_SCARCE_CORES = 0.9
_SCARCE_SHARE = 0.7  # of the time, spent on hypotheses then: face and voice need the CPU too
_SMALL_COST = 0.45  # of the small model, relative to the usual one, until both have been measured
_SMALL_WORTH = 0.6  # it is used if it brings the age of words down to this share
_MIN_HYPOTHESES = 4  # before anything is changed
_SETTLE_DOWN_S = 3.0  # for which doing less must seem right; both in media time
_SETTLE_UP_S = 10.0  # the same for doing more
_MAX_SETTLE_UP_S = 160.0  # after doing more has repeatedly proved too much
_TOO_SOON_S = 30.0  # doing less within this time shows that doing more was too much


@dataclass(slots=True)
class CostModel:
    """Wall seconds that a hypothesis takes, as a linear function of the seconds of its audio; follows the load."""

    _recent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=12))
    _intercept: float = 0.0
    _slope: float = 0.0
    _safety: float = 1.0

    @property
    def count(self) -> int:
        """Of the hypotheses that it is based on."""
        return len(self._recent)

    def clear(self) -> None:
        """Forget all."""
        self._recent.clear()

    def observe(self, audio_s: float, cost_s: float) -> None:
        """A hypothesis on `audio_s` of audio took `cost_s`."""
        if self.count >= _MIN_HYPOTHESES:
            self._forget_if_changed((audio_s, cost_s))
        self._recent.append((audio_s, cost_s))
        self._fit()

    def seconds(self, audio_s: float) -> float:
        """The cost to expect for `audio_s` of audio, on the safe side: three in four hypotheses cost less."""
        return self._safety * (self._intercept + self._slope * audio_s)

    def _fit(self) -> None:
        lengths_s, costs_s = np.array(self._recent).T
        scale = float(np.sum(costs_s) / np.sum(_FIXED_COST_S + lengths_s))
        # Lengths are often alike, which determines no slope: two points on the usual line keep it plausible.
        x = np.concatenate((lengths_s, (0.5, 8.0)))
        y = np.concatenate((costs_s, scale * (_FIXED_COST_S + np.array((0.5, 8.0)))))
        slope, intercept = np.polyfit(x, y, 1)
        self._slope, self._intercept = max(float(slope), 0.0), max(float(intercept), 0.0)
        self._safety = max(1.0, float(np.quantile(costs_s / np.maximum(self._on_line(lengths_s), 1e-6), 0.75)))

    def _on_line(self, audio_s: Any) -> Any:
        return self._intercept + self._slope * audio_s

    def _forget_if_changed(self, newest: tuple[float, float]) -> None:
        """If the last three costs are all far above or below the line, the load has changed: only they count."""
        last = [*list(self._recent)[-2:], newest]
        ratios = [cost_s / max(self._on_line(audio_s), 1e-6) for audio_s, cost_s in last]
        if min(ratios) > 1.6 or max(ratios) < 0.6:
            self._recent = deque(last[:-1], maxlen=self._recent.maxlen)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: with which model, and the least seconds of new audio between two hypotheses."""

    small: bool = False
    interval_s: float = 0.0  # 0: as soon as the last one is done


@dataclass(slots=True)
class SpeechBudget:
    """The policy: from the costs of hypotheses to a plan. Times are media time, except costs, which are wall time."""

    plan: Plan = Plan()
    _usual: CostModel = field(default_factory=CostModel)
    _small: CostModel = field(default_factory=CostModel)
    _small_cost: float = _SMALL_COST
    _usual_before_s: float | None = None  # the cost of the usual model before the small one took over
    _cores: float = 1.0  # that the process gets during hypotheses, a running average
    _wanted: Plan | None = None  # other than the current plan
    _wanted_since_s: float = 0.0
    _settle_up_s: float = _SETTLE_UP_S
    _did_more_s: float | None = None

    def observe(self, *, small: bool, audio_s: float, cost_s: float, cpu_s: float) -> None:
        """A hypothesis took `cost_s`, in which the whole process used `cpu_s` of CPU time."""
        (self._small if small else self._usual).observe(audio_s, cost_s)
        if small and self._usual_before_s is not None and self._small.count == _MIN_HYPOTHESES:
            ratio = self._small.seconds(_KEPT_AUDIO_S) / max(self._usual_before_s, 1e-6)
            self._small_cost, self._usual_before_s = float(np.clip(ratio, 0.2, 0.9)), None
        if cost_s > 0:
            self._cores += 0.2 * (min(cpu_s / cost_s, 2.0) - self._cores)

    def update(self, media_s: float, *, small_available: bool) -> bool:
        """Reconsider the plan at `media_s`; return whether it has changed."""
        current = self._small if self.plan.small else self._usual
        if current.count < _MIN_HYPOTHESES:
            return False
        best = self._best(small_available)
        if best == self.plan:
            self._wanted = None
            return False
        less = self._is_less(best)
        if self._wanted is None or less != self._is_less(self._wanted):
            self._wanted_since_s = media_s
        self._wanted = best
        if media_s - self._wanted_since_s < (_SETTLE_DOWN_S if less else self._settle_up_s):
            return False
        self._change(best, media_s, less=less)
        return True

    def _is_less(self, plan: Plan) -> bool:
        return (plan.small, plan.interval_s) > (self.plan.small, self.plan.interval_s)

    def _change(self, plan: Plan, media_s: float, *, less: bool) -> None:
        if less and self._did_more_s is not None and media_s - self._did_more_s < _TOO_SOON_S:
            self._settle_up_s = min(2 * self._settle_up_s, _MAX_SETTLE_UP_S)
        elif less:
            self._settle_up_s = _SETTLE_UP_S
        self._did_more_s = None if less else media_s
        if plan.small != self.plan.small:
            if plan.small:
                self._usual_before_s = self._usual.seconds(_KEPT_AUDIO_S)
            # What the other model cost some time ago says nothing about the load now.
            (self._small if plan.small else self._usual).clear()
        self.plan, self._wanted = plan, None

    def _best(self, small_available: bool) -> Plan:
        if self.plan.small:
            usual = self._sustained(self._small, 1 / self._small_cost)
            small = self._sustained(self._small, 1.0)
        else:
            usual = self._sustained(self._usual, 1.0)
            small = self._sustained(self._usual, self._small_cost)
        if not small_available or usual <= _HOLDS_S:
            return Plan(small=False, interval_s=self._steady(usual))
        worth = _SMALL_WORTH if not self.plan.small else 1.3 * _SMALL_WORTH  # not back and forth
        use_small = max(small, _HOLDS_S) <= worth * usual
        return Plan(small=use_small, interval_s=self._steady(small if use_small else usual))

    def _sustained(self, model: CostModel, ratio: float) -> float:
        """The interval for a model that costs `ratio` times what `model` does."""
        interval_s = self._interval(lambda audio_s: ratio * model.seconds(audio_s))
        if interval_s == 0 < self.plan.interval_s:
            return self._interval(lambda audio_s: _SPARE * ratio * model.seconds(audio_s))
        return interval_s

    def _interval(self, cost: Callable[[float], float]) -> float:
        """The shortest interval that the CPU sustains; 0 if hypotheses can follow one another without a pause."""
        share = _SCARCE_SHARE if self._cores < _SCARCE_CORES else 1.0
        for interval_s in _INTERVALS_S:
            if cost(_KEPT_AUDIO_S + interval_s) <= share * interval_s:
                return interval_s if interval_s > _HOLDS_S or share < 1.0 else 0.0
        return _INTERVALS_S[-1]

    def _steady(self, interval_s: float) -> float:
        """The interval; the current one if it differs by one step only and is long enough."""
        now_s = self.plan.interval_s
        if now_s in _INTERVALS_S and interval_s in _INTERVALS_S:
            step = _INTERVALS_S.index(now_s) - _INTERVALS_S.index(interval_s)
            if step == 1:
                return now_s
        return interval_s


class Recognizer(Protocol):
    """The part of the recognizer that the governor uses."""

    spacing_s: float
    on_hypothesis: Callable[[Whisper, float, float], None]  # seconds of audio, wall seconds

    @property
    def language(self) -> str | None: ...

    @property
    def whisper(self) -> Whisper: ...

    def use(self, whisper: Whisper) -> None: ...


class SpeechGovernor:
    """Applies the policy to one recognizer, on its thread.

    `model` is the name of its usual model; `now_s` returns the current media time, `notify` receives notices, `cpu_s`
    returns the CPU time of the process so far.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        model: str,
        now_s: Callable[[], float],
        notify: Callable[[Notice], object],
        *,
        cpu_s: Callable[[], float] = time.process_time,
    ) -> None:
        self.muted_blocks = 0
        self.effort = model  # for display: which model, and how often it decodes
        self._recognizer = recognizer
        self._own = recognizer.whisper
        self._model = model
        self._now_s = now_s
        self._notify = notify
        self._cpu_s = cpu_s
        self._cpu_before_s = cpu_s()
        self._budget = SpeechBudget()
        self._muted = False
        self._noted_s: float | None = None
        self._small: Whisper | None = None
        self._small_folder: assets.Located | None = None
        self._looked = False  # for it, which reads the files
        recognizer.on_hypothesis = self._observe

    def throttle(self, audio: Iterable[AudioBlock]) -> Iterator[AudioBlock]:
        """The audio to decode, with silence in place of skipped blocks."""
        for block in audio:
            now_s = self._now_s()
            lag_s = now_s - block.end_s
            self._muted = lag_s > (CAUGHT_UP_S if self._muted else SKIP_LAG_S)
            if self._budget.update(now_s, small_available=self._can_use_small()):
                self._apply()
            self._cpu_before_s = self._cpu_s()
            if not self._muted:
                yield block
                continue
            if self._noted_s is None or now_s - self._noted_s >= LOST_REMINDER_S:
                self._noted_s = now_s
                message = f"speech recognition is {lag_s:.0f} s behind: skipping ahead, words will be missing"
                self._notify(Notice(time_s=now_s, code="speech_lost", message=message))
            self.muted_blocks += 1
            yield AudioBlock(block.start_s, np.zeros_like(block.samples))

    def _observe(self, whisper: Whisper, audio_s: float, cost_s: float) -> None:
        cpu_s = self._cpu_s() - self._cpu_before_s
        self._budget.observe(small=whisper is self._small, audio_s=audio_s, cost_s=cost_s, cpu_s=cpu_s)
        self._cpu_before_s += cpu_s

    def _apply(self) -> None:
        plan = self._budget.plan
        small = self._small_model() if plan.small else None
        self._recognizer.spacing_s = plan.interval_s
        self._recognizer.use(small or self._own)
        name = self._model if small is None else SMALL_MODEL
        self.effort = f"{name} every {plan.interval_s:g} s" if plan.interval_s else name

    def _can_use_small(self) -> bool:
        """Whether the small model is installed, smaller than the usual one, and supports the language spoken."""
        if self._recognizer.language != "en" or self._model == SMALL_MODEL:
            return False
        if not self._looked:
            self._looked, self._small_folder = True, assets.find(SMALL_MODEL)
        return self._small_folder is not None

    def _small_model(self) -> Whisper | None:
        if self._small is None and self._small_folder is not None:
            self._small = load_whisper(self._small_folder.folder, exact=False)  # it is used for its speed
        return self._small
