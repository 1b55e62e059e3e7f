"""What a chart is made of: curves, ribbons and axes; and what of it cannot be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tui_runs.analysis.chart_choices import Spread
from tui_runs.analysis.reduction import Series
from tui_runs.drawing.ticks import Kind


@dataclass(frozen=True, eq=False)
class Curve:
    """One line of a chart.

    Attributes:
        points: where it runs; NaN and infinite values are gaps with a mark.
        colour: `#rrggbb`.
        dash: which of `DASHES`, counted on from the first after the last.
        label: what a legend calls it.
        behind: it is drawn only where nothing else is: the raw values behind smoothed ones.
    """

    points: Series
    colour: str
    dash: int = 0
    label: str = ""
    behind: bool = False


@dataclass(frozen=True, eq=False)
class Ribbon:
    """Several curves drawn as one: their mean as a line, over a filled band.

    Attributes:
        members: the curves.
        spread: how far the band reaches.
        colour: `#rrggbb` of the line.
        fill: `#rrggbb` of the band.
        dash: of the line.
        label: what a legend calls it.
    """

    members: Sequence[Series]
    spread: Spread
    colour: str
    fill: str
    dash: int = 0
    label: str = ""


@dataclass(frozen=True)
class Axes:
    """What the two axes of a chart show.

    Attributes:
        x_label: written at the end of the x axis where there is room.
        log_x: the x axis is logarithmic; what is not positive is not drawn.
        log_y: the same for y.
        x_kind: "number"; "duration", x in seconds; "time", x in seconds since 1970 UTC, shown on the local clock.
        x_limits: the part of x to show, all of it when None.
        y_limits: the part of y to show, an infinite end as far as the shown part of x needs; all that when None.
        symlog_y: the y axis is logarithmic to both sides of 0; not heeded with `log_y`.
        ignore_outliers: the y axis shows where most values lie; not heeded with `y_limits`.
    """

    x_label: str = ""
    log_x: bool = False
    log_y: bool = False
    x_kind: Kind = "number"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    symlog_y: bool = False
    ignore_outliers: bool = False


class Undrawn(NamedTuple):
    """How many points of some curves a chart does not show as dots."""

    nan: int
    infinite: int
    not_positive: int
    """On a logarithmic axis."""


def count_undrawn(curves: Sequence[Curve], axes: Axes) -> Undrawn:
    """What the axes cannot show: said in a title, so that nobody takes a gap for the truth.

    Takes 1 ms for a million points on a logarithmic axis, and nothing on others once the curves were drawn.
    """
    nan = infinite = hidden = 0
    for curve in curves:
        missing = np.isnan(curve.points.missing[1])
        nan += int(missing.sum())
        infinite += len(missing) - int(missing.sum())
        if axes.log_x:  # a point counts once, whichever of the axes has no place for it
            x, y = curve.points.x, curve.points.y
            low = (x <= 0) | (y <= 0) if axes.log_y else x <= 0
            hidden += int(np.count_nonzero(low & np.isfinite(x) & np.isfinite(y)))
        elif axes.log_y:
            hidden += int(np.count_nonzero(curve.points.finite <= 0))
    return Undrawn(nan, infinite, hidden)


def not_shown(curves: Sequence[Curve], axes: Axes, outliers: int = 0) -> str:
    """What of some curves is not seen as dots, for a title, so that nobody takes a gap for the truth.

    Args:
        curves: those that are behind do not count.
        axes: of the chart.
        outliers: points beyond the y axis.
    """
    undrawn = count_undrawn([curve for curve in curves if not curve.behind], axes)
    said = (
        (undrawn.nan, "NaN"),
        (undrawn.infinite, "±∞"),
        (undrawn.not_positive, "≤ 0"),
        (outliers, "outliers beyond"),
    )
    return " · ".join(f"{count:,} {what}" for count, what in said if count)
