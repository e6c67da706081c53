"""A data set reader: one JSON object per line with id, text, score (-3 to 3) and split; no audio or video."""

import json
from pathlib import Path

import numpy as np

from mmim_live.errors import DataError
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Split, no_rows
from mmim_train.data.registry import DatasetReader, DatasetSpec

SPEC = DatasetSpec(name="ratings", title="Rated sentences", language="en", scale=(-3, 3), scoring="mosi")


def read(path: Path) -> DataSet:
    """Read the file. `build_dataset` checks lengths, labels and ids."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            rows.append((str(row["id"]), str(row["text"]), float(row["score"]), row["split"]))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: line {number}: expected id, text, score and split ({error})") from error
    splits = {}
    for name in SPLITS:
        own = [row for row in rows if row[3] == name]
        splits[name] = Split(
            ids=tuple(row[0] for row in own),
            texts=tuple(row[1] for row in own),
            voice=no_rows(len(own)),
            face=no_rows(len(own)),
            scores={"M": np.array([row[2] for row in own], np.float32)},
            classes={},
        )
    return build_dataset(SPEC, splits, "ratings", path)


RATINGS = DatasetReader(SPEC, read)
