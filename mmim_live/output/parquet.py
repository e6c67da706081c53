"""Tables as Parquet (.parquet), for pandas, R, DuckDB and Spark; see `tables`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmim_live.events import Event
from mmim_live.output.tables import Cell, Table


def write_parquet(path: Path, events: Sequence[Event], _media: Path | None = None, *, table: Table) -> None:
    """Write the rows of the events. The types of the columns are the same whatever is in them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = table.new_rows()
    found = [row for event in events if (row := rows(event)) is not None]
    types = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in table.columns.items()])
    columns = list(zip(*found, strict=True)) or [()] * len(schema)
    pq.write_table(pa.table([[_clean(cell) for cell in column] for column in columns], schema=schema), path)


def _clean(cell: Cell) -> Cell:
    """The cell; half a surrogate pair in a text, which UTF-8 cannot hold, becomes `?`."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
