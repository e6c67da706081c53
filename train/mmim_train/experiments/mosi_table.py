"""The tables of `mosi_folds`, from its log: what each half selected, and the reported results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmim_train.evaluation.metrics import as_json, regression_metrics
from mmim_train.evaluation.significance import sign_flip_p, summarize
from mmim_train.reporting.markdown_tables import format_metric, markdown

_COLUMNS = ("mae", "r", "acc2_non0", "f1_non0")
_Entries = Sequence[Mapping[str, Any]]


def table(
    arms: Mapping[str, Sequence[Mapping[str, Any]]],
    choosing: _Entries,
    chosen: _Entries,
    truth: _Entries,
    reported: _Entries,
) -> str:
    """Everything in the log so far, as Markdown."""
    parts = [_choosing_table(arms, choosing)] if choosing else []
    if chosen:
        lines = [
            f"{arm}, {half}: {json.dumps(s)}" for arm, by in chosen[0]["settings"].items() for half, s in by.items()
        ]
        parts.append("Selected by arm and half:\n\n" + "\n".join(lines))
    if truth and reported:
        parts.append(_reported_tables(truth[0], reported))
    return "\n\n".join(parts)


def _choosing_table(arms: Mapping[str, Sequence[Mapping[str, Any]]], choosing: _Entries) -> str:
    rows = []
    for arm, settings in arms.items():
        for number, setting in enumerate(settings):
            maes = [e["mae"] for e in choosing if e["arm"] == arm and e["setting"] == number]
            if maes:
                means = [f"{np.mean([mae[half] for mae in maes]):.4f}" for half in ("A", "B")]
                shown = {key: value for key, value in setting.items() if key != "objective"}
                rows.append([arm, *means, str(len(maes)), json.dumps(shown)])
    return markdown(["", "MAE on A", "MAE on B", "seeds", "setting"], rows)


def _reported_tables(truth: Mapping[str, Any], reported: _Entries) -> str:
    labels, in_b = np.array(truth["truth"], np.float32), np.array(truth["B"])
    runs: dict[str, dict[int, Any]] = {}
    for entry in reported:
        runs.setdefault(entry["arm"], {})[entry["seed"]] = np.array(entry["prediction"], np.float32)
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in runs.values())))
    parts = []
    for title, kept in (("both halves", np.ones_like(in_b)), ("A (selected on B)", ~in_b), ("B (selected on A)", in_b)):
        metrics = {
            arm: [as_json(regression_metrics("mosi", labels[kept], by_seed[seed][kept])) for seed in seeds]
            for arm, by_seed in runs.items()
        }
        parts.append(f"On {title}, {len(seeds)} seeds:\n\n{_table(metrics)}")
    return "\n\n".join(parts)


def _table(metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    rows = []
    for arm, ours in metrics.items():
        summary = summarize(ours)
        differences = [
            "" if other == arm else _difference([f["mae"] for f in ours], [f["mae"] for f in theirs])
            for other, theirs in metrics.items()
        ]
        rows.append([arm, *(format_metric(c, summary[c]["mean"], summary[c]["sd"]) for c in _COLUMNS), *differences])
    return markdown(["", "MAE", "r", "Acc-2", "F1", *(f"MAE vs. {other}" for other in metrics)], rows)


def _difference(ours: Sequence[float], theirs: Sequence[float]) -> str:
    return f"{np.mean(ours) - np.mean(theirs):+.4f}, p {sign_flip_p(ours, theirs):.2g}"
