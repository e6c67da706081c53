"""Metrics of a live session in a JSON file, to compare a later session with."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from mmim_live.benchmark.metrics import LiveMetrics
from mmim_live.errors import DataError, OutputError
from mmim_live.untrusted import read_json_object


def save_metrics(path: Path, metrics: LiveMetrics) -> None:
    """Write the metrics; what could not be measured is null. Raises OutputError."""
    values = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(metrics).items()
    }
    try:
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def read_numbers(path: Path) -> dict[str, float]:
    """The metrics in such a file that are numbers.

    Raises:
        DataError: it is not such a file.
    """
    try:
        values = read_json_object(path, max_bytes=1_000_000)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} does not hold the metrics of a benchmark: {error}") from error
    numbers = {
        name: float(values[name])
        for name in LiveMetrics.__dataclass_fields__
        if isinstance(values.get(name), (int, float)) and not isinstance(values[name], bool)
    }
    if not numbers:
        raise DataError(f"{path} does not hold the metrics of a benchmark: save some with `bench live --save FILE`")
    return numbers
