"""The values of curves at an x, written so that no two that differ look the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tui_runs.analysis.bands import band_at
from tui_runs.analysis.chart_choices import Spread
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


def band_text(members: Sequence[Series], spread: Spread, x: float) -> str:
    """What a band says at an x: "0.36 ± 0.02", or "0.36 (0.31…0.42)" with the lowest and the highest curve.

    Args:
        members: its curves.
        spread: how far it reaches.
        x: where; where not all curves have a value, it says how many do, and nothing where none does.
    """
    band = band_at(members, spread, x)
    count = int(band.curves[0])
    if not count:
        return ""
    middle, low, high = (float(values[0]) for values in (band.middle, band.low, band.high))
    if count == 1:
        text = number(middle)
    elif spread is Spread.DEVIATION:
        text = f"{number(middle)} ± {number(middle - low, 2)}"
    else:
        shown = texts_apart([middle, low, high])
        text = f"{shown[0]} ({shown[1]}…{shown[2]})"
    return text if count == len(members) else f"{text} of {count}"


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
