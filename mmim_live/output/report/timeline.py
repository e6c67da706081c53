"""The timeline of a report as SVG: score with its interval, sentences, contributions, marks. It holds numbers only.

All lengths are units of the view box. Times go from left to right, scores from 3 at the top to -3.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mmim_live.events import Reading
from mmim_live.output.report.content import LABELS, Content, Look, Sentence, look_of
from mmim_live.types import MODALITIES, SCORE_LIMIT, Contributions, Modality
from mmim_live.wording import clock

WIDTH, LEFT, RIGHT = 1000.0, 58.0, 12.0
PLOT_TOP, PLOT_HEIGHT = 20.0, 210.0
SENTENCES_TOP, SENTENCES_HEIGHT = PLOT_TOP + PLOT_HEIGHT + 10, 24.0
STRIPS_TOP, STRIP_HEIGHT, STRIP_GAP = SENTENCES_TOP + SENTENCES_HEIGHT + 16, 46.0, 8.0
AXIS_TOP = STRIPS_TOP + len(MODALITIES) * (STRIP_HEIGHT + STRIP_GAP)
HEIGHT = AXIS_TOP + 24

MAX_POINTS = 1200  # more than the pixels of most screens
MAX_GAP_S = 2.0  # nothing is known between points further apart, unless all are
MAX_TICKS = 10
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)
ROOM_FOR_NUMBER, ROOM_FOR_SIGN = 46.0, 13.0  # in a sentence's block


@dataclass(frozen=True, slots=True)
class Point:
    """A reading, or the mean of several."""

    time_s: float
    score: float
    low: float | None
    high: float | None
    look: Look
    contributions: Contributions


def points_of(readings: Sequence[Reading]) -> list[list[Point]]:
    """The readings with a score, in stretches without a gap, thinned to about `MAX_POINTS` by taking means."""
    scored = [each for each in readings if each.score is not None]
    steps_s = [after.end_s - before.end_s for before, after in itertools.pairwise(scored)]
    longest_s = max(MAX_GAP_S, 1.5 * statistics.median(steps_s)) if steps_s else MAX_GAP_S
    stretches: list[list[Reading]] = []
    for number, reading in enumerate(scored):
        if number == 0 or steps_s[number - 1] > longest_s:
            stretches.append([])
        stretches[-1].append(reading)
    together = -(-len(scored) // MAX_POINTS)
    return [[_mean(each[at : at + together]) for at in range(0, len(each), together)] for each in stretches]


def timeline(content: Content, stretches: Sequence[Sequence[Point]]) -> Markup:
    """The drawing. Elements have classes for their colors."""
    scale = _Scale(content.begins_s, max(content.ends_s - content.begins_s, 0.001))
    body = [
        *_grid(scale),
        *_bands(stretches, scale),
        *_lines(stretches, scale),
        *(_block(each, scale) for each in content.sentences),
        *_strips(stretches, scale),
        *(_mark(each.time_s, scale) for each in content.marks),
        f'<path id="playhead" class="playhead" d="M0 {PLOT_TOP:g}V{AXIS_TOP:g}" visibility="hidden"/>',
    ]
    return Markup("\n".join(body))  # noqa: S704 (numbers and our own words)


@dataclass(frozen=True, slots=True)
class _Scale:
    begins_s: float
    duration_s: float

    def x(self, time_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max((time_s - self.begins_s) / self.duration_s, 0.0), 1.0)

    @staticmethod
    def y(score: float) -> float:
        return PLOT_TOP + PLOT_HEIGHT * (SCORE_LIMIT - score) / (2 * SCORE_LIMIT)


def _mean(group: Sequence[Reading]) -> Point:
    """The last reading's time with the mean of all; it is drawn as clear if most of them are."""

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if known else None

    shares = {name: mean([getattr(each.contributions, name) for each in group]) for name in MODALITIES}
    return Point(
        time_s=group[-1].end_s,
        score=mean([each.score for each in group]) or 0.0,
        low=mean([each.low for each in group]),
        high=mean([each.high for each in group]),
        look=statistics.mode(look_of(each) for each in group),
        contributions=Contributions(**shares),
    )


def _grid(scale: _Scale) -> Iterator[str]:
    right = WIDTH - RIGHT
    for score in range(-int(SCORE_LIMIT), int(SCORE_LIMIT) + 1):
        y = scale.y(score)
        yield f'<path class="{"zero" if score == 0 else "grid"}" d="M{LEFT:g} {y:.1f}H{right:g}"/>'
        label = f"{score:+d}".replace("-", "−") if score else "0"
        yield f'<text class="axis" x="{LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for word, top in (("positive", PLOT_TOP), ("negative", PLOT_TOP + PLOT_HEIGHT)):
        anchor = "end" if word == "positive" else "start"
        yield f'<text class="axis" transform="translate(14 {top:g}) rotate(-90)" text-anchor="{anchor}">{word}</text>'
    step_s = next((each for each in TICKS_S if scale.duration_s / each <= MAX_TICKS), TICKS_S[-1])
    ends_s = int(scale.begins_s + scale.duration_s)
    for time_s in range(-(-math.ceil(scale.begins_s) // step_s) * step_s, ends_s + 1, step_s):
        x = scale.x(time_s)
        yield f'<path class="grid" d="M{x:.1f} {PLOT_TOP:g}V{AXIS_TOP:g}"/>'
        anchor = "middle" if x < right - 20 else "end"
        yield f'<text class="axis" x="{x:.1f}" y="{AXIS_TOP + 16:g}" text-anchor="{anchor}">{clock(time_s)}</text>'


def _bands(stretches: Sequence[Sequence[Point]], scale: _Scale) -> Iterator[str]:
    for stretch in stretches:
        for known, group in itertools.groupby(stretch, lambda each: each.low is not None and each.high is not None):
            points = list(group)
            if known:
                upper = [(scale.x(each.time_s), scale.y(each.high or 0.0)) for each in points]
                lower = [(scale.x(each.time_s), scale.y(each.low or 0.0)) for each in points]
                yield f'<path class="band" d="{_path([*upper, *reversed(lower)])}Z"/>'


def _lines(stretches: Sequence[Sequence[Point]], scale: _Scale) -> Iterator[str]:
    """The score, piece by piece as it looks; a piece begins where the one before ends."""
    for stretch in stretches:
        last: Point | None = None
        for look, group in itertools.groupby(stretch, lambda each: each.look):
            points = list(group)
            joined = points if last is None else [last, *points]
            last = points[-1]
            places = [(scale.x(each.time_s), scale.y(each.score)) for each in joined]
            end = "h.1" if len(places) == 1 else ""  # a lone point is a dot
            yield f'<path class="line {look}" d="{_path(places)}{end}"/>'


def _block(sentence: Sentence, scale: _Scale) -> str:
    left, right = scale.x(sentence.start_s), scale.x(sentence.end_s)
    width = max(right - left - 1, 1.0)
    label = "" if width < ROOM_FOR_SIGN else sentence.sign
    if width >= ROOM_FOR_NUMBER and sentence.number:
        label = f"{sentence.sign} {sentence.number}"
    middle, line = left + width / 2, SENTENCES_TOP + SENTENCES_HEIGHT / 2 + 4
    text = f'<text class="inside" x="{middle:.1f}" y="{line:g}" text-anchor="middle">{label}</text>' if label else ""
    return (
        f'<g class="block {sentence.look}"><rect x="{left:.1f}" y="{SENTENCES_TOP:g}" width="{width:.1f}" '
        f'height="{SENTENCES_HEIGHT:g}" rx="2"/>{text}</g>'
    )


def _strips(stretches: Sequence[Sequence[Point]], scale: _Scale) -> Iterator[str]:
    """How far words, voice and face moved the score: areas above and below a zero line of their own."""
    shares = [_share(each, name) or 0.0 for stretch in stretches for each in stretch for name in MODALITIES]
    limit = max(1, math.ceil(max(map(abs, shares), default=0.0)))
    half, right = STRIP_HEIGHT / 2, WIDTH - RIGHT
    for row, name in enumerate(MODALITIES):
        top = STRIPS_TOP + row * (STRIP_HEIGHT + STRIP_GAP)
        zero = top + half
        yield f'<text class="axis name" x="{LEFT - 8:g}" y="{zero + 4:g}" text-anchor="end">{LABELS[name]}</text>'
        yield f'<rect class="strip" x="{LEFT:g}" y="{top:g}" width="{right - LEFT:g}" height="{STRIP_HEIGHT:g}"/>'
        outline = ""
        for known in _known(stretches, name):
            places = [(scale.x(time_s), zero - half * share / limit) for time_s, share in known]
            outline += f"{_path([(places[0][0], zero), *places, (places[-1][0], zero)])}Z"
        yield f'<defs><path id="area-{name}" d="{outline}"/>'
        for side, y in (("up", top), ("down", zero)):
            window = f'<rect x="0" y="{y:g}" width="{WIDTH:g}" height="{half:g}"/>'
            yield f'<clipPath id="{side}-{name}">{window}</clipPath>'
        yield "</defs>"
        for side, look in (("up", "positive"), ("down", "negative")):
            yield f'<use href="#area-{name}" class="area {look}" clip-path="url(#{side}-{name})"/>'
        yield f'<path class="zero" d="M{LEFT:g} {zero:g}H{right:g}"/>'
        for sign, y in (("+", top + 11), ("−", top + STRIP_HEIGHT - 3)):
            yield f'<text class="axis small" x="{LEFT + 4:g}" y="{y:g}">{sign}{limit:g}</text>'


def _known(stretches: Sequence[Sequence[Point]], name: Modality) -> Iterator[list[tuple[float, float]]]:
    """The stretches in which the modality is present: times and contributions."""
    for stretch in stretches:
        shares = [(each.time_s, _share(each, name)) for each in stretch]
        for present, group in itertools.groupby(shares, lambda each: each[1] is not None):
            if present:
                yield [(time_s, share or 0.0) for time_s, share in group]


def _share(point: Point, name: Modality) -> float | None:
    value: float | None = getattr(point.contributions, name)
    return value


def _mark(time_s: float, scale: _Scale) -> str:
    x = scale.x(time_s)
    return (
        f'<g class="mark"><path d="M{x:.1f} {PLOT_TOP:g}V{AXIS_TOP:g}"/>'
        f'<path d="M{x:.1f} {PLOT_TOP - 13:g}l6 6-6 6-6-6z"/></g>'
    )


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
