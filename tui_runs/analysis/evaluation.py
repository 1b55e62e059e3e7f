"""Which runs of a wide frame a condition holds for."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import polars as pl

from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Operand, Operator, Word


def columns_of(condition: Condition) -> set[str]:
    """The columns of the wide frame that a condition asks for; words ask for none."""
    match condition:
        case Compare(column=column) | OneOf(column=column) | Has(column=column):
            return {column}
        case All(parts) | Either(parts):
            return set[str]().union(*map(columns_of, parts))
        case Not(part):
            return columns_of(part)
        case Word():
            return set()


def holds(condition: Condition, frame: pl.DataFrame, containing: Callable[[str], pl.DataFrame]) -> pl.Series:
    """Which rows a condition holds for.

    Args:
        condition: what must hold.
        frame: one row a run, with `source` and `run_id`; a column that is not there is missing for every run. Columns
            of numbers, and text that reads as one, compare with numbers; text and statuses with text, times with times.
        containing: the runs in which a text occurs, columns `source` and `run_id`; asked once for every word.

    Returns:
        Boolean, one value a row, never null.
    """
    holding = _holding(condition, frame, containing).alias("holds")
    return frame.select("run_id", holding)["holds"]  # with a column beside it, a constant becomes as long as that


def regex_of_like(pattern: str, *, any_case: bool = False) -> str:
    """The regular expression that fits what a pattern of `like` does: % any text, _ one character."""
    parts = pl.escape_regex(pattern).replace("%", ".*").replace("_", ".")
    return f"^(?s{'i' if any_case else ''}:{parts})$"


def _holding(condition: Condition, frame: pl.DataFrame, containing: Callable[[str], pl.DataFrame]) -> pl.Expr:
    match condition:
        case Compare(column, operator, value):
            return _compare(frame, column, operator, value) if column in frame.columns else pl.lit(value=False)
        case OneOf(column, values):
            return _one_of(frame, column, values) if column in frame.columns else pl.lit(value=False)
        case Has(column):
            return pl.col(column).is_not_null() if column in frame.columns else pl.lit(value=False)
        case Word(text):
            runs, key = frame.select("source", "run_id"), ["source", "run_id"]
            fitting = containing(text).select(*key, pl.lit(value=True).alias("there"))
            return pl.lit(runs.join(fitting, on=key, how="left", maintain_order="left")["there"].is_not_null())
        case All(parts):
            return pl.all_horizontal(pl.lit(value=True), *(_holding(part, frame, containing) for part in parts))
        case Either(parts):
            return pl.any_horizontal(pl.lit(value=False), *(_holding(part, frame, containing) for part in parts))
        case Not(part):
            return ~_holding(part, frame, containing)


def _compare(frame: pl.DataFrame, column: str, operator: Operator, value: Operand) -> pl.Expr:
    stored = _comparable(frame, column, value)
    if stored is None:
        return pl.lit(value=False)
    if isinstance(value, str) and operator in ("like", "ilike", "~"):
        pattern = value if operator == "~" else regex_of_like(value, any_case=operator == "ilike")
        return stored.str.contains(pattern, strict=False).fill_null(value=False)
    match operator:
        case "=":
            found = stored == value
        case "!=":
            found = stored != value
        case "<":
            found = stored < value
        case "<=":
            found = stored <= value
        case ">":
            found = stored > value
        case ">=":
            found = stored >= value
        case _:
            return pl.lit(value=False)
    if not isinstance(value, str | datetime) and operator != "!=":
        # To Polars NaN equals itself and is above all numbers; to everybody else it is nowhere.
        found = pl.lit(value=False) if math.isnan(value) else found & stored.is_not_nan()
    return found.fill_null(value=False)


def _one_of(frame: pl.DataFrame, column: str, values: tuple[Operand, ...]) -> pl.Expr:
    texts = [value for value in values if isinstance(value, str)]
    others = [_compare(frame, column, "=", value) for value in values if not isinstance(value, str)]
    stored = _comparable(frame, column, "")
    if texts and stored is not None:
        others.append(stored.is_in(texts).fill_null(value=False))
    return pl.any_horizontal(pl.lit(value=False), *others)


def _comparable(frame: pl.DataFrame, column: str, value: Operand) -> pl.Expr | None:
    """A column as what can be compared with a value; None where none of it can."""
    dtype, stored = frame.schema[column], pl.col(column)
    if isinstance(value, str):
        return stored.cast(pl.String) if dtype == pl.String or isinstance(dtype, pl.Enum) else None
    if isinstance(value, datetime):
        return stored if isinstance(dtype, pl.Datetime) else None
    if dtype == pl.String:
        return stored.str.strip_chars().cast(pl.Float64, strict=False)
    return stored.cast(pl.Float64) if dtype.is_numeric() else None
