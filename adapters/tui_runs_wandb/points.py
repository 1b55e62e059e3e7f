"""The points of one stretch of a run's log, in columns: sorted by key, so that a curve is a slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

NO_TIME: Final = np.iinfo(np.int64).min
"""Stands for a missing time."""
YEAR_10000: Final = 253_402_300_800.0
"""Seconds since 1970 to the first moment that is too late for Python's datetime; what lies before 1970 is no time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What was logged at once has a row; both calls of `log` and samples of the system.

    Args:
        step: of each.
        time: microseconds since 1970, or NO_TIME.
        end: the offset in the file behind its record; ascending.
    """

    step: Whole
    time: Whole
    end: Whole


@dataclass(frozen=True, slots=True)
class Points:
    """Values with their keys and rows, sorted by key and then by row.

    Args:
        rows: what the points refer to.
        keys: the keys that occur, ascending.
        bounds: where the points of each begin, and at last their count.
        row: of each point.
        value: of each point.
    """

    rows: Rows
    keys: NDArray[np.int32]
    bounds: Whole
    row: NDArray[np.int32]
    value: Floats

    def of_key(self, key: int) -> slice:
        """Where the points of a key stand."""
        at = int(np.searchsorted(self.keys, key))
        if at == len(self.keys) or self.keys[at] != key:
            return slice(0, 0)
        return slice(int(self.bounds[at]), int(self.bounds[at + 1]))

    @property
    def bytes(self) -> int:
        """Memory taken."""
        arrays = (self.row, self.value, self.rows.step, self.rows.time, self.rows.end)
        return sum(array.nbytes for array in arrays)


def sort_points(rows: Rows, key: NDArray[np.int32], row: NDArray[np.int32], value: Floats) -> Points:
    """Bring points into order.

    Args:
        rows: what they refer to.
        key: of each.
        row: of each; ascending among those of one key.
        value: of each.
    """
    # A sort of 16-bit numbers is a radix sort: 15 ns a point, a fifth of any other.
    small = key.astype(np.uint16) if not len(key) or key.max() < 1 << 16 else key
    order = np.argsort(small, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=np.int32(-1)))
    return Points(rows, key[first], np.append(first, len(key)), row[order], value[order])


def join_points(parts: Sequence[Points]) -> Points:
    """One stretch of several that follow one another."""
    before = np.cumsum([0, *(len(part.rows.end) for part in parts)])
    rows = Rows(
        np.concatenate([part.rows.step for part in parts]),
        np.concatenate([part.rows.time for part in parts]),
        np.concatenate([part.rows.end for part in parts]),
    )
    return sort_points(
        rows,
        np.concatenate([np.repeat(part.keys, np.diff(part.bounds)) for part in parts]),
        np.concatenate([part.row + np.int32(base) for part, base in zip(parts, before[:-1], strict=True)]),
        np.concatenate([part.value for part in parts]),
    )


class Totals:
    """What the table shows of every key, over all points so far; columns by the keys' numbers.

    The last point is that of the highest step, the latest of these, and the greatest of these: the same rule as for
    every other store. Logged in order, as W&B has it, that is the one written last. NaN is the least and the greatest
    only where there is nothing else.
    """

    def __init__(self) -> None:
        self.count = np.zeros(0, np.int64)
        self.last = np.zeros(0)
        self.low = np.zeros(0)
        self.high = np.zeros(0)
        self.last_step = np.zeros(0, np.int64)
        self.last_time = np.zeros(0, np.int64)
        self.last_end = np.zeros(0, np.int64)
        self.low_step = np.zeros(0, np.int64)
        self.high_step = np.zeros(0, np.int64)
        self.first_end = np.zeros(0, np.int64)

    def add(self, points: Points) -> None:
        """Take in points that were logged later."""
        if not len(points.keys):
            return
        self._make_room(int(points.keys[-1]) + 1)
        key, begin = points.keys, points.bounds[:-1]
        sizes = np.diff(points.bounds)
        step, end = points.rows.step[points.row], points.rows.end[points.row]
        fresh = self.count[key] == 0
        self.first_end[key[fresh]] = end[begin[fresh]]
        self.last_end[key] = end[points.bounds[1:] - 1]
        self.count[key] += sizes

        latest = self._latest(points)
        new_step, new_time = step[latest], points.rows.time[points.row[latest]]
        new = points.value[latest]
        newer = fresh | _later(new_step, new_time, new, self.last_step[key], self.last_time[key], self.last[key])
        where = key[newer]
        self.last[where], self.last_step[where], self.last_time[where] = new[newer], new_step[newer], new_time[newer]

        for extreme, held, held_step, beats in (
            (np.fmin, self.low, self.low_step, np.less),
            (np.fmax, self.high, self.high_step, np.greater),
        ):
            best = extreme.reduceat(points.value, begin)
            spread = np.repeat(best, sizes)
            equal = np.flatnonzero((points.value == spread) | np.isnan(spread))
            at = equal[np.searchsorted(equal, begin)]
            better = fresh | beats(best, held[key]) | (np.isnan(held[key]) & ~np.isnan(best))
            where = key[better]
            held[where], held_step[where] = best[better], step[at][better]

    def _latest(self, points: Points) -> Whole:
        """Where the last point of each key stands."""
        rows = points.rows
        rises = np.diff(rows.step[points.row]) > 0
        rises[points.bounds[1:-1] - 1] = True  # from one key to the next
        if rises.all():
            return points.bounds[1:] - 1
        key = np.repeat(points.keys, np.diff(points.bounds))
        value = points.value
        order = np.lexsort((value, ~np.isnan(value), rows.time[points.row], rows.step[points.row], key))
        return order[points.bounds[1:] - 1]

    def _make_room(self, size: int) -> None:
        missing = size - len(self.count)
        if missing > 0:
            for name, column in vars(self).items():
                setattr(self, name, np.concatenate([column, np.zeros(missing, column.dtype)]))


def _later(
    step: Whole, time: Whole, value: Floats, than_step: Whole, than_time: Whole, than: Floats
) -> NDArray[np.bool_]:
    same_step, same_time = step == than_step, time == than_time
    greater = (value > than) | (np.isnan(than) & ~np.isnan(value))
    later: NDArray[np.bool_] = (step > than_step) | (same_step & ((time > than_time) | (same_time & greater)))
    return later
