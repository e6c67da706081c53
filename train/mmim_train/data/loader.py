"""From a data set's name and a path to a `DataSet`: finds out which layout lies there and calls its reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmim_live.errors import DataError, PluginError
from mmim_train.data.checksums import describe_checksum, sha256_of
from mmim_train.data.dataset import DataSet, SplitName
from mmim_train.data.formats import meld, misa, mmsa, mult, utterance
from mmim_train.data.formats.emer import read_emer
from mmim_train.data.formats.text import read_texts
from mmim_train.data.registry import DatasetReader, DatasetSpec, dataset_spec, plugin_reader
from mmim_train.data.safe_unpickle import read_pickle
from mmim_train.data.store.reader import HEADER, read_store

_PICKLES = (".pkl", ".pickle")


def open_dataset(name: str, path: Path) -> DataSet:
    """Read a data set from a file or folder in any layout of this package; DataError says what and where.

    Files: MMSA, MulT or MISA pickles, tables of words. Folders: a feature store, MELD's tables, MISA's split files,
    utterance vectors, or just one file of those above. A data set of another package is read by that package, except
    from a feature store.
    """
    spec = dataset_spec(name)
    path = Path(path)
    reader = plugin_reader(name)
    if reader is not None and not (path / HEADER).is_file():
        return _read_by(reader, path)
    if path.is_file():
        return _open_file(spec, path)
    if path.is_dir():
        return _open_folder(spec, path)
    raise DataError(f"{path}: no such file or folder")


def _read_by(reader: DatasetReader, path: Path) -> DataSet:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    dataset = reader.read(path)
    if not isinstance(dataset, DataSet):
        raise PluginError(f"the data set reader {reader.spec.name!r} returned {type(dataset).__name__}, not a DataSet")
    return dataset


def _open_folder(spec: DatasetSpec, folder: Path) -> DataSet:
    if (folder / HEADER).is_file():
        return read_emer(folder) if spec.name == "emer" else read_store(folder, spec.name)
    if spec.name == "emer":
        raise DataError(f"{folder}: lacks {HEADER}; EMER is read from a feature store, its own files are not public")
    if spec.name == "meld" and (folder / meld.FILES["train"]).is_file():
        return meld.read_meld(spec, folder)
    if utterance.utterance_files(folder):
        return utterance.read_utterances(spec, folder)
    if (folder / "train.pkl").is_file():
        return _open_parts(spec, folder)
    if (folder / "label.csv").is_file() and (folder / "Raw").is_dir():
        raise DataError(f"{folder}: holds raw clips; make features of them with `mmim-live extract` first")
    files = sorted(file for file in folder.iterdir() if file.suffix in _PICKLES)
    if len(files) != 1:
        found = ", ".join(file.name for file in files[:5]) or "no pickle, no store.json, no known table"
        raise DataError(f"{folder}: cannot tell what to read ({found}): give the path of one file")
    return _open_file(spec, files[0])


def _open_file(spec: DatasetSpec, path: Path) -> DataSet:
    if path.suffix == ".csv":
        return read_texts(spec, path)
    if path.name == HEADER:
        return _open_folder(spec, path.parent)
    if path.suffix == ".npz":
        return utterance.read_utterances(spec, path.parent)
    if path.suffix not in _PICKLES:
        raise DataError(f"{path}: is neither a pickle (.pkl), a table (.csv) nor a feature store")
    sha256 = sha256_of(path)
    notes = (describe_checksum(sha256, spec.name.removesuffix("-english"), path),)
    content = read_pickle(path)
    if mmsa.is_mmsa(content):
        return mmsa.read_mmsa(spec, content, path, notes, sha256)
    if mult.is_mult(content):
        return mult.read_mult(spec, content, path, notes, sha256)
    if misa.is_misa(content):
        return misa.read_misa(spec, _lists(content, path), path, notes, sha256)
    raise DataError(f"{path}: {_describe(content)}; expected the layout of MMSA, MulT or MISA")


def _open_parts(spec: DatasetSpec, folder: Path) -> DataSet:
    """MISA's one file per split."""
    parts: dict[SplitName, Sequence[Any]] = {}
    for stem, name in misa.NAMES.items():
        path = folder / f"{stem}.pkl"
        if path.is_file():
            content = read_pickle(path)
            if not isinstance(content, list):
                raise DataError(f"{path}: {_describe(content)}; expected a list of samples")
            parts[name] = content
    return misa.read_misa(spec, parts, folder)


def _lists(content: Any, path: Path) -> Mapping[SplitName, Sequence[Any]]:
    return misa.split_parts(content, path) if isinstance(content, dict) else {"train": content}


def _describe(content: object) -> str:
    if isinstance(content, dict):
        return f"holds a dict with the keys {', '.join(map(str, list(content)[:8])) or 'none'}"
    return f"holds a {type(content).__name__}"
