"""Plots of a finished run, as PNG files.

Needs the optional packages of `mmim-live[train]`. matplotlib is imported lazily, with the Agg back end, which needs no
display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import ConfigError, OutputError
from mmim_train.reporting.progress import label
from mmim_train.training.trainer import EpochRecord

_BINS = 10


def draw_plots(
    folder: Path,
    histories: Mapping[int, Sequence[EpochRecord]],
    truth: NDArray[np.float32],
    prediction: NDArray[np.float32],
    coalitions: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    """Write the plots into `folder` and return their names. `truth` and `prediction`, [N], are empty for classes."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, (figure, drawn) in _figures(histories, truth, prediction, coalitions).items():
        for ax in np.ravel(drawn):
            ax.spines[["top", "right"]].set_visible(False)
        try:
            figure.savefig(folder / name, dpi=120, bbox_inches="tight")
        except OSError as error:
            raise OutputError(f"{folder / name}: cannot be written ({error.strerror or error})") from error
        names.append(name)
    return names


def _figures(
    histories: Mapping[int, Sequence[EpochRecord]],
    truth: NDArray[np.float32],
    prediction: NDArray[np.float32],
    coalitions: Mapping[str, Mapping[str, Any]],
) -> dict[str, tuple[Any, Any]]:
    figures = {"curves.png": _curves(histories), "modalities.png": _modalities(coalitions)}
    if len(truth):
        figures["predicted.png"] = _predicted(truth, prediction)
        figures["calibration.png"] = _calibration(truth, prediction)
    return figures


def axes(columns: int = 1) -> tuple[Any, Any]:
    """A figure and its axes, without a display. Raises ConfigError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("plots need matplotlib: pip install 'mmim-live[train]'") from error
    figure = Figure(figsize=(5 * columns, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _curves(histories: Mapping[int, Sequence[EpochRecord]]) -> tuple[Any, Any]:
    figure, both = axes(2)
    for number, (seed, records) in enumerate(histories.items()):
        epochs, color = [record.epoch + 1 for record in records], f"C{number % 10}"
        both[0].plot(epochs, [r.parts.get("task", np.nan) for r in records], color=color, linestyle=":")
        both[0].plot(epochs, [r.valid_loss for r in records], color=color, label=f"seed {seed}")
    records = next(iter(histories.values()))
    for part in [name for name in (records[0].parts if records else {}) if name not in ("task", "q")]:
        both[1].plot([r.epoch + 1 for r in records], [r.parts.get(part, np.nan) for r in records], label=label(part))
    both[0].set(xlabel="epoch", ylabel="loss", title="task loss: training (dotted), validation")
    both[1].set(xlabel="epoch", ylabel="nats", title=f"MI estimates during training, seed {next(iter(histories))}")
    for ax in both:
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize="small")
    return figure, both


def _predicted(truth: NDArray[np.float32], prediction: NDArray[np.float32]) -> tuple[Any, Any]:
    figure, ax = axes()
    ends = float(min(truth.min(), prediction.min())), float(max(truth.max(), prediction.max()))
    ax.plot(ends, ends, color="grey", linewidth=1)
    ax.scatter(truth, prediction, s=8, alpha=0.5)
    ax.set(xlabel="true", ylabel="predicted", title="predicted vs. true")
    return figure, ax


def _calibration(truth: NDArray[np.float32], prediction: NDArray[np.float32]) -> tuple[Any, Any]:
    """Mean truth in equal-sized bins of prediction; a calibrated model lies on the diagonal."""
    figure, ax = axes()
    bins = [part for part in np.array_split(np.argsort(prediction, kind="stable"), _BINS) if len(part)]
    x = [float(prediction[part].mean()) for part in bins]
    y = [float(truth[part].mean()) for part in bins]
    error = [float(truth[part].std() / np.sqrt(len(part))) for part in bins]
    ends = min(x + y), max(x + y)
    ax.plot(ends, ends, color="grey", linewidth=1)
    ax.errorbar(x, y, yerr=error, marker="o", capsize=2)
    ax.set(xlabel="mean predicted", ylabel="mean true, ± standard error", title="calibration")
    return figure, ax


def _modalities(coalitions: Mapping[str, Mapping[str, Any]]) -> tuple[Any, Any]:
    figure, ax = axes()
    key = "mae" if all("mae" in row for row in coalitions.values()) else "f1"
    if not all(key in row for row in coalitions.values()):
        key = next(iter(next(iter(coalitions.values()))))  # several outputs: the first metric of the first one
    ax.barh(list(coalitions), [np.nan if row[key] is None else row[key] for row in coalitions.values()])
    ax.set(xlabel=key, title="validation, by input modalities")
    return figure, ax
