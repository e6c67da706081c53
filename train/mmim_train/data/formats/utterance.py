"""One vector per modality and utterance: `mosi_utterance_train.npz` and `mosi_utterance_valid.npz` (or `_test`).

Arrays `id` (N,), `sentence` (N,), `label` (N,), `audio` (N, 73: openSMILE), `video` (N, 100: 3D-CNN). Each vector is
read as a sequence of one row, so that an LSTM over it is a gated layer. `text`, if there, is not used: it comes from a
network that saw the train labels; the sentence is encoded anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data import parsing
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Rows, Split, SplitName
from mmim_train.data.registry import DatasetSpec


def utterance_files(folder: Path) -> dict[SplitName, Path]:
    """The files *_train.npz, *_valid.npz, *_test.npz of a folder, if each exists at most once."""
    found: dict[SplitName, Path] = {}
    for name in SPLITS:
        files = sorted(folder.glob(f"*utterance_{name}.npz"))
        if len(files) > 1:
            raise DataError(f"{folder}: several files for {name}: {', '.join(f.name for f in files)}")
        if files:
            found[name] = files[0]
    return found


def read_utterances(spec: DatasetSpec, folder: Path) -> DataSet:
    """Read the files of a folder."""
    files = utterance_files(folder)
    if "train" not in files:
        raise DataError(f"{folder}: lacks *utterance_train.npz")
    splits = {name: _read_split(path) for name, path in files.items()}
    return build_dataset(spec, splits, "utterance", folder, ("one row per utterance and modality",))


def _read_split(path: Path) -> Split:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            part = {key: archive[key] for key in archive.files if key != "text"}
    except parsing.DAMAGED as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())}): get the file again") from error
    ids = parsing.strings(part, "id", str(path))
    n = len(ids)
    return Split(
        ids=ids,
        texts=parsing.strings(part, "sentence", str(path), n),
        voice=_single(parsing.numbers(part, "audio", str(path), (n, None))),
        face=_single(parsing.numbers(part, "video", str(path), (n, None))),
        scores={"M": parsing.labels(part, "label", str(path), n)},
        classes={},
    )


def _single(vectors: NDArray[np.float32]) -> Rows:
    n = len(vectors)
    return Rows(vectors, np.arange(n, dtype=np.int64), np.ones(n, np.int64))
