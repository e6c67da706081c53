"""Results as tables: one row for a reading, an utterance or a word. Unknown values are empty cells.

A file name chooses the table by the part before its suffix: `talk.csv` holds the committed readings,
`talk.revisions.csv` every revision of them as it was shown, `talk.utterances.csv` the utterances, `talk.words.csv` the
words. The same holds for .parquet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mmim_live.events import Event, Reading, Scored, Utterance, WordHeard
from mmim_live.types import MODALITIES

Cell = str | int | float | bool | None

_SENTIMENT: dict[str, type] = {
    "score": float,  # -3 to 3
    "low": float,
    "high": float,
    **{f"contribution_{name}": float for name in MODALITIES},  # Shapley values on the scale of the score
    "agreement_voice": float,  # percentiles, 0 to 1
    "agreement_face": float,
    **{f"present_{name}": bool for name in MODALITIES},
}
_READING: dict[str, type] = {
    "start_s": float,  # of the window, media time
    "end_s": float,
    "status": str,  # provisional or committed
    "revision": int,  # the last one for an end_s is the one that counts
    **_SENTIMENT,
    "latency_ms": float,  # wall time from the window's end to the reading
    "relative": float,  # score minus the user's baseline, if there is one
}


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table, and a function that gives the row of an event, None if it has none.

    The functions that `new_rows` makes keep state, for one session each.
    """

    columns: Mapping[str, type]
    new_rows: Callable[[], Callable[[Event], list[Cell] | None]]


def _readings(event: Event) -> list[Cell] | None:
    return _reading_row(event) if isinstance(event, Reading) and event.status == "committed" else None


def _revisions(event: Event) -> list[Cell] | None:
    return _reading_row(event) if isinstance(event, Reading) else None


def _reading_row(event: Reading) -> list[Cell]:
    return [
        _number(event.start_s, 3),
        _number(event.end_s, 3),
        event.status,
        event.revision,
        *_sentiment(event),
        _number(event.latency_ms, 1),
        _number(event.relative, 4),
    ]


def _words(event: Event) -> list[Cell] | None:
    if not isinstance(event, WordHeard) or event.status != "committed":
        return None
    times = (_number(event.start_s, 3), _number(event.end_s, 3))
    return [*times, event.text, _number(event.probability, 4), event.language]


def _new_utterances() -> Callable[[Event], list[Cell] | None]:
    middles_s: list[float] = []  # of the words since the last utterance

    def row(event: Event) -> list[Cell] | None:
        if isinstance(event, WordHeard) and event.status == "committed":
            middles_s.append((event.start_s + event.end_s) / 2)
        if not isinstance(event, Utterance) or event.status != "committed":
            return None
        said = sum(1 for middle_s in middles_s if event.start_s <= middle_s <= event.end_s)
        middles_s[:] = [middle_s for middle_s in middles_s if middle_s > event.end_s]
        length_s = event.end_s - event.start_s
        return [
            _number(event.start_s, 3),
            _number(event.end_s, 3),
            event.text,
            event.language,
            *_sentiment(event),
            said,
            _number(said / length_s, 2) if length_s > 0 else None,
            _number(event.relative, 4),
        ]

    return row


TABLES = MappingProxyType(
    {
        "readings": Table(_READING, lambda: _readings),
        "revisions": Table(_READING, lambda: _revisions),
        "utterances": Table(
            {
                "start_s": float,
                "end_s": float,
                "text": str,
                "language": str,
                **_SENTIMENT,
                "words": int,
                "words_per_s": float,
                "relative": float,
            },
            _new_utterances,
        ),
        "words": Table(
            {"start_s": float, "end_s": float, "text": str, "probability": float, "language": str}, lambda: _words
        ),
    }
)


def _sentiment(event: Scored) -> list[Cell]:
    return [
        *(_number(value, 4) for value in (event.score, event.low, event.high)),
        *(_number(getattr(event.contributions, name), 4) for name in MODALITIES),
        *(_number(value, 4) for value in (event.agreement.voice, event.agreement.face)),
        *(bool(getattr(event.present, name)) for name in MODALITIES),
    ]


def _number(value: float | None, decimals: int) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), decimals) + 0.0  # minus zero becomes zero
