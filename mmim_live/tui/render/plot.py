"""The timeline as a grid of cells: readings and utterances in, characters with colors out.

From top to bottom: the plot (score from 3 to -3; the line in braille dots, the interval as a band behind it, marks as
columns), one row of utterances, one row of times. A committed line is solid, a provisional one dotted. In ASCII `*` is
committed, `o` provisional, `:` the interval and `!` a mark.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from mmim_live.events import Mark, Reading, Utterance
from mmim_live.types import SCORE_LIMIT
from mmim_live.wording import clock, shown_sign, shown_tone, signed, tone

Ink = Literal["", "positive", "neutral", "negative", "zero", "axis", "band", "mark", "playhead"]

GUTTER = 3  # cells for "+3 "
ROWS_BELOW = 2  # utterances and times
MAX_GAP_S = 2.0  # readings further apart are not joined: nothing is known between them
TICKS_S = (5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # [column][row] of a braille cell


class Cell(NamedTuple):
    """One character. `band`: the interval lies behind it. `faint`: it is provisional."""

    character: str = " "
    ink: Ink = ""
    band: bool = False
    faint: bool = False


# Most cells are one of these: making thousands of equal ones takes longer than the rest of a drawing.
_EMPTY = Cell()
_BAND, _BAND_UPPER, _BAND_LOWER = Cell(band=True), Cell("▀", "band"), Cell("▄", "band")
_BAND_ASCII = Cell(":", "zero", band=True)


@dataclass(frozen=True, slots=True)
class View:
    """Which stretch of media time is drawn: from `start_s`, `cell_s` seconds per cell."""

    width: int
    height: int
    start_s: float
    cell_s: float
    ascii_only: bool = False

    @property
    def columns(self) -> int:
        """Cells of the plot from left to right."""
        return max(0, self.width - GUTTER)

    @property
    def rows(self) -> int:
        """Cells of the plot from top to bottom."""
        return max(0, self.height - ROWS_BELOW)


class Sample(NamedTuple):
    """What the plot shows at one instant."""

    score: float
    low: float | None
    high: float | None
    provisional: bool


def draw_timeline(
    readings: Sequence[Reading],
    utterances: Iterable[Utterance],
    view: View,
    marks: Iterable[Mark] = (),
    playhead_s: float | None = None,
    highlights: Iterable[tuple[str, Utterance]] = (),
) -> list[list[Cell]]:
    """`view.height` rows of `view.width` cells. Readings are in order of end_s, and are drawn at their end_s.

    `highlights`: "positive", "negative" or "turn", and the sentence; of several in one cell the last is drawn.
    """
    if view.columns == 0 or view.rows == 0:
        return [[Cell()] * view.width for _ in range(view.height)]
    samples = sample(readings, view)
    plot = _bands(samples, view)
    _draw_zero(plot, view)
    _draw_marks(plot, marks, view)
    _draw_line(plot, samples, view)
    _draw_highlights(plot, highlights, view)
    if playhead_s is not None:
        _draw_playhead(plot, playhead_s, view)
    rows = [_label(row, view) + cells for row, cells in enumerate(plot)]
    margin = [Cell()] * GUTTER
    return [*rows, margin + _utterance_row(utterances, view), margin + _time_row(view)]


def sample(readings: Sequence[Reading], view: View) -> list[Sample | None]:
    """Two samples per cell, interpolated between neighbors; None where there is no reading."""
    step_s = view.cell_s / 2
    return [_at(readings, view.start_s + (index + 0.5) * step_s, step_s) for index in range(2 * view.columns)]


def _at(readings: Sequence[Reading], time_s: float, step_s: float) -> Sample | None:
    after = bisect_left(readings, time_s, key=lambda reading: reading.end_s)
    left = readings[after - 1] if after > 0 else None
    right = readings[after] if after < len(readings) else None
    if left and right and left.score is not None and right.score is not None:
        gap_s = right.end_s - left.end_s
        if gap_s <= max(MAX_GAP_S, 2 * step_s):
            share = (time_s - left.end_s) / gap_s
            provisional = "provisional" in (left.status, right.status)
            score = _between(left.score, right.score, share) or 0.0
            return Sample(
                score, _between(left.low, right.low, share), _between(left.high, right.high, share), provisional
            )
    near = [each for each in (left, right) if each and abs(each.end_s - time_s) <= step_s / 2]
    if not near or near[0].score is None:
        return None
    return Sample(near[0].score, near[0].low, near[0].high, near[0].status == "provisional")


def _between(left: float | None, right: float | None, share: float) -> float | None:
    return None if left is None or right is None else left + (right - left) * share


def level(score: float, levels: int) -> int:
    """The level of a score, from 0 (score 3) to levels - 1 (score -3)."""
    share = (SCORE_LIMIT - min(SCORE_LIMIT, max(-SCORE_LIMIT, score))) / (2 * SCORE_LIMIT)
    return round(share * (levels - 1))


def _bands(samples: Sequence[Sample | None], view: View) -> list[list[Cell]]:
    """The intervals, in half cells; whole cells are marked `band`, half ones are half blocks."""
    grid = [[_EMPTY] * view.columns for _ in range(view.rows)]
    for column in range(view.columns):
        joined = samples[max(0, 2 * column - 1) : 2 * column + 2]  # including the one before, which the line joins
        known = [each for each in joined if each and None not in (each.low, each.high)]
        if not known:
            continue
        top = level(max(max(each.high or 0.0, each.score) for each in known), 2 * view.rows)
        bottom = level(min(min(each.low or 0.0, each.score) for each in known), 2 * view.rows)
        for row in range(top // 2, bottom // 2 + 1):
            upper, lower = top <= 2 * row, bottom >= 2 * row + 1
            if view.ascii_only:
                grid[row][column] = _BAND_ASCII
            elif upper and lower:
                grid[row][column] = _BAND
            else:
                grid[row][column] = _BAND_UPPER if upper else _BAND_LOWER
    return grid


def _draw_zero(plot: list[list[Cell]], view: View) -> None:
    row = level(0.0, view.rows)
    plot[row] = [
        cell._replace(character="-" if view.ascii_only else "┄", ink="zero", band=cell.band or cell.ink == "band")
        for cell in plot[row]
    ]


def _draw_marks(plot: list[list[Cell]], marks: Iterable[Mark], view: View) -> None:
    head, stem = "!!" if view.ascii_only else "◆╎"
    for mark in marks:
        column = int((mark.time_s - view.start_s) // view.cell_s)
        if 0 <= column < view.columns:
            for row in plot:
                cell = row[column]
                row[column] = Cell(head if row is plot[0] else stem, "mark", cell.band or cell.ink == "band")


def _draw_highlights(plot: list[list[Cell]], highlights: Iterable[tuple[str, Utterance]], view: View) -> None:
    """A sign in the top row where the sentence begins, or in the bottom row for the most negative one."""
    signs = dict(zip(("positive", "negative", "turn"), "^v%" if view.ascii_only else "▲▼⇅", strict=True))
    for kind, said in highlights:
        column = int((said.start_s - view.start_s) // view.cell_s)
        if 0 <= column < view.columns:
            row = plot[-1 if kind == "negative" else 0]
            cell = row[column]
            row[column] = Cell(signs[kind], "mark", cell.band or cell.ink == "band")


def _draw_playhead(plot: list[list[Cell]], time_s: float, view: View) -> None:
    """A column at the playhead; the last column at the very end."""
    column = min(view.columns - 1, int((time_s - view.start_s) // view.cell_s))
    if column >= 0:
        for row in plot:
            cell = row[column]
            row[column] = Cell("|" if view.ascii_only else "┃", "playhead", cell.band or cell.ink == "band")


def _draw_line(plot: list[list[Cell]], samples: Sequence[Sample | None], view: View) -> None:
    """Draw the line's dots over the grid; inside an interval, whole cells of the line have its background."""
    dots = _dots(samples, 4 * view.rows)
    for column in range(view.columns):
        pair = samples[2 * column : 2 * column + 2]
        known = [each for each in pair if each]
        if not known:
            continue
        ink = tone(sum(each.score for each in known) / len(known))
        faint = any(each.provisional for each in known)
        pattern = [0] * view.rows
        for half in (0, 1):
            for dot in dots[2 * column + half]:
                pattern[dot // 4] |= _DOTS[half][dot % 4]
        for row, bits in enumerate(pattern):
            if bits:
                character = ("o" if faint else "*") if view.ascii_only else chr(_BRAILLE + bits)
                plot[row][column] = Cell(character, ink, any(each.low is not None for each in known), faint)


def _dots(samples: Sequence[Sample | None], levels: int) -> list[range]:
    """The levels that are dotted in each half column.

    Committed ones are two dots thick and joined to the one before; provisional ones are single dots, every other one.
    """
    columns: list[range] = []
    before: int | None = None
    for index, each in enumerate(samples):
        if each is None:
            columns.append(range(0))
            before = None
            continue
        here = level(each.score, levels)
        if each.provisional:
            columns.append(range(here, here + 1) if index % 2 == 0 else range(0))
        else:
            top = here if before is None else min(here, before + 1)
            bottom = here if before is None else max(here, before - 1)
            columns.append(range(top, min(levels, bottom + 2)))
        before = here
    return columns


def _label(row: int, view: View) -> list[Cell]:
    scores = (3, 2, 1, 0, -1, -2, -3) if view.rows >= 13 else (3, 0, -3)
    for score in scores:
        if level(score, view.rows) == row:
            return [Cell(character, "axis") for character in f"{score:+d} ".replace("+0", " 0")]
    return [Cell()] * GUTTER


def _utterance_row(utterances: Iterable[Utterance], view: View) -> list[Cell]:
    """A bar under each utterance, with its score where there is room, else with its sign."""
    cells = [Cell()] * view.columns
    for each in utterances:
        first = int((each.start_s - view.start_s) // view.cell_s)
        last = int((each.end_s - view.start_s) // view.cell_s)
        if last < 0 or first >= view.columns:
            continue
        label = "none" if each.score is None else signed(each.score)
        if len(label) + 2 > last - first:
            label = " " if each.score is None else shown_sign(each.score, each.low, each.high, view.ascii_only)
        bar = label.center(max(1, last - first), "=" if view.ascii_only else "━")
        ink: Ink = "axis" if each.score is None else shown_tone(each.score, each.low, each.high)
        for column, character in enumerate(bar, start=first):
            if 0 <= column < view.columns:
                cells[column] = Cell(character, ink, faint=each.status == "provisional")
    return cells


def _time_row(view: View) -> list[Cell]:
    """Times at round seconds, at least ten cells apart, each beginning at its instant."""
    cells = [Cell()] * view.columns
    tick_s = next((each for each in TICKS_S if each >= 10 * view.cell_s), TICKS_S[-1])
    end_s = view.start_s + view.columns * view.cell_s
    for time_s in range(-(-int(view.start_s) // tick_s) * tick_s, int(end_s) + 1, tick_s):
        column = round((time_s - view.start_s) / view.cell_s)
        label = clock(time_s)
        if column >= 0 and column + len(label) <= view.columns:
            cells[column : column + len(label)] = [Cell(character, "axis") for character in label]
    return cells
