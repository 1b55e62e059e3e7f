"""How values look in every format for programs: times in ISO 8601, numbers that are not finite as words."""

from __future__ import annotations

import math
from datetime import datetime

import polars as pl

from tui_runs.display import iso

JsonValue = str | float | int | bool | None


def json_value(value: object) -> JsonValue:
    """A value of a frame as JSON can hold it: JSON has no NaN, no infinity and no time."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime):
        return iso(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def as_text(column: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text: numbers so that they read back as they were, times in ISO 8601 UTC; null stays null."""
    values = pl.col(column)
    if isinstance(dtype, pl.Datetime):
        whole = (values.dt.microsecond() % 1000) == 0
        millis, micros = (values.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.{digits}fZ") for digits in (3, 6))
        return pl.when(whole).then(millis).otherwise(micros).alias(column)
    if dtype.is_float():
        text = values.cast(pl.String)
        return text.replace({"inf": "Infinity", "-inf": "-Infinity"}).alias(column)
    return values.cast(pl.String)
