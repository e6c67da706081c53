"""report.md of a finished run: the setup, our results next to the published ones, and detailed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmim_train.reporting.markdown_tables import HEADLINE, format_metric, is_percent, markdown, metrics_table
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
        parts += ["\n## Ablation of the mutual-information terms, on the valid split\n", _arms(metrics)]
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


def _arms(metrics: Mapping[str, Any]) -> str:
    rows = {name: {k: v["mean"] for k, v in summary.items()} for name, summary in metrics["arms"].items()}
    lines = [metrics_table(rows, "terms"), ""]
    for arm, differences in metrics.get("vs_none", {}).items():
        lines.append(f"- {arm} vs. none: {_differences(differences, len(metrics['runs']))}")
    return "\n".join(lines)


def outcome(metrics: Mapping[str, Any]) -> list[str]:
    """The result in a line, and with an ablation what the mutual-information terms added in another."""
    summary, runs = metrics["summary"]["valid"], len(metrics["runs"])
    shown = [name for name in HEADLINE if summary.get(name, {}).get("mean") is not None]
    values = [f"{HEADLINE[name]} {format_metric(name, summary[name]['mean'], summary[name]['sd'])}" for name in shown]
    seeds = f"mean of {runs} seeds" if runs > 1 else f"seed {metrics['runs'][0]['seed']}"
    lines = [f"validation: {', '.join(values)} ({seeds}, each at its best epoch)"] if values else []
    added = metrics.get("vs_none", {}).get(metrics["objective"])
    if added is not None:
        lines.append(f"what the mutual-information terms changed: {_differences(added, runs)}")
    return lines


def _differences(differences: Mapping[str, Mapping[str, Any]], runs: int) -> str:
    parts: list[str] = []
    for name in (name for name in HEADLINE if name in differences):
        difference, p = differences[name]["difference"], differences[name]["p"]
        value = f"{100 * difference:+.2f}" if is_percent(name) else f"{difference:+.4f}"
        parts.append(f"{HEADLINE[name]} {value}" + (f" (p {p:.2g})" if p is not None else ""))
    seeds = f"paired over {runs} seeds" if runs > 1 else "a single seed: --seeds 1,2,3,4,5 would show the spread"
    return f"{', '.join(parts)}; {seeds}"
