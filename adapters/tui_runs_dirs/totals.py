"""What points add up to: the row of METRICS of each series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tui_runs.adapter import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a point without a time, in microseconds since 1970."""


class Total(NamedTuple):
    """What the points of one series add up to, in the order of METRICS and a time.

    NaN is least and greatest only of NaN alone.
    The last point is the one of the greatest step; of several the one written last.
    """

    last: float
    last_step: int
    last_time: int
    """Microseconds since 1970, or NO_TIME."""
    low: float
    low_step: int
    high: float
    high_step: int
    points: int
    first_time: int
    """Of the point written first; microseconds since 1970, or NO_TIME."""


@dataclass(frozen=True, slots=True)
class Summed:
    """A stretch of a series file, summed up.

    Args:
        totals: by key.
        end: as `Stretch.end`.
        complete: as `Stretch.complete`.
        restarted: as `Stretch.restarted`.
        problems: as `Stretch.problems`.
    """

    totals: dict[str, Total]
    end: int
    complete: bool
    restarted: bool = False
    problems: Sequence[Problem] = ()


def joined(first: Total, second: Total) -> Total:
    """Two stretches of one series as one, in the order in which they were written."""
    last = second if second.last_step >= first.last_step else first
    low = second if second.low < first.low or first.low != first.low else first
    high = second if second.high > first.high or first.high != first.high else first
    return Total(
        last.last, last.last_step, last.last_time, low.low, low.low_step, high.high, high.high_step,
        first.points + second.points, first.first_time,
    )  # fmt: skip


def totals_of(frame: pl.DataFrame) -> dict[str, Total]:
    """Sum points up by key.

    Args:
        frame: as `tui_runs_dirs.layout.Stretch.frame`.
    """
    if frame.is_empty():
        return {}
    stretches = frame["key"].rle().struct.unnest()
    keys = stretches["value"]
    if keys.n_unique() == len(keys):  # the points of each key stand together
        parts = frame
        bounds = np.concatenate([[0], np.cumsum(stretches["len"].to_numpy().astype(np.intp))])
    else:
        keys = frame["key"].unique(maintain_order=True)
        code = frame["key"].cast(pl.Enum(keys)).to_physical().to_numpy()
        order = np.argsort(code, kind="stable")
        parts = frame[order]
        bounds = np.searchsorted(code[order], np.arange(len(keys) + 1))
    time = parts["time"].to_physical().fill_null(NO_TIME).to_numpy()
    totals = totals_between(parts["value"].to_numpy(), parts["step"].to_numpy(), time, bounds)
    return {key: total for key, total in zip(keys.to_list(), totals, strict=True) if total is not None}


def totals_between(value: Floats, step: Ints, time: Ints | None, bounds: NDArray[np.intp]) -> list[Total | None]:
    """Sum up the points between each bound and the next.

    Args:
        value: of the points.
        step: of the points.
        time: of the points, microseconds since 1970 or NO_TIME; None where none has any.
        bounds: where each group begins, and where the last one ends. A group may be empty.

    Returns:
        One a group; None for one without points.
    """
    sizes = np.diff(bounds)
    filled = np.flatnonzero(sizes)
    totals: list[Total | None] = [None] * len(sizes)
    if not len(filled):
        return totals
    starts, counts = bounds[:-1][filled], sizes[filled]
    ends = starts + counts
    value, step = value[starts[0] : ends[-1]], step[starts[0] : ends[-1]]
    time = time[starts[0] : ends[-1]] if time is not None else None
    starts, ends = starts - starts[0], ends - starts[0]

    at = ends - 1  # the last of each, where steps do not go back
    latest = np.maximum.reduceat(step, starts)
    if (step[at] != latest).any():
        places = np.flatnonzero(step == np.repeat(latest, counts))
        at = places[np.searchsorted(places, ends) - 1]
    low_at, low = _extreme(np.fmin, value, starts, ends, counts)
    high_at, high = _extreme(np.fmax, value, starts, ends, counts)
    no_times = np.full(len(at), NO_TIME)
    columns = (
        value[at], latest, no_times if time is None else time[at], low, step[low_at], high, step[high_at], counts,
        no_times if time is None else time[starts],
    )  # fmt: skip
    for group, row in zip(filled.tolist(), zip(*(column.tolist() for column in columns), strict=True), strict=True):
        totals[group] = Total(*row)
    return totals


def _extreme(
    choose: np.ufunc, value: Floats, starts: NDArray[np.intp], ends: NDArray[np.intp], counts: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Floats]:
    """Where each group has its least or greatest value first, and that value; NaN of NaN alone."""
    found: Floats = choose.reduceat(value, starts)
    places = np.flatnonzero(value == np.repeat(found, counts))
    first = np.searchsorted(places, starts)
    # Of a group of NaN alone no place is found.
    at = np.where(first < len(places), places[np.minimum(first, len(places) - 1)], -1) if len(places) else starts - 1
    return np.where((at >= starts) & (at < ends), at, starts), found
