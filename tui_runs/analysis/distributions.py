"""What runs have in common: a metric against a column, its spread by category, how often it has which value.

Quartiles are interpolated between the two nearest values: definition 7 of Hyndman and Fan, "Sample quantiles in
statistical packages", The American Statistician 50(4), 1996, which numpy and R take unless told otherwise. Whiskers
reach to the furthest values within 1.5 times the distance of the quartiles; what lies beyond is an outlier (Tukey,
"Exploratory Data Analysis", 1977, chapter 2; his hinges differ from these quartiles where values are few).

The bins of a histogram are 2 IQR n^(-1/3) wide (Freedman and Diaconis, "On the histogram as a density estimator: L2
theory", Zeitschrift für Wahrscheinlichkeitstheorie und verwandte Gebiete 57, 1981). Where the quartiles are equal that
is no width, and log2(n) + 1 bins are taken (Sturges, "The choice of a class interval", JASA 21, 1926).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from tui_runs.analysis.arrays import Floats, Integers
from tui_runs.analysis.ordering import as_numbers

_WHISKER: Final = 1.5


class Measured(NamedTuple):
    """The runs that a figure can show, and how many it cannot."""

    frame: pl.DataFrame
    """One row a run: source where the runs have one, run_id, value (Float64, finite), and x where there is one:
    Float64, finite, or String."""
    left_out: dict[str, int]
    """By reason: "missing", "NaN", "±∞", "≤ 0" on a logarithmic axis; a run counts once, for the first of them."""


def measure(
    frame: pl.DataFrame, metric: str, against: str | None = None, *, log_metric: bool = False, log_against: bool = False
) -> Measured:
    """Take a metric, and what it is held against, out of runs.

    Args:
        frame: runs, with run_id and these columns among theirs, and perhaps source.
        metric: a column of numbers.
        against: any column: numbers and texts that are all numbers become Float64, times seconds since 1970 UTC,
            everything else String.
        log_metric: the metric is shown on a logarithmic axis.
        log_against: the other is; not heeded where it is words.
    """
    ids = [frame[name] for name in ("source", "run_id") if name in frame.columns]
    columns = [*ids, frame[metric].cast(pl.Float64).alias("value")]
    if against is not None:
        columns.append(numbers_or_words(frame[against]).alias("x"))
    whole = pl.DataFrame(columns)
    numbers = [name for name in ("value", "x") if whole.schema.get(name) == pl.Float64]
    logarithmic = [name for name in numbers if (log_metric if name == "value" else log_against)]
    reasons = {
        "missing": [pl.col(name).is_null() for name in whole.columns[len(ids) :]],
        "NaN": [pl.col(name).is_nan() for name in numbers],
        "±∞": [pl.col(name).is_infinite() for name in numbers],
        "≤ 0": [pl.col(name) <= 0 for name in logarithmic],
    }
    left_out = {}
    for reason, tests in reasons.items():
        kept = whole.filter(~pl.any_horizontal(tests)) if tests else whole
        if kept.height < whole.height:
            left_out[reason] = whole.height - kept.height
        whole = kept
    return Measured(whole, left_out)


def numbers_or_words(values: pl.Series) -> pl.Series:
    """Numbers, and texts that are all numbers, as Float64, times as seconds since 1970 UTC, all else as String."""
    if values.dtype.is_temporal():
        return values.dt.epoch("us") / 1e6
    numbers = as_numbers(values)
    return values.cast(pl.String) if numbers is None else numbers


class Categories(NamedTuple):
    """Runs by what they have in x, the most frequent values where there are too many."""

    frame: pl.DataFrame
    """The runs that are kept, with the place of their category as the column place, UInt32."""
    values: list[float] | list[str]
    """Growing; words in order of the alphabet."""
    others: int
    """How many values were left out."""
    runs: int
    """How many runs have those."""


def by_category(frame: pl.DataFrame, most: int) -> Categories:
    """Sort runs into categories.

    Args:
        frame: that of `Measured`, with x.
        most: how many categories there may be; of equally frequent ones the first stay.
    """
    order = pl.col("x") if frame.schema["x"] == pl.Float64 else pl.col("x").str.to_lowercase()
    counts = frame.group_by("x").agg(pl.len().alias("runs")).sort(order, "x")
    kept = counts.sort("runs", descending=True, maintain_order=True).head(most).sort(order, "x")
    places = kept.select("x").with_row_index("place")
    found = frame.join(places, on="x", maintain_order="left")
    return Categories(found, kept["x"].to_list(), counts.height - kept.height, frame.height - found.height)


@dataclass(frozen=True)
class Box:
    """How some values are spread.

    Attributes:
        count: how many they are.
        low: where the lower whisker ends: the least value that is no outlier.
        q1: the lower quartile.
        median: the middle.
        q3: the upper quartile.
        high: where the upper whisker ends.
        outliers: what lies beyond the whiskers, growing.
    """

    count: int
    low: float
    q1: float
    median: float
    q3: float
    high: float
    outliers: tuple[float, ...] = ()


def box_of(values: Sequence[float] | Floats) -> Box:
    """The quartiles, whiskers and outliers of finite values, at least one."""
    ordered = np.sort(np.asarray(values, np.float64))
    q1, median, q3 = sorted(_quantile(ordered, share) for share in (0.25, 0.5, 0.75))  # whatever rounding made of them
    # Halved and clipped: the distance of two numbers may be more than the greatest one.
    reach = _WHISKER * (q3 / 2 - q1 / 2)
    inside = (ordered / 2 >= q1 / 2 - reach) & (ordered / 2 <= q3 / 2 + reach)
    # A whisker never ends inside the box, which it may if the nearest value to a quartile is an outlier.
    low, high = min(q1, float(ordered[inside][0])), max(q3, float(ordered[inside][-1]))
    return Box(len(ordered), low, q1, median, q3, high, tuple(ordered[~inside].tolist()))


def _quantile(ordered: Floats, share: float) -> float:
    place = (len(ordered) - 1) * share
    below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
    part = place - math.floor(place)
    return min(max(below * (1 - part) + above * part, below), above)


class Histogram(NamedTuple):
    """How many values lie in which bin."""

    edges: Floats
    """One more than there are bins, growing; twice the same where all values are one."""
    counts: Integers
    """By bin; a value on an edge belongs to the bin above, the greatest to the last."""


def histogram_of(values: Sequence[float] | Floats, most: int, *, log: bool = False) -> Histogram:
    """Count values in bins of equal width.

    Args:
        values: finite, at least one; above 0 if `log`.
        most: how many bins there may be.
        log: the bins have equal widths on a logarithmic axis.
    """
    given = np.asarray(values, np.float64)
    ordered = np.sort(np.log10(given) if log else given)
    low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        only = float(given[0])
        return Histogram(np.array([only, only]), np.array([len(given)]))
    count = min(_bin_count(ordered), most)
    shares = np.linspace(0, 1, count + 1)
    edges = low * (1 - shares) + high * shares
    if log:
        edges = 10**edges
    edges[0], edges[-1] = given.min(), given.max()
    edges = np.maximum.accumulate(np.clip(edges, edges[0], edges[-1]))  # what rounding put out of order
    return Histogram(edges, np.histogram(given, edges)[0])


def _bin_count(ordered: Floats) -> int:
    """Freedman and Diaconis's, or Sturges's where the quartiles are equal."""
    half = ordered / 2  # so that no distance is more than the greatest number
    iqr = _quantile(half, 0.75) - _quantile(half, 0.25)
    width = 2 * iqr / math.cbrt(len(ordered))
    if width > 0 and math.isfinite(count := float(half[-1] - half[0]) / width):
        return max(math.ceil(count), 1)
    return math.ceil(math.log2(len(ordered))) + 1
