"""Draws a chart: curves, bands, axes, a cursor, and marks where something cannot be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment

from tui_runs.analysis.bands import Band, band_of
from tui_runs.analysis.outliers import count_outside, inner_limits
from tui_runs.display import printable
from tui_runs.drawing.contents import Axes, Curve, Ribbon
from tui_runs.drawing.page import Mark, Page, style
from tui_runs.drawing.raster import (
    BRAILLE,
    DASHES,
    Dots,
    Glyphs,
    Points,
    gather,
    positions,
    rasterise,
    rasterise_band,
    usable,
    x_scale,
    y_scale,
)
from tui_runs.drawing.ticks import Scale, column_ticks, row_ticks

MIN_WIDTH: Final = 10
MIN_HEIGHT: Final = 3
"""A chart of fewer cells is blank."""

_POINTS_TO_REDUCE: Final = 16
"""From how many points a column on reducing a curve costs less than drawing it: 0.3 ms against 0.3 us a point."""


@dataclass(frozen=True)
class Area:
    """Where in a chart the curves lie.

    Attributes:
        left: how many columns of the chart are to the left of it.
        columns: how many columns it has.
        rows: how many lines it has; it begins with the chart's first.
        x: the scale of the x axis, None if there is nothing to draw.
        y: the scale of the y axis, None if there is nothing to draw.
        y_ticks: (line, label) of the ticks of the y axis.
    """

    left: int
    columns: int
    rows: int
    x: Scale | None
    y: Scale | None
    y_ticks: tuple[tuple[int, str], ...]

    def x_at(self, column: int) -> float | None:
        """The x in the middle of a column of the chart, or nearest to it."""
        if self.x is None:
            return None
        per_column = self.x.dots // self.columns
        dot = (column - self.left) * per_column + (per_column - 1) / 2
        return self.x.value(min(max(dot, 0), self.x.dots - 1))

    def column_of(self, x: float) -> int | None:
        """The column of the chart where an x is drawn; None if it is outside."""
        if self.x is None or not self.x.low <= x <= self.x.high:
            return None
        return self.left + math.floor(self.x.position(x) + 0.5) // (self.x.dots // self.columns)


class Drawing(NamedTuple):
    """A chart, and where what is in it."""

    lines: list[list[Segment]]
    """Each `width` cells in all."""
    area: Area | None
    """None where the chart is blank for want of room."""
    outliers: int
    """Points beyond the y axis because outliers are ignored."""


def draw_chart(
    curves: Sequence[Curve],
    width: int,
    height: int,
    axes: Axes,
    *,
    ribbons: Sequence[Ribbon] = (),
    cursor: float | None = None,
    muted: str = "#6b7280",
    grid: str = "#30363d",
    background: str | None = None,
    glyphs: Glyphs = BRAILLE,
) -> Drawing:
    """A chart without title and legend: y ticks, curves over dotted grid rows, x ticks in the last line.

    Where curves share a cell, the dots of all are drawn, in the colour of the last; but those of curves that are
    `behind` and of bands give way. Points that cannot be drawn break the line and leave a mark at the edge: a cross
    below for NaN, an arrow for infinity. A curve of one point is a large dot. Curves of more than 16 points a column
    are reduced first.

    Args:
        curves: what to draw, the last on top.
        width: of the chart in cells; below `MIN_WIDTH` it is blank.
        height: in lines; below `MIN_HEIGHT` it is blank.
        axes: limits, scales and labels.
        ribbons: bands with their means, below the curves.
        cursor: an x where an upright line stands, and the nearest point of every curve is marked.
        muted: the colour of ticks.
        grid: the colour of the grid's dots.
        background: of the whole chart; none when None.
        glyphs: what dots are drawn with.
    """
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        blank = [[Segment(" " * width, style(muted, background))] if width > 0 else [] for _ in range(height)]
        return Drawing(blank, None, 0)
    layout = _lay_out(curves, ribbons, width, height, axes, glyphs)
    area = layout.area
    page = Page(width, height)
    for row, label in area.y_ticks:
        page.rule(row, area.left, glyphs)
        page.write(row, area.left - 1 - len(label), label)
    if area.x and area.y:
        page.stamp((area.left, area.columns, area.rows), glyphs, layout.dots(area.x, area.y), layout.backmost)
        column = area.column_of(cursor) if cursor is not None else None
        if column is not None:
            page.draw_upright(area.rows, column, glyphs, layout.backmost)
        for mark in layout.marks(area.x, area.y, glyphs, cursor if column is not None else None):
            page.put(area.left, mark, glyphs)
    _write_x_axis(page, area, width, axes)
    styles = [style(colour, background) for colour in (muted, grid, *layout.inks)]
    return Drawing(page.lines(styles), area, layout.outliers)


def _write_x_axis(page: Page, area: Area, width: int, axes: Axes) -> None:
    if area.x is None:
        return
    name = printable(axes.x_label)
    taken = len(name) + 2 if name and len(name) <= area.columns // 3 and cell_len(name) == len(name) else 0
    ticks = column_ticks(area.x, area.columns, area.left, taken)
    if taken and len(ticks) > 1:
        page.write(area.rows, width - len(name), name)
    elif taken:
        ticks = column_ticks(area.x, area.columns, area.left, 0)
    for start, label in ticks:
        page.write(area.rows, area.left + start, label)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is drawn, before it is: bands, then what is behind, then the curves, each with an ink of its own."""

    bands: Sequence[Band]
    curves: Sequence[Curve]
    points: Points
    inks: Sequence[str]
    backmost: int
    """So many inks from the first on give way to the others."""
    area: Area
    outliers: int

    def dots(self, x: Scale, y: Scale) -> Dots:
        """The dots of all, by ink."""
        parts = []
        for ink, band in enumerate(self.bands):
            columns, rows = rasterise_band(band.x, band.low, band.high, x, y)
            parts.append(Dots(columns, rows, np.full(len(columns), ink)))
        lines = rasterise(self.points, x, y)
        if not parts:
            return lines
        parts.append(lines._replace(owner=lines.owner + len(self.bands)))
        return Dots(*(np.concatenate(values) for values in zip(*parts, strict=True)))

    def marks(self, x: Scale, y: Scale, glyphs: Glyphs, cursor: float | None) -> list[Mark]:
        """The marks on the curves that are not behind."""
        marks = []
        drawable = np.bincount(self.points.owner[self.points.drawable], minlength=len(self.curves))
        for place, curve in enumerate(self.curves):
            if curve.behind:
                continue
            ink = len(self.bands) + place
            edge_marks = (
                (np.isnan, glyphs.not_a_number, 1),
                (np.isposinf, glyphs.above, 0),
                (np.isneginf, glyphs.below, 1),
            )
            missing_x, missing_y = curve.points.missing
            inside = (missing_x >= x.low) & (missing_x <= x.high)
            for test, character, below in edge_marks if inside.any() else ():
                found = missing_x[inside & test(missing_y)]
                columns = np.unique(np.floor(positions(found, x) + 0.5).astype(np.int64)).tolist()
                marks += [Mark(column, below * (y.dots - 1), character, ink, over=False) for column in columns]
            if drawable[place] == 1:
                at = np.flatnonzero(self.points.drawable & (self.points.owner == place))[0]
                marks += _mark_at(float(self.points.x[at]), float(self.points.y[at]), x, y, glyphs.lone, ink)
            elif cursor is not None and (near := curve.points.near(cursor)) is not None:
                marks += _mark_at(float(curve.points.x[near]), float(curve.points.y[near]), x, y, glyphs.lone, ink)
        return marks


def _mark_at(at: float, value: float, x: Scale, y: Scale, character: str, ink: int) -> list[Mark]:
    if not (x.low <= at <= x.high and y.low <= value <= y.high):
        return []
    row = y.dots - 1 - math.floor(y.position(value) + 0.5)
    return [Mark(math.floor(x.position(at) + 0.5), row, character, ink)]


def _logged(curves: Sequence[Curve], points: Points, log_x: bool) -> tuple[float, float] | None:
    """From where to where points were logged: a loss that is NaN in the end has its marks there."""
    if not points.drawable.any():
        return None
    spans = [span for curve in curves if (span := curve.points.span(log_x)) is not None]
    drawn = points.x[points.drawable]
    return min([float(drawn.min()), *(low for low, _ in spans)]), max([float(drawn.max()), *(end for _, end in spans)])


def _lay_out(
    curves: Sequence[Curve], ribbons: Sequence[Ribbon], width: int, height: int, axes: Axes, glyphs: Glyphs
) -> _Layout:
    limits = usable(axes.x_limits, axes.log_x)
    dots = glyphs.across * width
    curves = [*(curve for curve in curves if curve.behind), *(curve for curve in curves if not curve.behind)]
    bands = [band_of(one.members, one.spread, dots, limits, axes.log_x) for one in ribbons]
    lines = [
        curve.points.reduced(dots, limits, axes.log_x)
        if len(curve.points) > _POINTS_TO_REDUCE * width
        else (curve.points.x, curve.points.y)
        for curve in curves
    ]
    lines += [(band.x, band.middle) for band in bands]
    shown: list[Curve | Ribbon] = [*curves, *ribbons]
    dashes = [one.dash % len(DASHES) for one in shown]
    points = gather(lines, axes.log_x, axes.log_y, dashes, axes.symlog_y)
    y_limits, outliers = axes.y_limits, 0
    if axes.ignore_outliers and y_limits is None:
        series = [curve.points for curve in curves if not curve.behind]
        series += [member for ribbon in ribbons for member in ribbon.members]
        values = [one.finite_within(limits) for one in series]
        y_limits = inner_limits(values, axes.log_y)
        outliers = count_outside(values, y_limits, axes.log_y)
    edges = [edge for band in bands for edge in ((band.x, band.low), (band.x, band.high))]
    scaled = gather([*lines, *edges], axes.log_x, axes.log_y, [], axes.symlog_y) if edges else points
    rows = height - 1
    y = y_scale(scaled, axes.x_limits, y_limits, rows * glyphs.down)
    ticks = row_ticks(y, rows) if y else ()
    left = max((len(label) for _, label in ticks), default=-1) + 1
    if left > width // 2:  # nothing would be left for the curves
        ticks, left = (), 0
    x_limits = limits or _logged(curves, points, axes.log_x)
    x = x_scale(points, x_limits, (width - left) * glyphs.across, axes.x_kind)
    area = Area(left, width - left, rows, x, y, ticks)
    inks = [one.fill for one in ribbons] + [one.colour for one in shown]
    backmost = len(ribbons) + sum(curve.behind for curve in curves)
    return _Layout(bands, curves, points, inks, backmost, area, outliers)
