"""Where the points of a metric lie along x: by step, by time, or over another metric, such as the tokens seen."""

from __future__ import annotations

import numpy as np
import polars as pl

from tui_runs.analysis.arrays import Floats
from tui_runs.analysis.chart_choices import XAxis


def as_of(at: Floats, keys: Floats, values: Floats) -> Floats:
    """What a metric was when something happened: its value at the last key that is not after.

    Args:
        at: n moments or steps, in any order.
        keys: m moments or steps of the metric, in any order; of equal ones the last counts, and NaN says nothing.
        values: its m values.

    Returns:
        n values; NaN before the first key, and where it is not known when.
    """
    if np.isnan(keys).any():
        known = ~np.isnan(keys)
        keys, values = keys[known], values[known]
    if not len(keys):
        return np.full(len(at), np.nan)
    if not (keys[1:] >= keys[:-1]).all():
        order = keys.argsort(kind="stable")
        keys, values = keys[order], values[order]
    place = keys.searchsorted(at, "right") - 1
    return np.where((place >= 0) & ~np.isnan(at), values[np.maximum(place, 0)], np.nan)


def positions(points: pl.DataFrame, x: XAxis, over: pl.DataFrame | None = None) -> Floats:
    """The x of every point of a metric.

    Args:
        points: of the metric: step (Int64), time (TIME), value; at least one.
        x: what over. The time since start counts from the metric's first point.
        over: points of the metric that it is drawn over, for `XAxis.METRIC`: joined by step, or by time where steps do
            not tell the points of both apart.

    Returns:
        Steps, seconds, seconds since 1970, or values of `over`; NaN where that had no value yet.
    """
    if x is XAxis.METRIC:
        if over is None:
            raise ValueError("a metric to draw over is needed")
        by_step = all(frame["step"].n_unique() > 1 for frame in (points, over))
        at, keys = (_steps(frame) if by_step else _seconds(frame) for frame in (points, over))
        return as_of(at, keys, over["value"].to_numpy())
    if x is XAxis.STEP:
        return _steps(points)
    seconds = _seconds(points)
    return seconds - np.nanmin(seconds) if x is XAxis.RELATIVE else seconds


def _steps(points: pl.DataFrame) -> Floats:
    return points["step"].cast(pl.Float64).to_numpy()


def _seconds(points: pl.DataFrame) -> Floats:
    return (points["time"].dt.epoch("us").cast(pl.Float64) / 1e6).to_numpy()
