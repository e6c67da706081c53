"""Results of the build's stages, kept on disk under keys that name everything they depend on.

A key is a hash of a stage's settings and inputs: digests of the files it reads, the feature contract, the keys of the
stages before it. So a result is reused only for the very inputs that made it, an interrupted build resumes at the stage
it had reached, and results of other settings can lie beside each other in one folder. A result is a folder that is
written under a temporary name and then renamed: it is complete or absent. No format runs code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmim_live.errors import DataError, MmimLiveError, OutputError

T = TypeVar("T")

REVISION = 1  # raise when the code of a stage makes something else from the same inputs
_KEY_FILE = "key.json"  # what the digest was taken of, for people


@dataclass(frozen=True, slots=True)
class Format(Generic[T]):
    """How a result is written into an empty folder, and read from there."""

    save: Callable[[T, Path], None]
    load: Callable[[Path], T]


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """Names a result. Can be sent to another process, where `Artifacts.load` finds the result again."""

    stage: str
    inputs: str  # JSON
    format: Format[T]

    @classmethod
    def of(cls, stage: str, layout: Format[T], **inputs: Any) -> Key[T]:
        """`inputs` are JSON values, pydantic models, and keys of other stages."""
        return cls(stage, json.dumps(inputs, sort_keys=True, default=_as_json), layout)

    @property
    def digest(self) -> str:
        """SHA-256 in hex."""
        return hashlib.sha256(f"{REVISION} {self.stage} {self.inputs}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A folder of results."""

    root: Path

    def get(self, key: Key[T], make: Callable[[], T]) -> T:
        """The result that `key` names, made and kept first if it is not there.

        It is always read back from disk, so that a build that resumes sees what an uninterrupted one sees.
        Raises OutputError when it cannot be written, MmimLiveError when it cannot be read.
        """
        if not self.has(key):
            self._write(key, make())
        return self.load(key)

    def load(self, key: Key[T]) -> T:
        """A result that was made before. Raises MmimLiveError."""
        folder = self.folder(key)
        try:
            return key.format.load(folder)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise MmimLiveError(f"{folder} cannot be read ({error}); delete it to make it again") from error

    def has(self, key: Key[Any]) -> bool:
        """Whether the result is there; if so, it is complete."""
        return self.folder(key).is_dir()

    def folder(self, key: Key[Any]) -> Path:
        """Where the result is kept."""
        return self.root / f"{key.stage}-{key.digest[:16]}"

    def _write(self, key: Key[T], value: T) -> None:
        final = self.folder(key)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=self.root))
            try:
                key.format.save(value, partial)
                (partial / _KEY_FILE).write_text(key.inputs + "\n", encoding="utf-8")
                if not self.has(key):  # unless another build was faster
                    partial.rename(final)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise OutputError(f"{final} cannot be written ({error.strerror or error})") from error


def files_digest(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 in hex over the names, relative to `root`, and contents of files. Raises DataError."""
    total = hashlib.sha256()
    for path in sorted(paths):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error})") from error
        total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()


def _as_json(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Key):
        return value.digest
    raise TypeError(f"{type(value).__name__} cannot be part of a key")


def _save_tensors(tensors: dict[str, Tensor], folder: Path) -> None:
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, folder / "tensors.safetensors")


def _load_tensors(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "tensors.safetensors")


TENSORS: Format[dict[str, Tensor]] = Format(_save_tensors, _load_tensors)
