"""Reads the first rows of a Parquet file in a process of its own: a damaged one ends whatever process decodes it.

It is run as a script, with the file at standard input and JSON at standard output, and imports nothing of ours, so that
it starts fast. `preview_parquet` runs it.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any, Final

import polars as pl

_MOST_MEMORY: Final = 4 << 30
"""Bytes of addresses that the process may have: a file of 32 MB takes 0.9 GB, most of it never touched."""
_MOST_SECONDS: Final = 10
_LISTED: Final = 8
"""Values of a list that are shown."""


def first_rows(content: bytes, rows: int, columns: int, longest: int) -> dict[str, Any]:
    """The upper left of a Parquet file's table.

    Args:
        content: all of the file.
        rows: at most.
        columns: at most.
        longest: characters of a cell at most.

    Returns:
        height: rows of the whole table. names: of all its columns. right: which of those shown are numbers. rows: of
        the columns shown, as texts; None is missing.
    """
    lazy = pl.scan_parquet(content)
    schema = lazy.collect_schema()
    height = lazy.select(pl.len()).collect().item()
    shown = list(schema)[:columns]
    cells = [_as_text(at, schema[name]).str.slice(0, longest) for at, name in enumerate(shown)]
    frame = lazy.head(rows).select(cells).collect()
    right = [schema[name].is_numeric() for name in shown]
    return {"height": height, "names": list(schema), "right": right, "rows": frame.rows()}


def _as_text(place: int, dtype: pl.DataType) -> pl.Expr:
    column = pl.nth(place)
    if isinstance(dtype, pl.List | pl.Array):
        some = column if isinstance(dtype, pl.List) else column.arr.to_list()
        return some.list.head(_LISTED).map_elements(lambda values: str(values.to_list()), pl.String)
    if isinstance(dtype, pl.Binary):
        return column.bin.head(16).bin.encode("hex")
    if dtype.is_nested() or isinstance(dtype, pl.Object):
        return column.map_elements(str, pl.String)
    return column.cast(pl.String)


def _limit_itself() -> None:
    """Where the system knows limits: no more memory and time than a preview is worth, and no core file."""
    try:
        import resource  # noqa: PLC0415  not on every system
    except ImportError:
        return
    for limit, most in (
        (resource.RLIMIT_AS, _MOST_MEMORY),
        (resource.RLIMIT_CPU, _MOST_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):  # a lower one holds already
            resource.setrlimit(limit, (most, most))


def _main() -> None:
    _limit_itself()
    rows, columns, longest = map(int, sys.argv[1:])
    found: dict[str, Any]
    try:
        found = first_rows(sys.stdin.buffer.read(), rows, columns, longest)
    except (Exception, pl.exceptions.PanicException) as error:  # what a damaged file makes polars do, nobody foresees
        found = {"error": (str(error) or type(error).__name__)[:longest]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
