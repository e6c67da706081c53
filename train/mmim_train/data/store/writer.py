"""Writes a feature store (see `store.reader`), sample by sample or from a whole dataset.

A store is written under a temporary name and renamed when complete, so that no reader sees a partial one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_live.model.checkpoint_config import ContractConfig
from mmim_train.data.dataset import SPLITS, DataSet, Sample, SplitName
from mmim_train.data.store.growing_array import GrowingArray
from mmim_train.data.store.reader import HEADER, SAMPLES, StoreHeader


class StoreWriter:
    """Writes a store sample by sample. Leaving the `with` block completes it; an exception leaves nothing behind."""

    def __init__(self, folder: Path, header: StoreHeader) -> None:
        if folder.exists():
            raise DataError(f"{folder}: exists already; remove it or choose another place")
        self._folder, self._header = folder, header
        self._partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self._counts: dict[SplitName, int] = dict.fromkeys(SPLITS, 0)
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise DataError(f"{self._partial}: cannot be made: {error.strerror}") from error
        self._voice = GrowingArray(self._partial / "voice.npy", np.float32, (header.voice_width,))
        self._face = GrowingArray(self._partial / "face.npy", np.float32, (header.face_width,))
        self._scores = GrowingArray(self._partial / "scores.npy", np.float32, (len(header.scores),))
        self._classes = GrowingArray(self._partial / "classes.npy", np.int64, (len(header.classes),))
        self._samples = (self._partial / SAMPLES).open("x", encoding="utf-8")
        self._offsets: dict[str, list[int]] = {"voice": [0], "face": [0]}

    def add(self, split: SplitName, sample: Sample, text_from: str | None = None) -> None:
        """Append one sample; DataError if its rows have a different width or are not finite.

        `text_from` is the origin of the text, table or recognizer, if not the same for all samples.
        """
        header = self._header
        voice = _rows(sample.voice, header.voice_width, f"{sample.id}: voice")
        face = _rows(sample.face, header.face_width, f"{sample.id}: face")
        for name, array, rows in (("voice", self._voice, voice), ("face", self._face, face)):
            array.append(rows)
            self._offsets[name].append(self._offsets[name][-1] + len(rows))
        self._scores.append([[sample.scores.get(name, np.nan) for name in self._header.scores]])
        self._classes.append([[sample.classes.get(name, -1) for name in self._header.classes]])
        line = {"id": sample.id, "split": split, "text": sample.text}
        if text_from is not None:
            line["text_from"] = text_from
        self._samples.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._counts[split] += 1

    def note(self, provenance: Mapping[str, Any]) -> None:
        """Add to the provenance what is known only at the end."""
        self._header = self._header.model_copy(update={"provenance": {**self._header.provenance, **provenance}})

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._samples.close()
            for array in (self._voice, self._face, self._scores, self._classes):
                array.close()
            if kind is None:
                self._complete()
        except OSError as failure:
            raise DataError(f"{self._folder}: cannot be written: {failure.strerror}") from failure
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)  # already renamed on success
        if isinstance(error, OSError):
            raise DataError(f"{self._folder}: cannot be written: {error.strerror}") from error

    def _complete(self) -> None:
        for name, offsets in self._offsets.items():
            np.save(self._partial / f"{name}_offsets.npy", np.array(offsets, np.int64), allow_pickle=False)
        header = self._header.model_copy(update={"counts": self._counts})
        (self._partial / HEADER).write_text(header.model_dump_json(indent=1), encoding="utf-8")
        self._partial.rename(self._folder)


def _rows(values: NDArray[np.float32], width: int, where: str) -> NDArray[np.float32]:
    if values.ndim != 2 or (len(values) and values.shape[1] != width) or not np.isfinite(values).all():
        raise DataError(f"{where} rows of shape {values.shape}, expected finite (any, {width})")
    return values if len(values) else np.zeros((0, width), np.float32)


def store_header(dataset: DataSet) -> StoreHeader:
    """The header of a dataset's store."""
    contract = dataset.contract
    scores = {name for split in dataset.splits.values() for name in split.scores}
    source = dataset.provenance
    return StoreHeader(
        name=dataset.name,
        language=dataset.language,
        scale=dataset.scale,
        scoring=dataset.scoring,
        voice_width=dataset.voice_width,
        face_width=dataset.face_width,
        scores=tuple(sorted(scores)),
        classes=dict(dataset.class_names),
        contract=None if contract is None else ContractConfig.of(contract),
        contract_hash=None if contract is None else contract.hash,
        provenance={"layout": source.layout, "file": source.path.name, "sha256": source.sha256, "notes": source.notes},
    )


def write_store(dataset: DataSet, folder: Path) -> None:
    """Store a dataset, read from any layout."""
    with StoreWriter(folder, store_header(dataset)) as writer:
        for name, split in dataset.splits.items():
            for index in range(len(split)):
                writer.add(name, split[index])
