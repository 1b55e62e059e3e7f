"""What several curves have in common: their middle, and how far they spread around it, along x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui_runs.analysis.arrays import Floats
from tui_runs.analysis.chart_choices import Spread
from tui_runs.analysis.reduction import Limits, Positions, Series, column_edges

_POINTS_A_COLUMN: Final = 4
"""Curves of no more points are read at every x that one of them has; longer ones column by column."""


class Band(NamedTuple):
    """Curves summed up at n positions of x, growing."""

    x: Floats
    middle: Floats
    """Their mean; NaN where there is no curve."""
    low: Floats
    high: Floats
    curves: NDArray[np.int64]
    """How many curves there are."""


class _Values(NamedTuple):
    """One curve at the positions; NaN outside of its own span, and in its gaps."""

    mean: Floats
    low: Floats
    high: Floats


def band_of(curves: Sequence[Series], spread: Spread, columns: int, limits: Limits = None, log_x: bool = False) -> Band:
    """The band of some curves.

    Between two points a curve is the line between them, so that runs that logged at different steps can be compared;
    before its first and after its last it does not count. A curve with many points a column counts as their mean
    there, and with the lowest and the highest of them in the range: no spike is lost.

    Args:
        curves: at least one; where x runs back, its points are taken in the order of x.
        spread: the lowest and the highest curve, or one standard deviation (of a sample: n - 1) to both sides of the
            mean, none where there is one curve.
        columns: how many dots the chart is wide.
        limits: the part of x to look at; all of it when None.
        log_x: columns are even in log10(x), and what is not positive does not count.
    """
    sorted_curves = [_by_x(curve, log_x) for curve in curves]
    spans = [(x[0], x[-1]) for x, _ in sorted_curves if len(x)]
    if not spans:
        nothing = np.zeros(0)
        return Band(nothing, nothing, nothing, nothing, np.zeros(0, np.int64))
    low, high = limits or (min(first for first, _ in spans), max(last for _, last in spans))
    inside = [x[x.searchsorted(low) : x.searchsorted(high, "right")] for x, _ in sorted_curves]
    if max(map(len, inside)) <= _POINTS_A_COLUMN * columns:
        # A curve goes on to the edges of what is looked at, and through it where none of its points lies there.
        edges = np.array([low, high]) if limits else np.zeros(0)
        at = np.unique(np.concatenate([*inside, edges]))
        values = [_interpolated(x, y, at) for x, y in sorted_curves]
    else:
        edges = column_edges(low, high, columns, log_x)
        at = np.sqrt(edges[:-1] * edges[1:]) if log_x else edges[:-1] / 2 + edges[1:] / 2
        values = [_by_column(x, y, edges, at) for x, y in sorted_curves]
    return _summed_up(at, values, spread)


def band_at(curves: Sequence[Series], spread: Spread, x: float) -> Band:
    """The band of some curves at one x: a band of one position, read off the lines between their points.

    Args:
        curves: at least one.
        spread: as for `band_of`.
        x: where.
    """
    at = np.array([x])
    return _summed_up(at, [_interpolated(*_around(curve, x), at) for curve in curves], spread)


def _around(curve: Series, x: float) -> tuple[Floats, Floats]:
    """The points to both sides of an x, with all that share their x, growing; every point where x runs back."""
    if not curve.grows or not len(curve):
        return _by_x(curve, False)
    after = int(curve.x.searchsorted(x))
    first = int(curve.x.searchsorted(curve.x[max(after - 1, 0)]))
    end = int(curve.x.searchsorted(curve.x[min(after, len(curve) - 1)], "right"))
    return curve.x[first:end], curve.y[first:end]


def _summed_up(at: Floats, values: Sequence[_Values], spread: Spread) -> Band:
    means = np.array([one.mean for one in values])
    there = ~np.isnan(means)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(there, means, 0).sum(axis=0) / count
        if spread is Spread.RANGE:
            low = np.fmin.reduce([one.low for one in values])
            high = np.fmax.reduce([one.high for one in values])
        else:
            squares = np.where(there, (means - middle) ** 2, 0).sum(axis=0)
            deviation = np.sqrt(squares / np.maximum(count - 1, 1))
            low, high = middle - deviation, middle + deviation
    return Band(at, middle, low, high, count)


def _by_x(curve: Series, log_x: bool) -> tuple[Floats, Floats]:
    x, y = curve.x, curve.y
    good = np.isfinite(x) & (x > (0 if log_x else -np.inf))
    if not good.all():
        x, y = x[good], y[good]
    if curve.grows:
        return x, y
    order = x.argsort(kind="stable")
    return x[order], y[order]


def _interpolated(x: Floats, y: Floats, at: Floats) -> _Values:
    """A curve at some positions; between a value and a gap there is nothing. Of several at one x the mean counts."""
    if not len(x):
        nothing = np.full(len(at), np.nan)
        return _Values(nothing, nothing, nothing)
    starts = np.flatnonzero(np.diff(x, prepend=-np.inf))
    lows, highs = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    y = np.where(np.isfinite(y), y, np.nan)
    y = np.add.reduceat(y, starts) / np.diff(starts, append=len(x))
    x = x[starts]
    after = np.minimum(x.searchsorted(at), len(x) - 1)
    before = np.maximum(after - 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((at - x[before]) / (x[after] - x[before]), 0, 1)
        between = y[before] * (1 - share) + y[after] * share
    exact = x[after] == at
    outside = (at < x[0]) | (at > x[-1])
    mean = np.where(outside, np.nan, np.where(exact, y[after], between))
    finite = np.isfinite(mean)
    return _Values(
        mean,
        np.where(exact & finite, lows[after], mean),
        np.where(exact & finite, highs[after], mean),
    )


def _by_column(x: Floats, y: Floats, edges: Floats, at: Floats) -> _Values:
    """A curve column by column: the finite points in each, and what lies between them where there are none."""
    finite = np.isfinite(y)
    kept_x, kept_y = (x, y) if finite.all() else (x[finite], y[finite])
    bounds: Positions = kept_x.searchsorted(edges)
    filled = np.diff(bounds) > 0
    means = np.full(len(at), np.nan)
    lows, highs = means.copy(), means.copy()
    if filled.any():
        starts = bounds[:-1][filled]
        within = kept_y[: bounds[-1]]
        means[filled] = np.add.reduceat(within, starts) / np.diff(bounds)[filled]
        lows[filled], highs[filled] = np.minimum.reduceat(within, starts), np.maximum.reduceat(within, starts)
    first, last = (x[0], x[-1]) if len(x) else (np.inf, -np.inf)
    between = ~filled & (at > first) & (at < last)
    if between.any():  # this takes more than all of the above
        means[between], lows[between], highs[between] = _interpolated(x, y, at[between])
    return _Values(means, lows, highs)
