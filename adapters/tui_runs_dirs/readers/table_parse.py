"""Parses the rows of a CSV or TSV. Most are regular and go to polars whole; what is not is read row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tui_runs.schema import TIME
from tui_runs_dirs.readers.table_header import TableHeader, columns_of, is_number

POINTS: Final[Any] = {"key": pl.String, "step": pl.Int64, "time": TIME, "value": pl.Float64}
"""The columns of `tui_runs_dirs.layout.Stretch.frame`."""
_SECONDS_FROM: Final = 1e8
"""A number from here on (1973) may be a moment in seconds; below it counts seconds from a start."""
_LATEST: Final = 253_402_300_800_000_000
_LARGEST_STEP: Final = 2.0**53


@dataclass(slots=True)
class Rows:
    """What rows of a table say.

    Args:
        frames: wide, Float64 each but for a text column of times, with the header that holds for each.
        header: that holds for what follows.
        wrong: line numbers, from 1 in these rows, and what is wrong with them.
    """

    frames: list[tuple[TableHeader, pl.DataFrame]]
    header: TableHeader
    wrong: list[tuple[int, str]] = field(default_factory=list)


def parse(data: bytes, header: TableHeader) -> Rows:
    """Parse whole lines below a header.

    Args:
        data: ends with a line feed.
        header: of the lines; one that is repeated among them is passed over, another one holds from there on.
    """
    frame = regular(data, header)
    return _row_by_row(data, header) if frame is None else Rows([(header, frame)], header)


def regular(data: bytes, header: TableHeader, rows: int | None = None) -> pl.DataFrame | None:
    """The rows as a wide frame with a column for each of the header's; None where some line is not like the others.

    Args:
        data: whole lines.
        header: of the lines.
        rows: how many lines they are, where that is known: counting takes as long as a tenth of parsing.
    """
    if not data:
        return pl.DataFrame(schema=_schema(header))
    if b'"' in data or data.startswith(b"\n") or b"\n\n" in data or b"\r\n\r\n" in data:
        return None
    separator = header.separator.encode()
    height = data.count(b"\n") if rows is None else rows
    if data.count(separator) != (len(header.names) - 1) * height:
        return None
    if separator != b",":
        data = data.replace(b",", b".")  # decimal commas
    if b" " in data and separator != b" ":
        if header.time is not None:
            return None
        data = data.replace(b" ", b"")
    try:
        frame = pl.read_csv(
            data, has_header=False, schema=_schema(header), separator=header.separator, quote_char=None,
            ignore_errors=True, encoding="utf8-lossy",
        )  # fmt: skip
    except pl.exceptions.PolarsError:
        return None
    if frame.height != height:
        return None
    # A row without any number may be a header once more.
    empty_rows = frame.select(pl.all_horizontal(pl.col(pl.Float64).is_null()).any()).item() if frame.width else False
    return None if empty_rows else frame


def _schema(header: TableHeader) -> dict[str, type[pl.DataType]]:
    return {str(n): pl.String if n == header.time else pl.Float64 for n in range(len(header.names))}


def long(header: TableHeader, frame: pl.DataFrame, row: int) -> pl.DataFrame:
    """A wide frame as points (see POINTS); each key's in the order of the rows.

    Args:
        header: of the frame.
        frame: as `regular` gives it.
        row: the number of its first row, for tables that do not count themselves.
    """
    moment = times(frame, header)
    metrics = list(header.metrics)
    if moment is None and header.time is not None:
        metrics = sorted([*metrics, header.time])
        frame = frame.with_columns(pl.col(str(header.time)).str.strip_chars().cast(pl.Float64, strict=False))
    columns = [str(number) for number in metrics]
    # numpy from here on: each expression, and each method of a Series, costs polars 0.2 ms for however few rows.
    values = frame[columns].to_numpy()
    there = ~frame.select(pl.col(columns).is_null()).to_numpy()
    places = [np.flatnonzero(there[:, column]) for column in range(len(columns))]
    place = np.concatenate(places)
    sizes = [len(one) for one in places]
    names = pl.Series([header.names[number] for number in metrics], dtype=pl.String)
    time = pl.Series([None], dtype=TIME) if moment is None else moment
    return pl.DataFrame({
        "key": names.gather(np.repeat(np.arange(len(metrics)), sizes)),
        "step": steps(frame, header, row)[place],
        "time": time.gather(np.zeros(len(place), dtype=np.int64) if moment is None else place),
        "value": np.concatenate([values[one, column] for column, one in enumerate(places)]),
    })  # fmt: skip


def steps(frame: pl.DataFrame, header: TableHeader, row: int) -> NDArray[np.int64]:
    """The step of every row: as the table says, or its number where it says nothing that fits."""
    counted = np.arange(row, row + frame.height)
    if header.step is None:
        return counted
    said = frame[str(header.step)].to_numpy()  # NaN where there is none
    fits = np.abs(said) <= _LARGEST_STEP
    return np.where(fits, np.where(fits, said, 0.0).astype(np.int64), counted)


def times(frame: pl.DataFrame, header: TableHeader) -> pl.Series | None:
    """The moment of every row, Datetime in UTC; None where the column holds none: it counts from a start, say.

    Numbers are seconds, milli-, micro- or nanoseconds since 1970, by their size; texts are ISO 8601, taken as UTC
    where they do not name a zone.
    """
    if header.time is None or frame.is_empty():
        return None
    text = frame[str(header.time)].str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    if number.null_count() == len(number):
        if not _is_iso(text):
            return None
        moment = _in_range(text.str.to_datetime(time_unit="us", time_zone="UTC", strict=False, exact=True))
        return None if moment.null_count() == len(moment) else moment
    largest = number.abs().max()
    if not isinstance(largest, float) or not _SECONDS_FROM <= largest < 1e20:
        return None
    scale = next(scale for below, scale in ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3)) if largest < below)
    return _in_range((number * scale).round())


def _in_range(moment: pl.Series) -> pl.Series:
    """Those microseconds, or times, that Python's datetime can hold too."""
    fits = moment.to_physical().is_between(0, _LATEST, closed="left")
    return pl.select(pl.when(fits).then(moment).cast(pl.Int64, strict=False).cast(TIME)).to_series()


def _is_iso(text: pl.Series) -> bool:
    return bool(text.str.contains(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d").any())


def _row_by_row(data: bytes, header: TableHeader) -> Rows:
    """As `parse`, for lines of different lengths, quoted cells, and headers in the middle. About 100 ms a megabyte."""
    rows = Rows([], header)
    cells: list[list[str]] = []
    for line, row in _records(data, header):
        if not any(row) or row == list(rows.header.names):
            continue
        if _is_header(row, rows.header):
            rows.frames.append(_framed(rows.header, cells))
            cells = []
            rows.header = _renamed(header, row)
        elif len(row) == len(rows.header.names):
            cells.append(row)
        else:
            rows.wrong.append((line, f"has {len(row)} cells, the header {len(rows.header.names)}"))
    rows.frames.append(_framed(rows.header, cells))
    return rows


def _records(data: bytes, header: TableHeader) -> Iterator[tuple[int, list[str]]]:
    """The lines with their numbers, as cells without blanks around them."""
    text = data.decode("utf-8", errors="replace").replace("\0", "")
    quote = '"' in text
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=header.separator,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell of more than 128 kB
            row = []
        yield reader.line_num, [cell.strip() for cell in row]


def _is_header(row: Sequence[str], header: TableHeader) -> bool:
    """Names where numbers were: no cell is a number, and half of the names are known, or one that counts steps."""
    if len(row) < 2 or any(is_number(cell) for cell in row) or not all(row):
        return False
    known = len({*row} & {*header.names})
    return 2 * known >= min(len(row), len(header.names))


def _renamed(header: TableHeader, names: Sequence[str]) -> TableHeader:
    step = header.names[header.step] if header.step is not None else None
    time = header.names[header.time] if header.time is not None else None
    left_out = frozenset(
        name for number, name in enumerate(header.names) if number not in (header.step, header.time, *header.metrics)
    )
    return columns_of(
        names, header.separator, step if step in names else None, time if time in names else None, left_out
    )


def _framed(header: TableHeader, cells: list[list[str]]) -> tuple[TableHeader, pl.DataFrame]:
    columns = {
        str(number): pl.Series([row[number] for row in cells], dtype=pl.String) for number in range(len(header.names))
    }
    decimal_commas = header.separator != ","
    return header, pl.DataFrame(columns).with_columns(
        (pl.col(str(n)).str.replace(",", ".", literal=True) if decimal_commas else pl.col(str(n))).cast(
            pl.Float64, strict=False
        )
        for n in range(len(header.names))
        if n != header.time
    )
