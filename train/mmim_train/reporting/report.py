"""report.md of a finished run: the setup, our results next to the published ones, and detailed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmim_train.reporting.markdown_tables import format_metric, markdown, metrics_table
from mmim_train.reporting.published import COLUMNS, KEYS, PUBLISHED


def report(metrics: Mapping[str, Any], plots: Sequence[str]) -> str:
    """The Markdown text, from the content of metrics.json and the file names of the plots."""
    scored = "test" if "test" in metrics["summary"] else "valid"
    parts = [
        f"# MMIM on {metrics['title']}\n",
        _facts(metrics),
        f"\n## Results on the {scored} split\n",
        _comparison(metrics, scored),
        "\n## Results by seed\n",
        metrics_table({f"seed {run['seed']}": run[scored] for run in metrics["runs"]}),
        "\n## Validation results by input modalities\n",
        metrics_table(metrics["coalitions"], "modalities"),
    ]
    if len(metrics.get("arms", {})) > 1:
        parts += ["\n## Ablation of the mutual-information terms, on the valid split\n", _arms(metrics["arms"])]
    if plots:
        parts += ["\n## Plots\n", "\n".join(f"![{name.removesuffix('.png')}](plots/{name})" for name in plots)]
    return "\n".join(parts) + "\n"


def _facts(metrics: Mapping[str, Any]) -> str:
    seeds = ", ".join(str(run["seed"]) for run in metrics["runs"])
    facts = {
        "objective": metrics["objective"],
        "text encoder": metrics["text_encoder"] or "none",
        "seeds": seeds,
        "best epochs": ", ".join(str(run["best_epoch"] + 1) for run in metrics["runs"]),
        "data": metrics["data"]["layout"],
        "examples": ", ".join(f"{name} {count}" for name, count in metrics["data"]["counts"].items()),
        "device": metrics["device"],
        "CPU seconds": ", ".join(f"{run['cpu_s']:.0f}" for run in metrics["runs"]),
    }
    notes = "".join(f"\n- {note}" for note in metrics["data"]["notes"])
    protocol = "\nEach seed's epoch was selected on the valid split; the test split was scored once, after training.\n"
    return markdown(["setting", "value"], [[k, str(v)] for k, v in facts.items()]) + "\n" + protocol + notes


def _comparison(metrics: Mapping[str, Any], scored: str) -> str:
    summary, runs = metrics["summary"][scored], len(metrics["runs"])
    ours = f"ours, {runs} seed{'s' if runs > 1 else ''}"
    scoring = metrics["scoring"]
    if scoring not in COLUMNS or not {key for keys in KEYS[scoring] for key in keys} <= summary.keys():
        return metrics_table({ours: {k: v["mean"] for k, v in summary.items()}})
    cells = [_cell(summary, keys) for keys in KEYS[scoring]]
    published = [[name, *row] for name, row in PUBLISHED.get(metrics["dataset"], {}).items()]
    table = markdown(["", *COLUMNS[scoring]], [*published, [ours, *cells]])
    if scored == "valid" and published:
        table += "\n\nThe published results are on the test split, which these data lack, so they are not comparable."
    return table


def _cell(summary: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> str:
    return " / ".join(format_metric(key, summary[key]["mean"], summary[key]["sd"]) for key in keys)


def _arms(arms: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    return metrics_table({name: {k: v["mean"] for k, v in summary.items()} for name, summary in arms.items()}, "terms")
