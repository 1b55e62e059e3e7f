"""Sorting of runs: params by their numbers where they are numbers, what is missing always last, ties as they were."""

from __future__ import annotations

import polars as pl


def as_numbers(values: pl.Series) -> pl.Series | None:
    """Text as Float64, where every value present is a number; else None.

    "3e-4", " 12 ", "nan" and "-inf" are numbers, as is "1_000" not; None where there is no value at all.
    """
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    if values.dtype != pl.String or values.null_count() == len(values):
        return None
    numbers = values.str.strip_chars().cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == values.null_count() else None


def are_numbers(values: pl.Series) -> bool:
    """Whether every value present is a number, or text that reads as one, and there is one."""
    return as_numbers(values.unique() if values.dtype == pl.String else values.head(1)) is not None


def sort_runs(frame: pl.DataFrame, column: str, *, descending: bool = False) -> pl.DataFrame:
    """Order runs by a column. Null and NaN come last in both directions; equal runs keep their order.

    Args:
        frame: runs, with the column among them.
        column: its name; text sorts as numbers where all of it is numbers, else without regard to case.
        descending: the greatest first.
    """
    values = frame[column]
    numbers = as_numbers(values) if values.dtype in (pl.String, pl.Float64, pl.Int64, pl.UInt32) else None
    if numbers is not None:
        key = numbers.fill_nan(None)
    elif values.dtype == pl.String:
        key = values.str.to_lowercase()
    elif isinstance(values.dtype, pl.Enum):
        key = values.to_physical()
    else:
        key = values
    order = key.to_frame("key").select(
        pl.arg_sort_by("key", descending=descending, nulls_last=True, maintain_order=True)
    )
    return frame[order.to_series()]
