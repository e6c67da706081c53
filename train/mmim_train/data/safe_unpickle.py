"""Reads pickles from the internet without running the code in them.

A pickle is a program that may import and call anything. This reader looks up no module at all: it knows nine names,
those that numpy arrays and plain containers need, and answers each with a function of its own that checks its
arguments. numpy does not get to restore a dtype itself, since a forged one can make it read raw bytes as object
pointers.

Nor may a small file cost much. Python's own implementation is used instead of the C one, since that allocates its memo
up to whatever index a file names. What is read and copied is limited by the size of the file, and keys are scalars: to
hash a tuple that holds itself twice at each of many levels takes forever.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from mmim_live.errors import DataError

MAX_CONTAINERS = 2_000_000  # lists, tables and sets; an empty set takes 216 bytes, and MOSEI's files hold some 100,000
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
            return _Reader(file, os.fstat(file.fileno()).st_size).load()
    except _Forbidden as error:
        raise DataError(f"{path}: refused: {error}; data files hold arrays only, get another copy") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except _MALFORMED as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a whole pickle ({what}): get the file again") from error


class _Forbidden(pickle.UnpicklingError):
    """The pickle asks for something other than arrays and containers."""


class _Budget:
    """What a file may still make of its bytes."""

    def __init__(self, size: int) -> None:
        # Bytes copied out of what was read. Each is there once, but a text of Python 2 grows when it becomes bytes.
        self.copies = 2 * size + 1024
        self.containers = min(size // 2, MAX_CONTAINERS) + 64  # an empty one and its place in the memo take two bytes

    def copy(self, count: int) -> None:
        self.copies -= count
        if self.copies < 0:
            raise _Forbidden("the pickle holds more than its file could")

    def open_container(self) -> None:
        self.containers -= 1
        if self.containers < 0:
            raise _Forbidden("the pickle holds too many lists, tables and sets")


class _BoundedFile:
    """The file; a request for more than is left fails."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self._size - self._file.tell():
            raise EOFError("it is cut short")
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline()


class _Reader(pickle._Unpickler):
    """Python's own unpickler with another answer to what can name, hash, alter or allocate something."""

    stack: list[Any]  # since the last mark
    append: Callable[[Any], None]  # to it
    read: Callable[[int], bytes]

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(_BoundedFile(file, size), encoding="latin1")
        self.budget = _Budget(size)
        self._admitted = _admitted(self.budget)

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(("numpy.core.", "numpy._core.")):
            module = "numpy.core." + module.split(".", 2)[2]
        if module == "__builtin__":
            module = "builtins"
        if (module, name) not in self._admitted:
            raise _Forbidden(f"the pickle asks for {module}.{name}"[:120])
        return self._admitted[module, name]

    def check_build(self) -> None:
        if not isinstance(self.stack[-2], _Array | _DType):
            raise _Forbidden("the pickle alters what it was given")

    def read_bytearray8(self) -> None:
        """Python's own allocates what is asked for before it reads."""
        (count,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(count)))


def _checked(code: bytes, check: Callable[[_Reader], object]) -> None:
    """Let `check` look at the reader before it obeys an operation."""
    obey: Any = pickle._Unpickler.dispatch[code[0]]  # whose published type names the class in C

    def obey_checked(reader: _Reader) -> None:
        check(reader)
        obey(reader)

    _OPERATIONS[code[0]] = obey_checked


def _check_keys(keys: Iterable[object]) -> None:
    for key in keys:
        if not isinstance(key, str | bytes | int | float | None):
            raise _Forbidden(f"the pickle has a key of the type {type(key).__name__}")


_OPERATIONS: Final[dict[int, Any]] = dict(pickle._Unpickler.dispatch)
_Reader.dispatch = _OPERATIONS
_checked(pickle.SETITEM, lambda reader: _check_keys(reader.stack[-2:-1]))
_checked(pickle.SETITEMS, lambda reader: _check_keys(reader.stack[::2]))
_checked(pickle.DICT, lambda reader: _check_keys(reader.stack[::2]))
_checked(pickle.ADDITEMS, lambda reader: _check_keys(reader.stack))
_checked(pickle.FROZENSET, lambda reader: _check_keys(reader.stack))
_checked(pickle.BUILD, _Reader.check_build)
for _code in (pickle.MARK, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET):
    _checked(_code, lambda reader: reader.budget.open_container())
_OPERATIONS[pickle.BYTEARRAY8[0]] = _Reader.read_bytearray8


class _DType:
    """A dtype under restoration. Only kind, size and byte order are taken; structured types are refused."""

    __slots__ = ("dtype",)

    def __init__(self, spec: object, *_: object) -> None:
        if not isinstance(spec, str):
            raise _Forbidden(f"the pickle gives an array type as a {type(spec).__name__}")
        match = _PLAIN.fullmatch(spec)
        if match is None:
            raise _Forbidden(f"the pickle asks for the array type {spec[:80]!r}")
        # Old numpy spells objects with their pointer size, O8, which new numpy does not know.
        self.dtype: np.dtype[Any] = np.dtype(object if match[1] == "O" else match[0])

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, order, subtype, names, fields, *_ = state
        if subtype is not None or names or fields:
            raise _Forbidden("the pickle asks for a structured array type")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray[Any, Any]):
    """An array under restoration: the pickle gives it its contents by `__setstate__`, once, checked here."""

    budget: _Budget

    def __setstate__(self, state: Any) -> None:
        _version, shape, kind, fortran, raw = state
        dtype = _dtype(kind)
        shape = tuple(int(size) for size in shape)
        if dtype.hasobject:
            if not isinstance(raw, list) or len(raw) != _count(shape):
                raise _Forbidden("the pickle holds an object array with forged contents")
            self.budget.copy(len(raw))
        else:
            raw = _raw_bytes(raw, self.budget)
            if dtype.itemsize == 0:  # then any number of elements would fit
                self.budget.copy(_count(shape))
            if len(raw) != _count(shape) * dtype.itemsize:
                raise ValueError(f"an array of shape {shape} holds {len(raw)} bytes")
        restore: Any = super().__setstate__  # whose published type asks for a numpy bool, which it does not take
        restore((1, shape, dtype, bool(fortran), raw))
        del self.budget


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


def _raw_bytes(raw: Any, budget: _Budget) -> bytes:
    if isinstance(raw, str | bytes | bytearray | memoryview):
        budget.copy(len(raw))
    if isinstance(raw, str):  # Python 2 had no bytes: see `encoding` above
        return raw.encode("latin1")
    if isinstance(raw, bytes | bytearray | memoryview):
        return bytes(raw)
    raise _Forbidden("the pickle gives an array contents that are not bytes")


def _reconstruct(budget: _Budget, kind: object, shape: object, _code: object) -> _Array:
    if kind is not _NDARRAY or shape != (0,):  # what numpy writes; another shape would only take memory
        raise _Forbidden("the pickle forges an array")
    array = np.zeros(0).view(_Array)
    array.budget = budget
    return array


def _from_buffer(budget: _Budget, raw: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    dtype = _dtype(kind)
    if dtype.hasobject or order not in ("C", "F", "A", "K"):
        raise _Forbidden("the pickle forges an array")
    return np.frombuffer(_raw_bytes(raw, budget), dtype).reshape(tuple(shape), order=order)


def _scalar(budget: _Budget, kind: Any, raw: Any = b"") -> Any:
    dtype = _dtype(kind)
    if dtype.hasobject:
        return raw
    data = _raw_bytes(raw, budget)
    if len(data) != dtype.itemsize:
        raise ValueError(f"a number of type {dtype} holds {len(data)} bytes")
    return np.frombuffer(data, dtype, count=1)[0] if dtype.itemsize else dtype.type()


def _encode(budget: _Budget, text: object, codec: object = "latin1") -> bytes:
    """How protocols below 3 spell bytes."""
    if not isinstance(text, str) or not isinstance(codec, str) or codec not in ("latin1", "latin-1"):
        raise _Forbidden("the pickle asks for another codec than latin-1")
    budget.copy(len(text))
    return text.encode("latin1")


def _ordered_dict(budget: _Budget, pairs: object = ()) -> OrderedDict[Any, Any]:
    if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise _Forbidden("the pickle forges a table")
    budget.copy(len(pairs))
    _check_keys(pair[0] for pair in pairs)
    return OrderedDict(pairs)


def _set(budget: _Budget, items: object = ()) -> set[Any]:
    """How protocols below 4 spell a set."""
    if not isinstance(items, list | tuple):
        raise _Forbidden("the pickle forges a set")
    budget.copy(len(items))
    _check_keys(items)
    return set(items)


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
_DTYPE: Final = _Admitted(_DType)
_BYTES: Final = _Admitted(lambda: b"")  # how protocols below 3 spell empty bytes


def _admitted(budget: _Budget) -> dict[tuple[str, str], _Admitted]:
    """What a pickle may name."""

    def bounded(function: Callable[..., Any]) -> _Admitted:
        return _Admitted(partial(function, budget))

    return {
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): _DTYPE,
        ("numpy.core.multiarray", "_reconstruct"): bounded(_reconstruct),
        ("numpy.core.multiarray", "scalar"): bounded(_scalar),
        ("numpy.core.numeric", "_frombuffer"): bounded(_from_buffer),
        ("_codecs", "encode"): bounded(_encode),
        ("collections", "OrderedDict"): bounded(_ordered_dict),
        ("builtins", "set"): bounded(_set),
        ("builtins", "bytes"): _BYTES,
    }


def _refuse_ndarray() -> NoReturn:
    raise _Forbidden("the pickle builds an array by itself")
