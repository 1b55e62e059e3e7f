"""Parallel coordinates: where every run lies on the axes of several columns, and which condition a part of one means.

Source: Inselberg, "The plane with parallel coordinates", The Visual Computer 1, 1985.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import numpy as np
import polars as pl

from tui_runs.analysis.arrays import Floats, Integers
from tui_runs.analysis.association import associations
from tui_runs.analysis.columns import Kind, kind_of, split_aggregate
from tui_runs.analysis.direction import Direction
from tui_runs.analysis.distributions import numbers_or_words
from tui_runs.analysis.ordering import as_numbers
from tui_runs.analysis.query_text import column_text, value_text

_DECADES: Final = 2
"""Numbers that span no more powers of ten than this have a linear axis."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis, and where n runs lie on it.

    Attributes:
        column: as in the wide frame.
        kind: what its numbers are; those of "time" are seconds since 1970 UTC.
        places: n of them, 0 at the low end to 1 at the high end; NaN where a run has no value that is finite, or none
            that has a logarithm.
        values: n numbers, NaN in the same places; for words the place in `words`.
        low: the number at the low end.
        high: that at the high end.
        log: the axis is logarithmic.
        words: what stands on an axis of words, from the low end up; empty for numbers.
    """

    column: str
    kind: Kind
    places: Floats
    values: Floats
    low: float
    high: float
    log: bool = False
    words: tuple[str, ...] = ()

    def value_at(self, place: float) -> float:
        """The number at a place."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        bent = low * (1 - place) + high * place
        with np.errstate(over="ignore"):  # a rounding above the largest float is infinite, and the high end is meant
            value = float(np.power(10.0, bent)) if self.log else bent
        return min(max(value, self.low), self.high)

    def condition(self, low: float, high: float) -> str | None:
        """A filter that the runs pass which lie on a part of the axis; None where columns like this have no filter.

        The numbers are those of the outermost runs there, rounded outwards to three digits or so.

        Args:
            low: a place.
            high: a place above or equal.
        """
        if split_aggregate(self.column)[0] != "last":
            return None
        inside = self.values[(self.places >= low) & (self.places <= high)]
        name = column_text(self.column)
        if self.words:
            words = sorted({int(place) for place in inside.tolist()})
            texts = [value_text(self.words[place]) for place in words]
            return f"{name} = {texts[0]}" if len(texts) == 1 else f"{name} in ({', '.join(texts)})" if texts else None
        first, last = (inside.min(), inside.max()) if len(inside) else (self.value_at(low), self.value_at(high))
        one, other = self._rounded(float(first), float(last))
        return f"{name} = {one}" if one == other else f"{name} between {one} and {other}"

    def _rounded(self, low: float, high: float) -> tuple[str, str]:
        """Two numbers as a filter has them, the first rounded down and the second up."""
        if self.kind == "time":
            return _moment_text(math.floor(low)), _moment_text(math.ceil(high))
        span = high / 2 - low / 2  # 0 too where the least floats are halved
        step = None if self.log or span <= 0 else math.floor(math.log10(span)) - 2
        return _outwards(low, step, up=False), _outwards(high, step, up=True)


def _moment_text(seconds: float) -> str:
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    if seconds <= first.timestamp():
        return value_text(first)
    return value_text(last if seconds >= last.timestamp() else datetime.fromtimestamp(seconds, UTC))


def _outwards(value: float, exponent: int | None, *, up: bool) -> str:
    """A number rounded up or down to a multiple of 10 ** exponent; to three digits of its own where that is None."""
    exact = Decimal(repr(value))
    size = Decimal(1).scaleb(exact.adjusted() - 2 if exponent is None else exponent)
    rounded = float(exact.quantize(size, ROUND_CEILING if up else ROUND_FLOOR))
    most = sys.float_info.max
    return value_text(min(max(rounded, -most), most))


def axis_of(frame: pl.DataFrame, column: str, *, log: bool | None = None) -> Axis:
    """The axis of a column, and where the runs lie on it.

    Args:
        frame: n runs, the column among theirs: numbers, times, or words, which stand on it at even distances in the
            order of the alphabet.
        column: its name.
        log: the axis is logarithmic where it has numbers; where None, if these want it, see `wants_log`.
    """
    values = numbers_or_words(frame[column])
    if values.dtype == pl.String:
        words = values.drop_nulls().unique().to_frame("word").sort(pl.col("word").str.to_lowercase(), "word")["word"]
        ranks = {word: float(rank) for rank, word in enumerate(words.to_list())}
        numbers = values.replace_strict(ranks, default=None, return_dtype=pl.Float64)
        return _axis(column, "text", numbers, log=False, words=tuple(words.to_list()))
    return _axis(column, kind_of(column), values, log=wants_log(frame, column) if log is None else log)


def wants_log(frame: pl.DataFrame, column: str) -> bool:
    """Whether a column has positive numbers over more than two powers of ten that lie more evenly in those.

    A share that happens to come near 0 in one run of many does not want a logarithmic axis, a learning rate does.
    """
    values = numbers_or_words(frame[column])
    if values.dtype == pl.String or kind_of(column) == "time":
        return False
    values = values.filter(values.is_finite() & values.is_not_null()).unique().sort()
    low, high = _ends(values)
    if low <= 0 or math.log10(high) - math.log10(low) <= _DECADES:
        return False
    numbers = values.to_numpy()
    return _unevenness(np.log10(numbers)) <= _unevenness(numbers)


def _unevenness(ordered: Floats) -> float:
    """How far the furthest of growing numbers lies from where it would if all were equally far apart, in their span."""
    places = (ordered / 4 - ordered[0] / 4) / (ordered[-1] / 4 - ordered[0] / 4)
    return float(np.abs(places - np.linspace(0, 1, len(ordered))).max())


def _axis(column: str, kind: Kind, numbers: pl.Series, *, log: bool, words: tuple[str, ...] = ()) -> Axis:
    values = numbers.fill_null(math.nan).to_numpy().astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    if log:
        values[~(values > 0)] = np.nan
    low, high = _ends(pl.Series(values[~np.isnan(values)]))
    bent, first, last = (np.log10(values), math.log10(low), math.log10(high)) if log else (values, low, high)
    # Quartered, so that the span from -1e308 to 1e308 is a number.
    span = last / 4 - first / 4
    places = (bent / 4 - first / 4) / span if span > 0 else np.where(np.isnan(values), np.nan, 0.5)
    return Axis(column, kind, np.clip(places, 0, 1), values, low, high, log, words)


def _ends(values: pl.Series) -> tuple[float, float]:
    """The least and the greatest of finite numbers; (1, 1) of none."""
    return (float(values.min()), float(values.max())) if len(values) else (1.0, 1.0)  # type: ignore[arg-type]


def telling_columns(frame: pl.DataFrame, metric: str, columns: Sequence[str]) -> list[str]:
    """The columns in which runs differ, those first that have most to do with a metric.

    Args:
        frame: runs, with the metric and the columns among theirs.
        metric: a column of numbers.
        columns: which ones; words that are all different tell nothing.
    """
    found = sorted(associations(frame, metric, columns), key=lambda one: one.small)
    strongest = [one.column for one in found]
    return [*strongest, *(column for column in columns if column not in strongest and _differs(frame[column]))]


def _differs(values: pl.Series) -> bool:
    there = values.drop_nulls()
    different = there.n_unique()
    return different > 1 and (different < len(there) or as_numbers(there) is not None)


def shades_of(values: Floats, shades: int, better: Direction | None = None) -> Integers:
    """Which of so many shades each run has by its rank: the last shade are the best, or the greatest.

    Ranks, so that one run that diverged does not make all the others look alike.

    Args:
        values: n numbers.
        shades: how many there are.
        better: which way the numbers are better.

    Returns:
        n shades, -1 where the number is not finite. Equal numbers have one shade.
    """
    found = np.full(len(values), -1, np.int64)
    finite = np.isfinite(values)
    if not finite.any():
        return found
    different, rank, counts = np.unique(values[finite], return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / counts.sum()
    if better == "lower":
        middle = 1 - middle
    place = np.floor(middle * shades) if len(different) > 1 else np.full(1, shades - 1.0)
    found[finite] = np.clip(place, 0, shades - 1).astype(np.int64)[rank]
    return found
