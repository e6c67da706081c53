"""The drawing of the timeline, for any scores."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mmim_live.events import Mark, Reading
from mmim_live.tui.render.plot import GUTTER, ROWS_BELOW, Cell, View, draw_timeline
from tests.tui.scripted import reading, utterance

WIDTH, HEIGHT = 40, 14
scores = st.floats(-3, 3)


def is_line(cell: Cell) -> bool:
    return 0x2800 < ord(cell.character) <= 0x28FF or cell.character in "*o"


def plot(grid: list[list[Cell]]) -> list[list[Cell]]:
    """Without labels and lower rows."""
    return [row[GUTTER:] for row in grid[:-ROWS_BELOW]]


def dot_levels(grid: list[list[Cell]]) -> list[list[int]]:
    """For each half column the levels of its dots, from the top."""
    left, right = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)
    columns: list[list[int]] = [[] for _ in range(2 * len(grid[0]))]
    for row, cells in enumerate(grid):
        for column, cell in enumerate(cells):
            bits = ord(cell.character) - 0x2800
            if 0 < bits <= 0xFF:
                for dot in range(4):
                    columns[2 * column] += [4 * row + dot] if bits & left[dot] else []
                    columns[2 * column + 1] += [4 * row + dot] if bits & right[dot] else []
    return columns


def every_half_second(values: Sequence[float | None], *, status: str = "committed") -> list[Reading]:
    return [reading(index * 0.5, value, status=status) for index, value in enumerate(values)]


@given(st.lists(scores, min_size=2, max_size=2 * (WIDTH - GUTTER)).map(sorted))
def test_a_rising_score_is_drawn_rising(rising: list[float]) -> None:
    grid = draw_timeline(every_half_second(rising), [], View(WIDTH, HEIGHT, 0.0, 1.0))
    tops = [min(levels) for levels in dot_levels(plot(grid)) if levels]
    assert tops
    assert tops == sorted(tops, reverse=True)


@given(st.lists(scores, min_size=2, max_size=80))
def test_the_line_has_no_gap_between_consecutive_scores(values: list[float]) -> None:
    grid = draw_timeline(every_half_second(values), [], View(WIDTH, HEIGHT, 0.0, 1.0))
    known = [levels for levels in dot_levels(plot(grid)) if levels]
    assert len(known) >= min(len(values), 2 * (WIDTH - GUTTER)) - 1
    for before, after in itertools.pairwise(known):
        assert min(after) <= max(before) + 1
        assert max(after) >= min(before) - 1


@given(st.lists(scores, min_size=1, max_size=80), st.floats(0, 2), st.booleans())
def test_the_band_lies_behind_the_line(values: list[float], width: float, ascii_only: bool) -> None:
    readings = [reading(index * 0.5, value, width=width) for index, value in enumerate(values)]
    grid = plot(draw_timeline(readings, [], View(WIDTH, HEIGHT, 0.0, 1.0, ascii_only)))
    for column in range(WIDTH - GUTTER):
        cells = [row[column] for row in grid]
        inside = [row for row, cell in enumerate(cells) if cell.band or cell.ink == "band"]
        assert all(cell.band for cell in cells if is_line(cell))
        assert inside == list(range(inside[0], inside[-1] + 1)) if inside else not any(map(is_line, cells))


def test_the_band_is_as_high_as_the_interval() -> None:
    narrow, wide = (
        plot(draw_timeline([reading(t / 2, 0.0, width=width) for t in range(60)], [], View(WIDTH, 30, 0.0, 1.0)))
        for width in (0.5, 2.0)
    )
    heights = [sum(row[10].band or row[10].ink == "band" for row in grid) for grid in (narrow, wide)]
    assert heights[0] == pytest.approx(28 / 6, abs=2)
    assert heights[1] == pytest.approx(28 * 4 / 6, abs=2)


@settings(max_examples=200)
@given(
    values=st.lists(st.none() | scores, max_size=60),
    talk=st.lists(st.tuples(st.floats(0, 90), st.floats(0, 30), st.none() | scores), max_size=6),
    width=st.integers(0, 60),
    height=st.integers(0, 20),
    start_s=st.floats(0, 100),
    cell_s=st.floats(0.2, 30),
    ascii_only=st.booleans(),
)
def test_nothing_is_drawn_outside_the_view(
    values: list[float | None],
    talk: list[tuple[float, float, float | None]],
    width: int,
    height: int,
    start_s: float,
    cell_s: float,
    ascii_only: bool,
) -> None:
    utterances = [utterance(begin, begin + length, "x", score) for begin, length, score in talk]
    view = View(width, height, start_s, cell_s, ascii_only)
    grid = draw_timeline(every_half_second(values), utterances, view)
    assert len(grid) == height
    assert all(len(row) == width for row in grid)
    assert all(cell_len(cell.character) == 1 for row in grid for cell in row)
    if ascii_only:
        assert all(cell.character.isascii() for row in grid for cell in row)


def test_committed_and_provisional_differ_without_color() -> None:
    values = [0.3 * (index % 7) for index in range(60)]
    for ascii_only in (False, True):
        view = View(WIDTH, HEIGHT, 0.0, 1.0, ascii_only)
        committed = plot(draw_timeline(every_half_second(values), [], view))
        provisional = plot(draw_timeline(every_half_second(values, status="provisional"), [], view))
        if ascii_only:
            seen = [{cell.character for row in grid for cell in row} & set("*o") for grid in (committed, provisional)]
            assert seen == [{"*"}, {"o"}]
        else:
            assert all(dot_levels(committed)[1:59])
            assert not any(dot_levels(provisional)[1:59:2])
            assert all(dot_levels(provisional)[2:58:2])


def test_unknown_scores_leave_a_gap() -> None:
    values: list[float | None] = [1.0] * 20 + [None] * 20 + [1.0] * 20
    levels = dot_levels(plot(draw_timeline(every_half_second(values), [], View(WIDTH, HEIGHT, 0.0, 1.0))))
    assert all(levels[2:18])
    assert not any(levels[21:38])
    assert all(levels[42:58])


def test_readings_far_apart_are_not_joined() -> None:
    levels = dot_levels(
        plot(draw_timeline([reading(5.0, 1.0), reading(20.0, -1.0)], [], View(WIDTH, HEIGHT, 0.0, 1.0)))
    )
    assert 1 <= sum(bool(each) for each in levels) <= 4


def text(row: list[Cell]) -> str:
    return "".join(cell.character for cell in row)


def test_labels_times_and_utterances_are_placed_correctly() -> None:
    talk = [utterance(10.0, 20.0, "good", 1.8), utterance(22.0, 24.0, "bad", -2.0), utterance(26.0, 34.0, "?", None)]
    grid = draw_timeline([], talk, View(WIDTH, HEIGHT, 0.0, 1.0))
    rows = [text(row) for row in grid]
    assert rows[0].startswith("+3 ")
    assert rows[-3].startswith("-3 ")
    assert rows[-1][GUTTER:].startswith("0:00      0:10      0:20")
    marks = rows[-2][GUTTER:]
    assert marks[10:20].strip("━") == "+1.8"
    assert marks[22:24].strip("━") == "▼"
    assert marks[26:34].strip("━") == "none"
    assert marks[:10].isspace()


@pytest.mark.parametrize(("ascii_only", "head", "stem"), [(False, "◆", "╎"), (True, "!", "!")])
def test_marks_are_drawn_at_their_time_and_behind_the_line(ascii_only: bool, head: str, stem: str) -> None:
    readings = every_half_second([0.0] * 60)
    view = View(WIDTH, HEIGHT, 0.0, 1.0, ascii_only)
    grid = draw_timeline(readings, [], view, [Mark(10.4, "here"), Mark(1e6), Mark(-5.0)])
    column = [row[GUTTER + 10].character for row in grid[:-ROWS_BELOW]]
    assert column[0] == head
    assert column.count(stem) + column.count(head) >= len(column) - 2
    assert not set(column) <= {head, stem}
    assert sum(cell.ink == "mark" for cell in grid[0]) == 1


def test_an_hour_can_be_drawn_in_any_view() -> None:
    readings = every_half_second([((index % 100) - 50) / 25 for index in range(7200)])
    view = View(150, 50, 3600 - 147, 1.0)
    assert sum(bool(levels) for levels in dot_levels(plot(draw_timeline(readings, [], view)))) == 2 * 147
