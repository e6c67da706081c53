"""A .npy file that grows by appending, so that a data set larger than memory can be written.

numpy leaves room in the header of a .npy file for the first dimension to grow (GROWTH_AXIS_MAX_DIGITS), so the header
can be overwritten in place once the number of rows is known.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, DTypeLike


class GrowingArray:
    """Rows [n, *shape] of one type, appended one block at a time; valid as a file only after `close`."""

    def __init__(self, path: Path, dtype: DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = shape
        self._file = path.open("xb")
        self._count = 0
        self._write_header()
        self._data_start = self._file.tell()

    def append(self, block: ArrayLike) -> None:
        """Add rows [any, *shape]."""
        array = np.ascontiguousarray(block, self._dtype)
        if array.shape[1:] != self._shape:
            raise ValueError(f"rows of shape {array.shape[1:]} do not fit into an array of rows {self._shape}")
        self._file.write(array.data.cast("B") if array.size else b"")
        self._count += len(array)

    def close(self) -> None:
        """Write the final header; a second call does nothing."""
        if self._file.closed:
            return
        with self._file:
            self._file.seek(0)
            self._write_header()
            assert self._file.tell() == self._data_start

    def _write_header(self) -> None:
        header: dict[str, Any] = {"shape": (self._count, *self._shape), "fortran_order": False}
        npy.write_array_header_1_0(self._file, header | {"descr": npy.dtype_to_descr(self._dtype)})

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
