"""Taking fields out of published files: every doubt ends in one DataError that names the key and what was expected."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError
from mmim_train.data.dataset import Rows, rows_from

# What numpy and zipfile raise for .npy and .npz files that were cut or altered.
DAMAGED: Final[tuple[type[Exception], ...]] = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def take(source: Mapping[Any, Any], key: str, where: str) -> Any:
    """The value of a key that must be there."""
    if key not in source:
        raise DataError(f"{where}: lacks the key {key!r}; it has {', '.join(map(str, list(source)[:12]))}")
    return source[key]


def numbers(source: Mapping[Any, Any], key: str, where: str, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    """A field as float32 of the given shape, where None is any size."""
    array = to_float32(take(source, key, where), f"{where}[{key!r}]")
    if len(array.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise DataError(f"{where}[{key!r}]: has the shape {array.shape}, expected ({expected})")
    return array


def to_float32(value: Any, where: str) -> NDArray[np.float32]:
    """Anything that is numbers, as a plain float32 array."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # too large for float32 becomes inf and is handled as such
            return np.asarray(value).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: is not an array of numbers ({error})") from error


def labels(source: Mapping[Any, Any], key: str, where: str, count: int) -> NDArray[np.float32]:
    """One label per sample, whether published as (N,), (N, 1) or (N, 1, 1); all must be finite."""
    array = to_float32(take(source, key, where), f"{where}[{key!r}]")
    if array.size != count or not array.shape or array.shape[0] != count:
        raise DataError(f"{where}[{key!r}]: has the shape {array.shape}, expected ({count},)")
    if not np.isfinite(array).all():
        at = int(np.argmin(np.isfinite(array.reshape(-1))))
        raise DataError(f"{where}[{key!r}]: label {at} is {array.reshape(-1)[at]}")
    return array.reshape(count)


def lengths(source: Mapping[Any, Any], key: str, where: str, count: int, longest: int) -> NDArray[np.int64]:
    """True lengths [count], whole numbers from 0 to `longest`."""
    array = labels(source, key, where, count)
    if (array != np.round(array)).any() or array.min(initial=0) < 0 or array.max(initial=0) > longest:
        raise DataError(
            f"{where}[{key!r}]: holds {array.min():g} to {array.max():g}, expected whole numbers from 0 to {longest}"
        )
    return array.astype(np.int64)


def strings(source: Mapping[Any, Any], key: str, where: str, count: int | None = None) -> tuple[str, ...]:
    """A field of one string per sample: str, or bytes in UTF-8."""
    value = take(source, key, where)
    if not is_sequence(value):
        raise DataError(f"{where}[{key!r}]: is a {type(value).__name__}, expected one string per sample")
    if count is not None and len(value) != count:
        raise DataError(f"{where}[{key!r}]: has {len(value)} entries, expected {count}")
    return tuple(to_string(item, f"{where}[{key!r}][{i}]") for i, item in enumerate(value))


def is_sequence(value: object) -> bool:
    """Whether a value has entries in order: a list, a tuple, an array of at least one dimension."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def to_string(value: Any, where: str) -> str:
    """A string, from str, bytes in UTF-8, or an array that holds just one of them."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise DataError(f"{where}: is a {type(value).__name__}, expected a string")
    try:
        # A pickle can spell half a surrogate pair, and numpy makes strings of any numbers, also beyond Unicode.
        return value.encode().decode()
    except UnicodeError as error:
        raise DataError(f"{where}: holds a character that Unicode does not have") from error


def ragged(padded: NDArray[np.float32], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Rows:
    """The true rows of sequences [N, T, width] that were padded."""
    pieces = [row[s : s + n] for row, s, n in zip(padded, starts.tolist(), lengths.tolist(), strict=True)]
    return rows_from(pieces, padded.shape[2])
