"""Metrics saved by one benchmark and read by another."""

from dataclasses import fields
from pathlib import Path

import pytest

from mmim_live.benchmark.metrics import LiveMetrics
from mmim_live.benchmark.saved_metrics import read_numbers, save_metrics
from mmim_live.errors import DataError, OutputError


def metrics() -> LiveMetrics:
    values = {field.name: "text" if field.type == "str" else 1.5 for field in fields(LiveMetrics)}
    return LiveMetrics(**values | {"words": 7, "first_reading_s": float("nan"), "memory_growth_mb": None})  # type: ignore[arg-type]  # built by the types of its fields


def test_numbers_survive_and_unknown_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save_metrics(path, metrics())
    numbers = read_numbers(path)
    assert numbers["words"] == 7
    assert numbers["word_to_reading_p95_s"] == 1.5
    assert not {"first_reading_s", "memory_growth_mb", "file", "notices"} & set(numbers)


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"words": NaN}', '{"words": "many"}', '{"words": true}', "{}"])
def test_another_file_is_one_line_that_names_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"run\.json") as caught:
        read_numbers(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_numbers(tmp_path / "none.json")
    with pytest.raises(OutputError, match="No such file"):
        save_metrics(tmp_path / "none" / "run.json", metrics())
