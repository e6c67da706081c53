"""Metrics as Markdown tables, formatted as in papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEADLINE: Mapping[str, str] = {
    "mae": "MAE",
    "r": "r",
    "acc2_non0": "Acc-2",
    "acc2": "Acc-2",
    "war": "WAR",
    "uar": "UAR",
}
"""The metrics that a short table shows, by their names in papers."""

_PERCENT = ("acc", "f1", "war", "uar")  # metrics that papers print as percentages


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with padded columns."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines)


def format_metric(name: str, value: Any, spread: Any = None) -> str:
    """A value as papers print it, with its standard deviation if given."""
    if value is None:
        return "-"
    if _is_count(name):
        return str(round(value))
    percent = is_percent(name)
    text = f"{100 * value:.2f}" if percent else f"{value:.4f}"
    if spread is not None:
        text += f" ± {100 * spread:.2f}" if percent else f" ± {spread:.4f}"
    return text


def is_percent(name: str) -> bool:
    """Whether papers print the metric as a percentage."""
    return name.rsplit(".", 1)[-1].startswith(_PERCENT)


def metrics_table(rows: Mapping[str, Mapping[str, Any]], first: str = "") -> str:
    """One row per name, one column per metric, and beside each r the number n of labeled samples behind it."""
    names = list(next(iter(rows.values()), {}))
    columns = [name for name in names if not _is_count(name)]
    for name in (each for each in names if each.rsplit(".", 1)[-1] == "count"):
        correlation = name.removesuffix("count") + "r"
        columns.insert(columns.index(correlation) + 1 if correlation in columns else 0, name)
    heads = [name.removesuffix("count") + "n" if _is_count(name) else name for name in columns]
    body = [[name, *(format_metric(c, row.get(c)) for c in columns)] for name, row in rows.items()]
    return markdown([first, *heads], body)


def _is_count(name: str) -> bool:
    return name.rsplit(".", 1)[-1].startswith("count")
