"""Points in files that are written anew whenever something is added: JSON arrays and Parquet."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tui_runs_dirs.files import FileStamp, NotReadError, open_regular, stamp_of
from tui_runs_dirs.layout import Stretch
from tui_runs_dirs.readers.json_lines import frame_of, points_of

_MARKS: Final = 64
_LIVE_SECONDS: Final = 60.0
"""What cannot be understood so soon after it was written is taken for half of it."""
_COLUMNS, _CELLS = 5_000, 20_000_000
"""A Parquet file of more is a data set."""


@dataclass(slots=True)
class RewrittenFile:
    """A JSON array of objects, an object of arrays ({"loss": [...], "val_loss": [...]}), or Parquet.

    One that is half written waits.

    Args:
        path: of the file; its suffix tells which it is.
        step: as of JsonLines.
        time: as of JsonLines.
        without: as of JsonLines.
    """

    path: str
    step: str | None = None
    time: str | None = None
    without: frozenset[str] = frozenset()
    _seen: dict[int, int] = field(default_factory=dict, compare=False, repr=False)
    """By how many rows were read: what they hashed to."""

    def stamp(self) -> tuple[FileStamp, ...]:
        """See `tui_runs_dirs.layout.SeriesFile`."""
        return stamp_of(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read the rows after so many; the file is read whole. See `tui_runs_dirs.layout.SeriesFile`."""
        try:
            rows = self._rows()
        except NotReadError:
            stamps = self.stamp()
            if not stamps or clock.time() - stamps[0].mtime_ns / 1e9 > _LIVE_SECONDS:
                raise
            return Stretch(frame_of([]), start, True)
        goes_on = start == 0 or (start <= len(rows) and self._seen.get(start) == _hash(rows[:start]))
        begin = start if goes_on else 0
        self._seen = {**self._seen, len(rows): _hash(rows)}
        if len(self._seen) > _MARKS:
            del self._seen[next(iter(self._seen))]
        points = points_of(rows[begin:], begin, self.step, self.time, self.without)
        return Stretch(frame_of(points), len(rows), True, not goes_on)

    def _rows(self) -> list[Mapping[str, Any]]:
        """The rows as objects.

        Raises:
            OSError: it cannot be read, or is not understood.
        """
        if self.path.endswith(".parquet"):
            return _parquet_rows(self.path)
        from tui_runs_dirs.readers.json_file import load_json  # noqa: PLC0415

        return rows_of(load_json(self.path))


def rows_of(value: Any) -> list[Mapping[str, Any]]:
    """The rows of a JSON value: the objects of a list, or of a list in an object, or made of an object of lists.

    Raises:
        NotReadError: it is neither.
    """
    if isinstance(value, dict):
        lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
        tables = [inner for inner in lists.values() if inner and isinstance(inner[0], dict)]
        if len(tables) == 1:
            value = tables[0]
        elif lists:
            longest = max(map(len, lists.values()))
            rows: list[Mapping[str, Any]] = [
                {key: inner[n] for key, inner in lists.items() if n < len(inner)} for n in range(longest)
            ]
            return rows
    if isinstance(value, list):
        return [row if isinstance(row, dict) else {} for row in value]
    raise NotReadError("It holds no list of objects.", 'Points are a list such as [{"epoch": 1, "loss": 0.5}].')


def _parquet_rows(path: str) -> list[Mapping[str, Any]]:
    import polars as pl  # noqa: PLC0415

    os.close(open_regular(path))
    try:
        lazy = pl.scan_parquet(path, glob=False)
        wanted = [name for name, dtype in lazy.collect_schema().items() if dtype.is_numeric() or dtype.is_temporal()]
        if len(wanted) > _COLUMNS or lazy.select(pl.len()).collect().item() * max(len(wanted), 1) > _CELLS:
            raise NotReadError("It is too large for a table of metrics.", "Data sets are not shown.")
        frame = lazy.select(wanted).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        first = str(error).splitlines()[:1]
        raise NotReadError(f"It is no whole Parquet file: {''.join(first)[:200]}", "Write it again.") from None
    rows: list[Mapping[str, Any]] = list(frame.to_dicts())
    return rows


def _hash(rows: list[Mapping[str, Any]]) -> int:
    return hash(tuple(map(repr, rows)))
