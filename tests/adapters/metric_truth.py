"""What a metric file says, worked out slowly in plain Python: what the fast code is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import NamedTuple


class Point(NamedTuple):
    """One logged value, in the order in which MLflow's rule for the latest one compares."""

    step: int
    ms: int
    value: float


class Truth(NamedTuple):
    """What the table shows of a metric."""

    last: float
    last_step: int
    last_ms: int
    min: float
    min_step: int
    max: float
    max_step: int
    count: int


def truth_of(points: Sequence[Point]) -> Truth:
    """Last is Python's own max by (step, timestamp, value); NaN is least and greatest only where nothing else is."""
    last = max(points)
    numbers = [point for point in points if not isnan(point.value)] or list(points)
    low = min(numbers, key=lambda point: point.value)
    high = max(numbers, key=lambda point: point.value)
    return Truth(last.value, last.step, last.ms, low.value, low.step, high.value, high.step, len(points))


def same(a: float, b: float) -> bool:
    """Equal, or both NaN."""
    return a == b or (a != a and b != b)
