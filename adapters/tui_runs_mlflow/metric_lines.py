"""The lines of MLflow metric files: `timestamp_ms value [step [dataset_name dataset_digest]]`.

Many files are parsed at once, joined into one buffer that Polars reads as space-separated text; a line that this
fast path cannot read sends only its own file to the careful parser, which splits lines as MLflow's FileStore does.
Where they differ on purpose: a line of five fields has its step in the third (MLflow's client says 0 there), and a
line that is no point is skipped and reported (the client fails on the whole store).
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tui_runs.schema import TIME

# Beyond these milliseconds a point in time has no date in Python; such a timestamp is kept for ordering only.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999

_LIMIT: Final = 1 << 63
_LINE: Final = {"ms": pl.Int64, "value": pl.Float64, "step": pl.Int64}
POINTS: Final = {"series": pl.UInt32, **_LINE}


@dataclass(frozen=True, slots=True)
class BadLines:
    """Lines of one file that are no points.

    Args:
        series: index of the file among those parsed.
        count: how many such lines.
        line: number of the first one, from 1, within the bytes given.
        text: what it says, at most 40 characters, undecodable bytes replaced.
    """

    series: int
    count: int
    line: int
    text: str


def parse_points(files: Sequence[bytes]) -> tuple[pl.DataFrame, list[BadLines]]:
    """Parse whole lines of many metric files.

    Args:
        files: the bytes of each file; a last line without its newline is a line all the same.

    Returns:
        The points in file order, columns `series` (UInt32, index into `files`), `ms` (Int64), `value` (Float64),
        `step` (Int64, 0 where the line has none); and the lines that are no points.
    """
    ended = [data if not data or data.endswith(b"\n") else data + b"\n" for data in files]
    frames: list[pl.DataFrame] = []
    bad: list[BadLines] = []
    _parse_range(ended, 0, len(ended), frames, bad)
    return (pl.concat(frames) if frames else pl.DataFrame(schema=POINTS)), bad


def _parse_range(
    files: Sequence[bytes], first: int, last: int, frames: list[pl.DataFrame], bad: list[BadLines]
) -> None:
    """Parse files[first:last] at once; where that fails, halve, so that one bad file costs a logarithm of tries."""
    if first == last:
        return
    frame = _parse_joined(files, first, last)
    if frame is not None:
        frames.append(frame)
    elif last - first == 1:
        frames.append(_parse_carefully(files[first], first, bad))
    else:
        middle = (first + last) // 2
        _parse_range(files, first, middle, frames, bad)
        _parse_range(files, middle, last, frames, bad)


def _parse_joined(files: Sequence[bytes], first: int, last: int) -> pl.DataFrame | None:
    """The points of files[first:last], or None where a line is not as usual."""
    counts = [files[i].count(b"\n") for i in range(first, last)]
    height = sum(counts)
    if height == 0:
        return pl.DataFrame(schema=POINTS)
    joined = b"".join(files[first:last])
    try:
        frame = pl.read_csv(
            joined,
            has_header=False,
            separator=" ",
            schema=_LINE,
            quote_char=None,
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != height or frame["ms"].null_count() or frame["value"].null_count():
        return None
    if frame["step"].null_count() and b"  " in joined:  # a line of two fields has no step; "1 0.5  7" is no line
        return None
    numbers = pl.int_range(first, last, dtype=pl.UInt32).repeat_by(pl.Series(counts)).explode(empty_as_null=False)
    series = pl.select(numbers.alias("series")).to_series().set_sorted()
    return frame.select(series, "ms", "value", pl.col("step").fill_null(0))


def _parse_carefully(data: bytes, series: int, bad: list[BadLines]) -> pl.DataFrame:
    points: list[tuple[int, int, float, int]] = []
    wrong: list[tuple[int, bytes]] = []
    # The fast path takes a byte order mark at the beginning for granted.
    for number, line in enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), 1):
        fields = line.strip().split(b" ")
        if fields == [b""]:
            continue
        try:
            step = int(fields[2]) if len(fields) > 2 else 0
            point = (series, int(fields[0]), float(fields[1]), step)
            if not (min(point[1], step) >= -_LIMIT and max(point[1], step) < _LIMIT):
                raise OverflowError
        except (ValueError, IndexError, OverflowError):
            wrong.append((number, line))
        else:
            points.append(point)
    if wrong:
        number, line = wrong[0]
        bad.append(BadLines(series, len(wrong), number, line[:40].decode(errors="replace")))
    return pl.DataFrame(points, schema=POINTS, orient="row")


def summarise(points: pl.DataFrame) -> pl.DataFrame:
    """One row a series, as the METRICS schema has it without run_id and key, in order of first appearance.

    "Last" is the greatest by (step, timestamp, value), which is MLflow's rule, and not the last line. NaN is never
    a minimum or maximum unless there is nothing else.

    Args:
        points: as `parse_points` returns them.

    Returns:
        Columns series, last, last_step, last_ms, min, min_step, max, max_step, count.
    """
    grouped = points.lazy().group_by("series", maintain_order=True)
    frame = grouped.agg(
        pl.col("value").last().alias("last"),
        pl.col("step").last().alias("last_step"),
        pl.col("ms").last().alias("last_ms"),
        pl.col("value").min().alias("min"),
        pl.col("step").get(pl.col("value").arg_min()).alias("min_step"),
        pl.col("value").max().alias("max"),
        pl.col("step").get(pl.col("value").arg_max()).alias("max_step"),
        pl.len().alias("count"),
    ).collect()
    latest = _latest_of_unordered(points)
    if not latest.height:
        return frame
    return frame.update(latest, on="series", how="left")


def _latest_of_unordered(points: pl.DataFrame) -> pl.DataFrame:
    """The latest point of each series that does not simply rise: columns series, last, last_step, last_ms."""
    series, step, ms = pl.col("series"), pl.col("step"), pl.col("ms")  # compared, as differences may overflow
    earlier = (step < step.shift()) | ((step == step.shift()) & (ms <= ms.shift()))
    falls = (series == series.shift()) & earlier
    unordered = points.lazy().filter(falls).select(pl.col("series").unique()).collect()
    ties = (
        points.lazy()
        .join(unordered.lazy(), on="series", how="semi", maintain_order="left")
        .filter(pl.col("step") == pl.col("step").max().over("series"))
        .filter(pl.col("ms") == pl.col("ms").max().over("series"))
        .select("series", pl.col("value").alias("last"), pl.col("step").alias("last_step"), last_ms="ms")
        .collect()
    )
    best: dict[int, tuple[int, float, int, int]] = {}
    for row in ties.iter_rows():
        # `>` as Python's max does it, so that among equals and NaN the first line stays, as in MLflow.
        if row[0] not in best or row[1] > best[row[0]][1]:
            best[row[0]] = row
    return pl.DataFrame(list(best.values()), schema=ties.schema, orient="row")


def time_of(ms: pl.Expr) -> pl.Expr:
    """Milliseconds since 1970 as TIME; null where Python's datetime has no such date."""
    return pl.when(ms.is_between(_FIRST_MS, _LAST_MS)).then(ms * 1000).cast(TIME)
