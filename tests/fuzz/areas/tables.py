"""Tables of labels: clips, words of the multimodal sets, and MELD's folder."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from mmim_train.data.formats.clips import missing_clips, read_clips
from mmim_train.data.loader import open_dataset
from tests.fuzz.area import Area, Files, read_files
from tests.train.data.test_tables import ROW, meld_folder
from tests.train.layouts import write_csv

_CELLS = ("²", "9" * 5_000, "1e999", "nan", "-inf", "", "..", "a/b", "\0", "x\ny", '"', "train", "٣", "a" * 140_000)
# The file's name says which data set it is read as.
_NAMES = ("label.csv", "mosi.csv", "sims.csv", "meld.csv", "sst.csv", "vader.csv", "emobank.csv")


_Rows = list[dict[str, Any]]


def seeds() -> list[Files]:
    modes = ("train", "train", "valid", "test")
    labels: _Rows = [ROW | {"mode": mode, "clip_id": str(i)} for i, mode in enumerate(modes)]
    graded: _Rows = [row | {"label": "0.5"} for row in labels]
    numbered: _Rows = [row | {"annotation": str(i)} for i, row in enumerate(graded)]
    texts: _Rows = [{"sentence": f"so good {i}", "positivity": 0.7, "split": mode} for i, mode in enumerate(modes)]
    rated: _Rows = [{"source": "s", "id": i, "mean_rating": 1.5, "text": "so good"} for i in range(60)]
    felt: _Rows = [{"id": i, "split": mode, "V": 2.5, "A": 3.5, "text": "good"} for i, mode in enumerate(modes)]
    tables = dict(zip(_NAMES, (labels, labels, graded, numbered, texts, rated, felt), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        files = [
            {name: write_csv(Path(folder) / name, rows).read_bytes()} for name, rows in tables.items()
        ]  # fmt: skip
        return [*files, read_files(meld_folder(Path(folder) / "meld"))]


def change_cell(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\r\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    cells[rng.randrange(len(cells))] = b'"' + rng.choice(_CELLS).replace('"', '""').encode() + b'"'
    lines[at] = b",".join(cells)
    return b"\r\n".join(lines)


def read(folder: Path) -> None:
    if not any((folder / name).exists() for name in _NAMES):
        dataset = open_dataset("meld", folder)
    elif (folder / "label.csv").exists():
        clips = read_clips(folder)
        assert all(folder in clip.path.resolve().parents for clip in clips), "a clip outside the folder"
        missing_clips(clips)
        return
    else:
        name = next(name for name in _NAMES if (folder / name).exists())
        dataset = open_dataset({"sims": "sims-english"}.get(Path(name).stem, Path(name).stem), folder / name)
    for split in dataset.splits.values():
        for index in range(len(split)):
            split[index]


AREA = Area("tables", seeds, read, {".csv": (change_cell,)})
