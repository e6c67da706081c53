"""Tables as comma-separated values (.csv), in UTF-8, under one line of column names; see `tables`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from mmim_live.events import Event
from mmim_live.output.tables import Cell, Table

# Spreadsheets run a cell that begins so, and the words are a stranger's.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_formatter(table: Table) -> Callable[[Event], str]:
    """A function that turns an event into its row, line end included, or into nothing if it has none."""
    rows = table.new_rows()

    def format_event(event: Event) -> str:
        row = rows(event)
        return "" if row is None else _line([_plain(cell) for cell in row])

    return format_event


def csv_header(table: Table) -> str:
    """The first line."""
    return _line(list(table.columns))


def _line(cells: Sequence[Cell]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _plain(cell: Cell) -> Cell:
    """Truth as 1 or 0; a text that a spreadsheet would run gets an apostrophe in front, and no line breaks."""
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, str):
        text = " ".join(cell.splitlines())
        return f"'{text}" if text.startswith(_FORMULA) else text
    return cell
