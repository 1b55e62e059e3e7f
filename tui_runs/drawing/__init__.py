"""Draws curves as braille dots in rich Segments, sparklines as text, and framed figures with plotext.

This is the one file that knows plotext. plotext draws the framed figure for the scrollback (`draw_figure`). The app's
charts (`draw_chart`) are rasterised in numpy (raster.py) instead, since plotext 6.1 makes several Python and C++
objects of every point. A chart of 65x15 cells, 5 curves of 130 points, CPU time on a 2.5 GHz Xeon, CPython 3.11 built
without PGO:

    plotext, signal().lines(), draw(), build().string()    27 ms, with a string that is still to be parsed
    plotext's C++ kernel alone, by private bindings          6 ms, the same
    draw_chart, to Segments                                1.1 ms; 9 charts of 5 x 130 points 9 ms, of 5 x 1000 22 ms

plotext may not be called from two threads: `plotext.figure` and `plotext.terminal` are one figure for the process, and
its kernel runs without the GIL; a lock here sees to that. The rest has no state but caches: call it from any thread.
"""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.reduction import reduce_curve
from tui_runs.display import printable
from tui_runs.drawing.raster import (
    BLOCKS,
    BRAILLE,
    DASHES,
    Dots,
    Floats,
    Glyphs,
    Points,
    gather,
    positions,
    rasterise,
    sparkline,
    usable,
    x_scale,
    y_scale,
)
from tui_runs.drawing.ticks import Kind, Scale, column_ticks, row_ticks

__all__ = [
    "DASHES",
    "MIN_HEIGHT",
    "MIN_WIDTH",
    "RUN_COLOURS",
    "Area",
    "Axes",
    "Curve",
    "chart_area",
    "colour_slot",
    "count_undrawable",
    "draw_chart",
    "draw_figure",
    "run_looks",
    "sparkline",
    "warm_up",
]

RUN_COLOURS: Final = ("#56b4e9", "#e69f00", "#27ae7f", "#f0532d", "#d0459b", "#9679ec", "#4775c2", "#8a6d5c")
"""Eight colours for runs. Every two differ by 0.066 or more in OKLab for normal, protanopic, deuteranopic and
tritanopic eyes (Machado et al. 2009); contrast is 3.9 or more on #0f1318, 2.3 or more on white."""

MIN_WIDTH: Final = 10
MIN_HEIGHT: Final = 3
"""A chart of fewer cells is blank."""

_POINTS_TO_REDUCE: Final = 16
"""From how many points a column on reducing a curve costs less than drawing it: 0.3 ms against 0.3 us a point."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One line of a chart.

    Attributes:
        x: n positions, Float64, in the order in which they are joined; need not grow.
        y: n values, Float64. NaN and infinite values are gaps.
        colour: `#rrggbb`.
        dash: which of `DASHES`, counted on from the first after the last.
        label: what a legend calls it.
    """

    x: Floats
    y: Floats
    colour: str
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
        y_limits: the part of y to show; what the shown part of x needs when None.
    """

    x_label: str = ""
    log_x: bool = False
    log_y: bool = False
    x_kind: Kind = "number"
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None


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


def colour_slot(run_id: str) -> int:
    """Which of `RUN_COLOURS` a run would like, the same in every process.

    Two runs may like the same one; `run_looks` settles it.
    """
    return zlib.crc32(run_id.encode()) % len(RUN_COLOURS)


def run_looks(run_ids: Sequence[str]) -> list[tuple[str, int]]:
    """A colour and a dash for each run, no two alike up to len(RUN_COLOURS) * len(DASHES) runs.

    A run gets the colour of its `colour_slot`, or the next that no run before it has; a ninth run begins the dashes. A
    run keeps its look when others are added after it.
    """
    taken: list[set[int]] = [set() for _ in range(len(run_ids) // len(RUN_COLOURS) + 1)]
    looks = []
    for order, run_id in enumerate(run_ids):
        dash = order // len(RUN_COLOURS)
        slot = colour_slot(run_id)
        while slot in taken[dash]:
            slot = (slot + 1) % len(RUN_COLOURS)
        taken[dash].add(slot)
        looks.append((RUN_COLOURS[slot], dash % len(DASHES)))
    return looks


def count_undrawable(curves: Sequence[Curve], axes: Axes) -> int:
    """How many points the axes cannot show: infinite, or not positive on a logarithmic axis. A NaN is a gap, not one.

    Takes about 5 ms for a million points, and wants the curves as they were before any reduction.
    """
    count = 0
    for curve in curves:
        hidden = np.isinf(curve.x) | np.isinf(curve.y)
        if axes.log_x:
            hidden |= curve.x <= 0
        if axes.log_y:
            hidden |= curve.y <= 0
        count += int(np.count_nonzero(hidden))
    return count


def draw_chart(
    curves: Sequence[Curve],
    width: int,
    height: int,
    axes: Axes,
    *,
    muted: str = "#6b7280",
    grid: str = "#30363d",
    background: str | None = None,
    braille: bool = True,
) -> list[list[Segment]]:
    """A chart without title and legend: y ticks, curves over dotted grid rows, x ticks in the last line.

    Where curves share a cell, the dots of all are drawn, in the colour of the last. Points that cannot be drawn are
    left out, and break the line (see `count_undrawable`). Curves of more than 16 points a column are reduced first.

    Args:
        curves: what to draw, the last on top.
        width: of the chart in cells; below `MIN_WIDTH` it is blank.
        height: in lines; below `MIN_HEIGHT` it is blank.
        axes: limits, scales and labels.
        muted: the colour of ticks.
        grid: the colour of the grid's dots.
        background: of the whole chart; none when None.
        braille: 2 x 4 dots a cell; quarter blocks, 2 x 2, for fonts without braille, if False.

    Returns:
        `height` lines of Segments, each `width` cells in all.
    """
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return [[Segment(" " * width, _style(muted, background))] if width > 0 else [] for _ in range(height)]
    points = _gather(curves, axes, width)
    glyphs = BRAILLE if braille else BLOCKS
    area = _area(points, width, height, axes, glyphs)
    page = _Page(width, height)
    for row, label in area.y_ticks:
        page.codes[row, area.left :] = ord("·")
        page.looks[row, area.left :] = _GRID
        page.write(row, area.left - 1 - len(label), label)
    if area.x and area.y:
        page.stamp(area, glyphs, rasterise(points, area.x, area.y))
    if area.x:
        name = printable(axes.x_label)
        taken = len(name) + 2 if name and len(name) <= area.columns // 3 and cell_len(name) == len(name) else 0
        ticks = column_ticks(area.x, area.columns, area.left, taken)
        if taken and len(ticks) > 1:
            page.write(area.rows, width - len(name), name)
        elif taken:
            ticks = column_ticks(area.x, area.columns, area.left, 0)
        for start, label in ticks:
            page.write(area.rows, area.left + start, label)
    return page.lines([_style(colour, background) for colour in (muted, grid, *(curve.colour for curve in curves))])


def chart_area(curves: Sequence[Curve], width: int, height: int, axes: Axes) -> Area | None:
    """Where `draw_chart` draws these curves, for a cursor or a zoom; None if the chart is blank for want of room."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return None
    return _area(_gather(curves, axes, width), width, height, axes, BRAILLE)


def _area(points: Points, width: int, height: int, axes: Axes, glyphs: Glyphs) -> Area:
    rows = height - 1
    y = y_scale(points, axes.x_limits, axes.y_limits, rows * glyphs.down)
    ticks = row_ticks(y, rows) if y else ()
    left = max((len(label) for _, label in ticks), default=-1) + 1
    if left > width // 2:  # nothing would be left for the curves
        ticks, left = (), 0
    columns = width - left
    x = x_scale(points, axes.x_limits, columns * glyphs.across, axes.x_kind)
    return Area(left, columns, rows, x, y, ticks)


_MUTED, _GRID, _FIRST_CURVE = range(3)  # looks: places in the list of styles
_ANY_LOOK = -1  # a blank is drawn in whatever style its neighbour has


class _Page:
    """The characters of a chart and their looks, height x width, on the way to lines of Segments."""

    def __init__(self, width: int, height: int) -> None:
        self.codes = np.full((height, width), ord(" "), np.uint32)
        self.looks = np.full((height, width), _ANY_LOOK, np.int64)

    def write(self, row: int, column: int, text: str) -> None:
        """Writes muted text that is sure to fit."""
        self.codes[row, column : column + len(text)] = [ord(character) for character in text]
        self.looks[row, column : column + len(text)] = _MUTED

    def stamp(self, area: Area, glyphs: Glyphs, dots: Dots) -> None:
        """Puts dots into an area, over what is there."""
        picture = np.zeros((area.rows * glyphs.down, area.columns * glyphs.across), np.bool_)
        picture[dots.row, dots.column] = True
        drawn, codes = glyphs.pack(picture)
        last = np.zeros(drawn.size, np.int64)  # the last curve in every cell
        np.maximum.at(last, dots.row // glyphs.down * drawn.shape[1] + dots.column // glyphs.across, dots.owner)
        self.codes[: area.rows, area.left :][drawn] = codes
        self.looks[: area.rows, area.left :][drawn] = last.reshape(drawn.shape)[drawn] + _FIRST_CURVE

    def lines(self, styles: Sequence[Style]) -> list[list[Segment]]:
        """One Segment for every stretch of one look."""
        height, width = self.codes.shape
        looks = self.looks.ravel()
        shown = np.where(looks == _ANY_LOOK, 0, np.arange(len(looks)))
        looks = looks[np.maximum.accumulate(shown)]  # blanks go with what is before them
        changes = looks[1:] != looks[:-1]
        changes[width - 1 :: width] = True
        starts = [0, *(np.flatnonzero(changes) + 1).tolist()]
        text = self.codes.astype("<u4").tobytes().decode("utf-32-le")
        lines: list[list[Segment]] = [[] for _ in range(height)]
        for start, end, look in zip(starts, [*starts[1:], len(text)], looks[starts].tolist(), strict=True):
            lines[start // width].append(Segment(text[start:end], styles[look]))
        return lines


def _gather(curves: Sequence[Curve], axes: Axes, width: int) -> Points:
    series = [(np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64)) for curve in curves]
    limits = usable(axes.x_limits, axes.log_x)
    series = [
        reduce_curve(x, y, 2 * width, limits, axes.log_x) if len(x) > _POINTS_TO_REDUCE * width else (x, y)
        for x, y in series
    ]
    return gather(series, axes.log_x, axes.log_y, [curve.dash % len(DASHES) for curve in curves])


@lru_cache(256)
def _style(colour: str, background: str | None) -> Style:
    return Style(color=colour, bgcolor=background)


# --- figures -----------------------------------------------------------------------------------------------------

_plotext_lock = threading.Lock()


def draw_figure(
    curves: Sequence[Curve], width: int, height: int, axes: Axes, *, title: str = "", colour: bool = True
) -> str:
    """A framed figure with title and ticks, drawn by plotext, for the scrollback.

    The first call imports plotext, 0.35 s; each takes some 5 ms and 40 us a point. One is drawn at a time, whatever
    the threads that call.

    Args:
        curves: what to draw, the last on top. A dashed one misses the segments that its dash leaves out.
        width: of the figure in cells.
        height: in lines, title and ticks included.
        axes: limits, scales and labels.
        title: written above the frame.
        colour: with ANSI codes for 24-bit colours; plain text if False.

    Returns:
        `height` lines, each ended by a newline.
    """
    import plotext  # noqa: PLC0415

    points = _gather(curves, axes, width)
    x = x_scale(points, axes.x_limits, 2 * max(width, 1), axes.x_kind)
    y = y_scale(points, axes.x_limits, axes.y_limits, 4 * max(height, 1))
    with _plotext_lock:
        plotext.terminal.limit(width=False, height=False)
        figure = plotext.figure
        figure.clear()
        figure.theme("simple")
        figure.plot_size(max(width, 1), max(height, 1))
        figure.title(printable(title))
        figure.label(printable(axes.x_label), "x")
        for name, scale, most in (("x", x, width // 10), ("y", y, height // 4)):
            ticks = [(scale.position(at) / (scale.dots - 1), label) for at, label in scale.ticks(most)] if scale else []
            figure.ruler(name).lim(0, 1)
            figure.ruler(name).ticks([at for at, _ in ticks], labels=[label for _, label in ticks])
        if x and y:
            for place, curve in enumerate(curves):
                figure.draw(_signal(plotext, points, place, curve.colour, (x, y)))
        return str(figure.build().string(colorless=not colour))


def _signal(plotext: Any, points: Points, place: int, colour: str, scales: tuple[Scale, Scale]) -> Any:
    """One curve for plotext, in shares of the axes; what is far outside is pulled nearer, as all of it is drawn."""
    at = np.flatnonzero(points.drawable & (points.owner == place))
    x, y = (
        np.minimum(np.maximum(positions(values[at], scale) / (scale.dots - 1), -3), 4).tolist()
        for values, scale in zip((points.x, points.y), scales, strict=True)
    )
    marker = plotext.marker("braille", pixel=tuple(bytes.fromhex(colour.removeprefix("#"))))
    signal = plotext.figure.signal(x, y, marker=marker).lines()
    dash = DASHES[points.dashes[place]]
    joined = np.append(False, at[1:] == at[:-1] + 1)[: len(at)]
    for index in range(len(at)):
        if not joined[index] or dash[index % len(dash)] != "#":
            signal.line(index, False)
    return signal


def warm_up() -> None:
    """Draws one chart, as the first of a process takes a few ms longer. It needs no plotext, and imports none."""
    line = Curve(np.arange(100.0), np.arange(100.0), RUN_COLOURS[0])
    draw_chart([line], 40, 10, Axes())
