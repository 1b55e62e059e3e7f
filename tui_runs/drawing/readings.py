"""The values of curves at an x, written so that no two that differ look the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tui_runs.analysis.reduction import Series
from tui_runs.display import MISSING, number
from tui_runs.drawing.ticks import Kind, duration_label, number_label, time_label

_DIGITS: Final = 4
_MOST_DIGITS: Final = 17
"""So many tell any two 64-bit floats apart."""


def read_at(points: Series, x: float) -> float | None:
    """The value of the point that is nearest to an x; None beyond both ends of the curve."""
    near = points.near(x)
    return None if near is None else float(points.y[near])


def texts_apart(values: Sequence[float | None], digits: int = _DIGITS) -> list[str]:
    """Numbers in as many digits as tell them apart, four at the least; missing ones as everywhere.

    Args:
        values: None is missing.
        digits: to begin with.
    """
    different = {value for value in values if value is not None and math.isfinite(value)}
    while digits < _MOST_DIGITS and len({number(value, digits) for value in different}) < len(different):
        digits += 1
    return [MISSING if value is None else number(value, digits) for value in values]


def x_text(x: float, kind: Kind) -> str:
    """An x by itself: 1200, 1h30m, Nov 20 14:30:05."""
    if kind == "duration":
        return duration_label(x)
    if kind == "time":
        return time_label(x)
    return f"{x:.0f}" if abs(x) >= 1000 else number_label(x)
