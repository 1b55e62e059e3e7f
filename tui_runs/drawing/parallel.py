"""Draws parallel coordinates: an upright axis a column, and a line across them for every run.

Lines are drawn gap by gap. Those from one height to another are one line, however many runs take it; and of every line
only where it enters and leaves each column of dots is written down, from which a running sum makes the picture. So the
size of the figure counts and not the number of runs: 150 x 22 cells with 6 axes take 12 ms of CPU time for 500 runs,
24 for 5,000, 29 for 10,000, on a 2.5 GHz Xeon that has other things to do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.arrays import Flags, Integers
from tui_runs.analysis.parallel import Axis
from tui_runs.display import MISSING, clip, printable
from tui_runs.drawing.kinds import axis_kind
from tui_runs.drawing.page import Page
from tui_runs.drawing.raster import ASCII, BRAILLE, Glyphs
from tui_runs.drawing.readings import texts_apart, x_text
from tui_runs.drawing.ticks import Scale, row_ticks

MIN_WIDTH: Final = 24
MIN_HEIGHT: Final = 7
"""A figure of fewer cells has no room for its axes and what stands at them."""

_CELLS_A_GAP: Final = 14
_ABOVE: Final = 2
"""Lines above the axes: their names, and what stands at their high ends."""
_BELOW: Final = 2
"""Lines below them: what stands at their low ends, and the lane of the runs that have no value."""
_LEAST_BESIDE: Final = 4
"""Cells beside an axis from which on there is text."""


class Line(NamedTuple):
    """How runs are drawn.

    Args:
        style: of the lines.
        alone: in a cell that they have in common with others only their dots are seen; if not, those of all that are
            not `alone` either.
    """

    style: Style
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where somebody points on an axis.

    Attributes:
        axis: which, from the left.
        place: 0 at its low end to 1 at its high end.
        anchor: where the part of the axis begins that is chosen; None where none is.
    """

    axis: int
    place: float
    anchor: float | None = None


@dataclass(frozen=True)
class ParallelLook:
    """How parallel coordinates look.

    Attributes:
        width: in cells, at least MIN_WIDTH.
        height: in lines, at least MIN_HEIGHT.
        glyphs: what dots are drawn with.
        text: the style of names and of what stands at the axes.
        muted: of the axes.
        accent: of the axis that somebody points at.
    """

    width: int
    height: int
    glyphs: Glyphs = BRAILLE
    text: Style = Style()  # noqa: RUF009  immutable
    muted: Style = Style(color="#808080")  # noqa: RUF009
    accent: Style = Style(bold=True)  # noqa: RUF009


class Area(NamedTuple):
    """Where what is."""

    columns: tuple[int, ...]
    """Of the axes."""
    top: int
    """The line of their high ends."""
    rows: int
    """How many lines they have."""

    def axis_near(self, column: int) -> int:
        """The axis that is nearest to a column."""
        return min(range(len(self.columns)), key=lambda at: abs(self.columns[at] - column))

    def place_of(self, line: int) -> float:
        """The place on an axis that lies in the middle of a line, or the nearest to it."""
        row = min(max(line - self.top, 0), self.rows - 1)
        return 1 - row / max(self.rows - 1, 1)

    def line_of(self, place: float) -> int:
        """The line of a place; the other way round."""
        return self.top + math.floor((1 - place) * (self.rows - 1) + 0.5)


class Parallel(NamedTuple):
    """The figure."""

    lines: list[list[Segment]]
    area: Area


def most_axes(width: int) -> int:
    """For how many axes there is room."""
    return max(width // _CELLS_A_GAP, 2)


def draw_parallel(
    axes: Sequence[Axis], layers: Integers, styles: Sequence[Line], look: ParallelLook, pointer: Pointer | None = None
) -> Parallel:
    """Axes with a line for every run; where a run has no value its line goes through the lane below the axis.

    Args:
        axes: one or more, of the same n runs; hostile texts are welcome.
        layers: n places in `styles`, -1 for runs that are not drawn. A later layer lies above those before it; the
            first lies behind: where another is, it gives way.
        styles: of the layers.
        look: how.
        pointer: where somebody points.
    """
    page = Page(look.width, look.height)
    area = _area(look, len(axes))
    across, down = look.glyphs.across, look.glyphs.down
    front = _front(
        [_rows_of(axis, area.rows * down, down) for axis in axes],
        [column * across for column in area.columns],
        layers,
        (look.width * across, (area.rows + _BELOW) * down, len(styles)),
    )
    by_cell = front.reshape(area.rows + _BELOW, down, look.width, across)
    inks = by_cell.max(axis=(1, 3))
    alone = np.array([at if one.alone else min(at, 1) for at, one in enumerate(styles)] or [0])
    seen = by_cell >= np.maximum(alone[np.maximum(inks, 0)], 0)[:, None, :, None]
    picture = (seen & (by_cell >= 0)).reshape(front.shape)
    page.paint((area.top, 0), look.glyphs, picture, inks)
    text, accent = len(styles), len(styles) + 1
    for at, axis in enumerate(axes):
        pointed = pointer is not None and pointer.axis == at
        _write_axis(page, area, at, axis, look, accent if pointed else text)
    if any(np.isnan(axis.places[layers >= 0]).any() for axis in axes):
        for column in area.columns:
            page.write(area.top + area.rows + 1, column, "-" if look.glyphs is ASCII else MISSING, text)
    if pointer is not None:
        _write_pointer(page, area, pointer, look.glyphs is ASCII, accent)
    return Parallel(page.lines([look.muted, look.muted, *(one.style for one in styles), look.text, look.accent]), area)


def _area(look: ParallelLook, count: int) -> Area:
    columns = tuple(math.floor((at + 0.5) * look.width / count) for at in range(count))
    return Area(columns, _ABOVE, look.height - _ABOVE - _BELOW)


def _rows_of(axis: Axis, dots: int, down: int) -> Integers:
    """The rows of dots where runs lie on an axis, from its top; those without a value in the middle of the lane."""
    rows = np.floor((1 - axis.places) * (dots - 1) + 0.5)
    return np.where(np.isnan(rows), dots + down + down // 2, rows).astype(np.int64)


def _front(rows: Sequence[Integers], columns: Sequence[int], layers: Integers, size: tuple[int, int, int]) -> Integers:
    """The topmost layer at every dot, (height, width); -1 where there is none.

    Args:
        rows: of the runs on each axis.
        columns: of the axes.
        layers: of the runs.
        size: width and height in dots, and how many layers there are.
    """
    width, height, count = size
    front = np.full((width, height), -1, np.int64)
    order = np.argsort(layers, kind="stable")
    order = order[layers[order] >= 0]
    layer = layers[order]
    for at, column in enumerate(columns):
        here = rows[at][order]
        front[column, here] = np.maximum(front[column, here], layer)
        if at + 1 < len(columns):
            # One line for all that begin and end where it does: the last of them, which is in the topmost layer.
            topmost = np.full(height * height, -1, np.int64)
            topmost[here * height + rows[at + 1][order]] = layer
            lines = np.flatnonzero(topmost >= 0)
            gap = slice(column, columns[at + 1])
            covered = _covered(lines // height, lines % height, topmost[lines], (gap.stop - gap.start, height, count))
            highest = count - 1 - covered[::-1].argmax(axis=0)
            front[gap] = np.maximum(front[gap], np.where(covered.any(axis=0), highest, -1))
    return front.T


def _covered(first: Integers, last: Integers, layer: Integers, size: tuple[int, int, int]) -> Flags:
    """The dots that lines from the left edge of an area to the first column beyond it cover: (layers, width, height).

    In every column a line covers the rows from its own to that of the next column, which it leaves to that.
    """
    width, height, count = size
    share = np.arange(width + 1, dtype=np.float32) / np.float32(max(width, 1))
    steps = (first[:, None] + (last - first)[:, None].astype(np.float32) * share + np.float32(0.5)).astype(np.int32)
    here, then = steps[:, :-1], steps[:, 1:]
    top = np.where(then < here, then + 1, here)
    bottom = np.where(then > here, then, here + 1)  # the first row that is free
    column = (layer[:, None].astype(np.int32) * width + np.arange(width, dtype=np.int32)) * (height + 1)
    cells = count * width * (height + 1)
    edges = np.bincount((column + top).ravel(), minlength=cells) - np.bincount(
        (column + bottom).ravel(), minlength=cells
    )
    running: Flags = edges.reshape(count, width, height + 1).cumsum(axis=2)[:, :, :height] > 0
    return running


def _write_axis(page: Page, area: Area, at: int, axis: Axis, look: ParallelLook, ink: int) -> None:
    """The upright line, the name above it, and what stands at its ends and beside it."""
    column, share = area.columns[at], look.width // len(area.columns)
    for row in range(area.rows):
        page.write(area.top + row, column, look.glyphs.upright, ink)
    low, high = _ends(axis)
    for line, text in ((0, named(axis.column)), (1, high), (area.top + area.rows, f" {low} " if low else "")):
        short = clip(printable(text), share - 1)
        page.write(line, max(min(column - cell_len(short) // 2, look.width - cell_len(short)), 0), short, ink)
    beside = min([*area.columns, look.width][at + 1] - column - 2, max(share * 2 // 3, _LEAST_BESIDE))
    taken = -1
    for row, text in _beside(axis, area.rows) if beside >= _LEAST_BESIDE else ():
        if row > taken:
            page.write(area.top + row, column + 1, clip(printable(text) or '""', beside), ink)
            taken = row


def named(column: str) -> str:
    """A param or a metric by its key alone, other columns by their names."""
    return column.removeprefix("params.").removeprefix("metrics.")


def value_text(axis: Axis, value: float) -> str:
    """A number of an axis by itself, a word where the axis has words."""
    return axis.words[round(value)] if axis.words else x_text(value, axis_kind(axis.column))


def _ends(axis: Axis) -> tuple[str, str]:
    """What stands at the ends of an axis: words stand beside it."""
    if axis.words or np.isnan(axis.places).all():
        return "", ""
    if axis_kind(axis.column) == "number":
        low, high = texts_apart([axis.low, axis.high])
        return low, high
    return value_text(axis, axis.low), value_text(axis, axis.high)


def _beside(axis: Axis, rows: int) -> Sequence[tuple[int, str]]:
    """What stands beside an axis: (row, text), rows counted from the top, growing."""
    if axis.words:
        last = max(len(axis.words) - 1, 1)
        places = [(at / last if len(axis.words) > 1 else 0.5, word) for at, word in enumerate(axis.words)]
        return [(math.floor((1 - place) * (rows - 1) + 0.5), word) for place, word in reversed(places)]
    apart = axis.high / 4 > axis.low / 4  # quartered, as places are; two numbers next to 0 are one then
    if np.isnan(axis.places).all() or not apart:
        return ()
    ticks = row_ticks(Scale(axis.low, axis.high, rows, axis.log, axis_kind(axis.column)), rows)
    return [tick for tick in reversed(ticks) if 0 < tick[0] < rows - 1]


def _write_pointer(page: Page, area: Area, pointer: Pointer, plain: bool, ink: int) -> None:
    """A heavy line for the part that is chosen, and a sign where somebody points."""
    column, line = area.columns[pointer.axis], area.line_of(pointer.place)
    if pointer.anchor is not None:
        first, last = sorted((line, area.line_of(pointer.anchor)))
        for row in range(first, last + 1):
            page.write(row, column, "#" if plain else "█", ink)
    page.write(line, column, "@" if plain else "◆", ink)
