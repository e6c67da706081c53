"""EMER, the eye-behavior-aided emotion dataset of Liu et al. (arXiv 2411.05879), available from its authors on request.

Its files are not public and we do not know their layout, so EMER is read from a feature store (see `store`) that its
user writes: face rows with the columns of face and eyes side by side, no voice rows, empty texts, and any of
- class sets `emotion3`, `emotion7` (felt) and `expression3`, `expression7` (shown), named in store.json,
- scores `valence` and `arousal`, -1 to 1.
"""

from __future__ import annotations

from pathlib import Path

from mmim_live.errors import DataError
from mmim_train.data.dataset import DataSet
from mmim_train.data.store.reader import read_store

CLASS_SETS = {"emotion3": 3, "emotion7": 7, "expression3": 3, "expression7": 7}
SCORES = ("valence", "arousal")


def read_emer(folder: Path) -> DataSet:
    """Open a store of EMER; DataError if its labels are not those above."""
    dataset = read_store(folder, "emer")
    for name, classes in dataset.class_names.items():
        if CLASS_SETS.get(name) != len(classes):
            known = ", ".join(CLASS_SETS)
            raise DataError(f"{folder}: class set {name} of {len(classes)} classes; EMER has {known}, of 3 and 7")
    scores = {name for split in dataset.splits.values() for name in split.scores}
    if not scores <= set(SCORES):
        raise DataError(f"{folder}: scores {', '.join(sorted(scores))}; EMER has {' and '.join(SCORES)}")
    if not scores and not dataset.class_names:
        raise DataError(f"{folder}: has no labels")
    return dataset
