"""Readings as a table (.csv), one row for each revision of a reading; other events are left out.

Columns, in order (an unknown value is an empty cell):

- start_s, end_s: the window, media time
- status: provisional or committed; revision: the last one for an end_s is the one that counts
- score, low, high: -3 to 3
- contribution_text, contribution_voice, contribution_face: Shapley values on the scale of the score
- agreement_voice, agreement_face: percentiles, 0 to 1
- present_text, present_voice, present_face: 1 or 0
- latency_ms: wall time from the window's end to the reading
- relative: score minus the user's baseline, if there is one
"""

import csv
import io
import math
from collections.abc import Callable

from mmim_live.events import Event, Reading
from mmim_live.types import MODALITIES

COLUMNS = (
    "start_s",
    "end_s",
    "status",
    "revision",
    "score",
    "low",
    "high",
    *(f"contribution_{name}" for name in MODALITIES),
    "agreement_voice",
    "agreement_face",
    *(f"present_{name}" for name in MODALITIES),
    "latency_ms",
    "relative",
)


def csv_formatter() -> Callable[[Event], str]:
    """A function that turns a reading into its row, line end included, and any other event into nothing."""
    return lambda event: _row(event) if isinstance(event, Reading) else ""


def csv_header() -> str:
    """The first line."""
    return ",".join(COLUMNS) + "\n"


def _row(reading: Reading) -> str:
    contributions, agreement, present = reading.contributions, reading.agreement, reading.present
    cells: list[str | int] = [
        _number(reading.start_s, 3),
        _number(reading.end_s, 3),
        reading.status,
        reading.revision,
        *(_number(value, 4) for value in (reading.score, reading.low, reading.high)),
        *(_number(getattr(contributions, name), 4) for name in MODALITIES),
        *(_number(value, 4) for value in (agreement.voice, agreement.face)),
        *(int(getattr(present, name)) for name in MODALITIES),
        _number(reading.latency_ms, 1),
        _number(reading.relative, 4),
    ]
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _number(value: float | None, decimals: int) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return str(round(float(value), decimals) + 0.0)
