"""Reading pickles from the internet without running what is in them.

A pickle is a program that may import and call anything. This reader looks up no module at all: it knows nine names,
those that numpy arrays and plain containers need, and answers each with a function of its own that checks its
arguments. numpy does not get to restore a dtype itself, since a forged one can make it read raw bytes as object
pointers. Knows nothing of data sets.
"""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError

_PLAIN = re.compile(r"[<>|=]?([?biufSUO])(\d{0,6})")
_MALFORMED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_pickle(path: Path) -> Any:
    """The object in a pickle of numpy arrays and plain containers, whoever made it (numpy 1 or 2, Python 2 or 3).

    Python 2's strings are read as latin-1, as numpy's raw bytes need. Raises DataError for anything else.
    """
    try:
        with path.open("rb") as file:
            return _Reader(file, encoding="latin1").load()
    except _Forbidden as error:
        raise DataError(f"{path}: refused: {error}; data files hold arrays only, get another copy") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except _MALFORMED as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a whole pickle ({what}): get the file again") from error


class _Forbidden(pickle.UnpicklingError):
    """The pickle asks for something else than arrays and containers."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(("numpy.core.", "numpy._core.")):
            module = "numpy.core." + module.split(".", 2)[2]
        if module == "__builtin__":
            module = "builtins"
        if (module, name) not in _ADMITTED:
            raise _Forbidden(f"the pickle asks for {module}.{name}"[:120])
        return _ADMITTED[module, name]


class _DType:
    """A dtype under restoration. Only kind, size and byte order are taken; structured types are refused."""

    __slots__ = ("dtype",)

    def __init__(self, spec: object, *_: object) -> None:
        match = _PLAIN.fullmatch(spec) if isinstance(spec, str) else None
        if match is None:
            raise _Forbidden(f"the pickle asks for the array type {spec!r}"[:120])
        # Old numpy spells objects with their pointer size, O8, which new numpy does not know.
        self.dtype: np.dtype[Any] = np.dtype(object if match[1] == "O" else match[0])

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, order, subtype, names, fields, *_ = state
        if subtype is not None or names or fields:
            raise _Forbidden("the pickle asks for a structured array type")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray[Any, Any]):
    """An array under restoration: the pickle gives it its contents by `__setstate__`, checked here."""

    def __setstate__(self, state: Any) -> None:
        _version, shape, kind, fortran, raw = state
        dtype = _dtype(kind)
        shape = tuple(int(size) for size in shape)
        if dtype.hasobject:
            if not isinstance(raw, list) or len(raw) != _count(shape):
                raise _Forbidden("the pickle holds an object array with forged contents")
        else:
            raw = _raw_bytes(raw)
            if len(raw) != _count(shape) * dtype.itemsize:
                raise ValueError(f"an array of shape {shape} holds {len(raw)} bytes")
        restore: Any = super().__setstate__  # whose published type asks for a numpy bool, which it does not take
        restore((1, shape, dtype, bool(fortran), raw))


def _dtype(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _DType):
        raise _Forbidden("the pickle gives an array without a type")
    return kind.dtype


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        if size < 0:
            raise ValueError(f"an array has the shape {shape}")
        count *= size
    return count


def _raw_bytes(raw: Any) -> bytes:
    if isinstance(raw, str):  # Python 2 had no bytes: see `encoding` above
        return raw.encode("latin1")
    if isinstance(raw, bytes | bytearray | memoryview):
        return bytes(raw)
    raise _Forbidden("the pickle gives an array contents that are not bytes")


def _reconstruct(kind: object, shape: object, _code: object) -> _Array:
    if kind is not _NDARRAY or shape != (0,):  # what numpy writes; another shape would only take memory
        raise _Forbidden("the pickle forges an array")
    return np.zeros(0).view(_Array)


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    dtype = _dtype(kind)
    if dtype.hasobject or order not in ("C", "F", "A", "K"):
        raise _Forbidden("the pickle forges an array")
    return np.frombuffer(_raw_bytes(raw), dtype).reshape(tuple(shape), order=order)


def _scalar(kind: Any, raw: Any = b"") -> Any:
    dtype = _dtype(kind)
    if dtype.hasobject:
        return raw
    data = _raw_bytes(raw)
    if len(data) != dtype.itemsize:
        raise ValueError(f"a number of type {dtype} holds {len(data)} bytes")
    return np.frombuffer(data, dtype, count=1)[0] if dtype.itemsize else dtype.type()


def _encode(text: object, codec: object = "latin1") -> bytes:
    """How protocols below 3 spell bytes."""
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise _Forbidden(f"the pickle asks for the codec {codec!r}"[:120])
    return text.encode("latin1")


class _Admitted:
    """A callable that a pickle cannot alter: it could set attributes on a plain function or class."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise _Forbidden("the pickle alters what it was given")

    def __setstate__(self, state: object) -> NoReturn:
        raise _Forbidden("the pickle alters what it was given")


_NDARRAY: Final = _Admitted(lambda *_: _refuse_ndarray())
_ADMITTED: Final[dict[tuple[str, str], Any]] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Admitted(_DType),
    ("numpy.core.multiarray", "_reconstruct"): _Admitted(_reconstruct),
    ("numpy.core.multiarray", "scalar"): _Admitted(_scalar),
    ("numpy.core.numeric", "_frombuffer"): _Admitted(_from_buffer),
    ("_codecs", "encode"): _Admitted(_encode),
    ("collections", "OrderedDict"): _Admitted(OrderedDict),
    ("builtins", "set"): _Admitted(set),
    ("builtins", "bytes"): _Admitted(lambda: b""),  # how protocols below 3 spell empty bytes
}


def _refuse_ndarray() -> NoReturn:
    raise _Forbidden("the pickle builds an array by itself")
