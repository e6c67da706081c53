"""The project's feature store: a memory-mapped folder, so that any size opens at once.

`store.json` describes the dataset (see `StoreHeader`); `samples.jsonl` has a line with id, split and text for each
sample (and text_from, the origin of the text, if some was recognized). Then plain .npy files, read without pickle:
`voice.npy` and `face.npy` [rows, width] float32, all sequences concatenated; `voice_offsets.npy` and
`face_offsets.npy` [N + 1] int64; `scores.npy` [N, scores] float32, NaN if not labeled; `classes.npy`
[N, class sets] int64, -1 if not labeled. Rows are finite.

`store.writer` writes such folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmim_live.errors import DataError
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_live.types import FeatureContract
from mmim_live.untrusted import parse_json
from mmim_train.data import parsing
from mmim_train.data.checks import build_dataset
from mmim_train.data.dataset import SPLITS, DataSet, Rows, Scoring, Split, SplitName
from mmim_train.data.registry import DatasetSpec

HEADER = "store.json"
SAMPLES = "samples.jsonl"


class StoreHeader(BaseModel):
    """store.json. Widths are numbers of columns, 0 for a modality that the dataset lacks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    language: str
    scale: tuple[float, float]
    scoring: Scoring
    voice_width: int = Field(ge=0)
    face_width: int = Field(ge=0)
    scores: tuple[str, ...] = ("M",)
    classes: dict[str, tuple[str, ...]] = {}
    contract: ContractConfig | None = None
    contract_hash: str | None = None
    provenance: dict[str, Any] = {}
    counts: dict[SplitName, int] = {}


def read_store(folder: Path, name: str | None = None) -> DataSet:
    """Open a store; DataError if its dataset is not `name`, or if its files contradict each other."""
    header = _read_header(folder)
    if name is not None and header.name != name:
        raise DataError(f"{folder}: is a store of {header.name!r}, not {name!r}")
    samples = _read_samples(folder / SAMPLES)
    n = len(samples)
    rows = {m: _read_rows(folder, m, n, w) for m, w in (("voice", header.voice_width), ("face", header.face_width))}
    scores = _load(folder, "scores", np.float32, (n, len(header.scores)))
    classes = _load(folder, "classes", np.int64, (n, len(header.classes)))
    splits: dict[SplitName, Split] = {}
    for split in SPLITS:
        at = np.array([i for i, sample in enumerate(samples) if sample["split"] == split], np.int64)
        if len(at) != header.counts.get(split, 0):
            raise DataError(f"{folder}: {len(at)} samples in {split}, store.json says {header.counts.get(split, 0)}")
        splits[split] = Split(
            ids=tuple(samples[i]["id"] for i in at),
            texts=tuple(samples[i]["text"] for i in at),
            voice=_subset(rows["voice"], at),
            face=_subset(rows["face"], at),
            scores={key: np.array(scores[at, column]) for column, key in enumerate(header.scores)},
            classes={key: np.array(classes[at, column]) for column, key in enumerate(header.classes)},
        )
    spec = DatasetSpec(
        name=header.name,
        title=header.name,
        language=header.language,
        scale=header.scale,
        scoring=header.scoring,
        class_names=header.classes,
    )
    notes = tuple(f"{key}: {value}" for key, value in header.provenance.items() if value)
    return build_dataset(spec, splits, "store", folder, notes, contract=_contract(header, folder), finite=True)


def _read_header(folder: Path) -> StoreHeader:
    path = folder / HEADER
    try:
        return StoreHeader.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path}: {where}: {first['msg']}") from error


def _contract(header: StoreHeader, folder: Path) -> FeatureContract | None:
    contract = None if header.contract is None else header.contract.contract
    if (None if contract is None else contract.hash) != header.contract_hash:
        raise DataError(f"{folder / HEADER}: contract_hash does not belong to the contract beside it: extract again")
    for modality in ("voice", "face"):
        width = getattr(header, f"{modality}_width")
        if contract is not None and width not in (0, len(getattr(contract, modality).names)):
            raise DataError(f"{folder / HEADER}: {modality}_width is {width}, the contract names other columns")
    return contract


def _read_samples(path: Path) -> list[Mapping[str, str]]:
    samples: list[Mapping[str, str]] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                sample = parse_json(line)
                if not isinstance(sample, dict) or not all(
                    isinstance(sample.get(k), str) for k in ("id", "split", "text")
                ):
                    raise DataError(f"{path}: line {number}: expected id, split and text")
                if sample["split"] not in SPLITS:
                    raise DataError(f"{path}: line {number}: unknown split {sample['split']!r}")
                samples.append(sample)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: line {len(samples) + 1}: is not JSON ({error})") from error
    return samples


def _read_rows(folder: Path, modality: str, count: int, width: int) -> Rows:
    values = _load(folder, modality, np.float32, (None, width), mapped=True)
    offsets = _load(folder, f"{modality}_offsets", np.int64, (count + 1,))
    if offsets[0] != 0 or offsets[-1] != len(values) or (np.diff(offsets) < 0).any():
        raise DataError(f"{folder}: {modality}_offsets.npy does not cut {len(values)} rows into {count} sequences")
    return Rows(values, offsets[:-1], np.diff(offsets))


def _subset(rows: Rows, at: NDArray[np.int64]) -> Rows:
    return Rows(rows.values, rows.starts[at], rows.lengths[at])


def _load(
    folder: Path, name: str, dtype: type[np.generic], shape: tuple[int | None, ...], mapped: bool = False
) -> NDArray[Any]:
    path = folder / f"{name}.npy"
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except parsing.DAMAGED as error:
        raise DataError(f"{path}: is not a whole .npy file ({' '.join(str(error).split())})") from error
    fits = len(array.shape) == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype != dtype or not fits:
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise DataError(f"{path}: holds {array.dtype} {array.shape}, expected {np.dtype(dtype)} ({expected})")
    return array
