"""Works out what stands in which cell of a framed figure: a scatter, boxes by category, a histogram.

The scales, the ticks and their texts are those of the charts of curves. framed.py makes lines of a `Figure`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
from rich.cells import cell_len

from tui_runs.analysis.arrays import Floats, Integers
from tui_runs.analysis.distributions import Box, Histogram
from tui_runs.display import clip, printable
from tui_runs.drawing.raster import ASCII, BRAILLE, Glyphs, gather, positions, x_scale, y_scale
from tui_runs.drawing.ticks import Kind, Scale, row_ticks

MIN_WIDTH: Final = 24
MIN_HEIGHT: Final = 6
"""A figure of fewer cells has no room for its frame and ticks."""

FRAME_LINES: Final = 3
"""The upper edge, the lower one, and the texts below it."""
_COLUMNS_A_CATEGORY: Final = 6
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_HALVES: Final = "    ▄▄▄▄█"
_CROWDED: Final = 3
"""From so many runs a cell that has any, in the mean, a scatter has dots instead of digits."""

Cell = tuple[int, int]
"""A column and a row, (0, 0) the lower left one inside the frame."""


@dataclass(frozen=True)
class Look:
    """How a figure looks.

    Attributes:
        width: in cells, at least MIN_WIDTH.
        height: in lines, at least MIN_HEIGHT.
        glyphs: what kind of characters there are.
        log_x: a logarithmic x axis, where x is numbers; not heeded by boxes.
        log_y: a logarithmic y axis; not heeded by histograms, whose y axis counts.
        x_kind: what the numbers of a scatter's x axis are, times in seconds.
    """

    width: int
    height: int
    glyphs: Glyphs = BRAILLE
    log_x: bool = False
    log_y: bool = False
    x_kind: Kind = "number"


@dataclass(frozen=True, eq=False)
class Figure:
    """What stands where in a framed figure.

    Attributes:
        width: in cells, with the frame and the texts beside it.
        height: in lines, the same.
        left: how many columns stand to the left of the inside.
        signs: characters of one cell each, for a terminal that has them all.
        x_ticks: (column, text) of the x axis, growing; no two texts touch.
        y_ticks: (row, text) of the y axis.
        inks: of cells that are not of ink 0, which they are of.
        ascii_only: the terminal has no other characters.
        spots: of a scatter, the column and row of each of its n points, n x 2.
    """

    width: int
    height: int
    left: int
    signs: Mapping[Cell, str]
    x_ticks: tuple[tuple[int, str], ...]
    y_ticks: tuple[tuple[int, str], ...]
    inks: Mapping[Cell, int] = field(default_factory=dict)
    ascii_only: bool = False
    spots: Integers = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    @property
    def columns(self) -> int:
        """How many columns there are inside."""
        return self.width - self.left - 1

    @property
    def rows(self) -> int:
        """How many rows there are inside."""
        return self.height - FRAME_LINES


class Standout(NamedTuple):
    """A run that is to be seen among the others.

    Args:
        x: where on the x axis; the place of its category where the axis has some.
        y: where on the y axis; not heeded by histograms.
        sign: a character of one cell.
        ink: which ink, above 0.
    """

    x: float
    y: float
    sign: str
    ink: int


def most_categories(width: int) -> int:
    """For how many categories a figure has room."""
    return max((width - 10) // _COLUMNS_A_CATEGORY, 1)


def most_bins(width: int) -> int:
    """For how many bins a histogram has room: one a column."""
    return width - 12


def draw_scatter(
    x: Floats, y: Floats, look: Look, categories: Sequence[str] = (), standouts: Sequence[Standout] = ()
) -> Figure:
    """One mark a pair of numbers; a digit where so many share a cell, `#` for ten and more.

    Where cells have three runs and more in the mean there are dots instead, of which a cell has room for several.

    Args:
        x: n numbers, above 0 on a logarithmic axis; places in `categories` where there are some.
        y: n numbers.
        look: how.
        categories: what stands below the x axis in place of numbers; hostile texts are welcome.
        standouts: some of the pairs again, to be drawn over all; the last on top.
    """
    sheet = _Sheet(look, _y_scale(y, look))
    column_of = sheet.slots(categories) if categories else sheet.number_axis(x, look)
    columns, rows = column_of(x), sheet.rows_of(y)
    cells = Counter(zip(columns.tolist(), rows.tolist(), strict=True))
    if not categories and look.glyphs is not ASCII and len(x) >= _CROWDED * len(cells):
        sheet.put_dots(x, y, look)
    else:
        sheet.put((*cell, "•" if count == 1 else str(count) if count < 10 else "#") for cell, count in cells.items())
    sheet.put_standouts(column_of, standouts)
    return sheet.figure(np.stack((columns, rows), axis=1))


def draw_boxes(
    boxes: Sequence[Box], categories: Sequence[str], look: Look, standouts: Sequence[Standout] = ()
) -> Figure:
    """A box from quartile to quartile for each category, with a heavy line at the median, whiskers, and outliers.

    Args:
        boxes: one a category.
        categories: what to call them; hostile texts are welcome.
        look: how.
        standouts: runs at their values, x the place of the category; the last on top.
    """
    drawn = [value for box in boxes for value in (box.low, box.high, *box.outliers)]
    sheet = _Sheet(look, _y_scale(np.array(drawn), look))
    half = max(min(sheet.columns // len(boxes) // 2 - 1, 5), 1)
    column_of = sheet.slots(categories)
    for box, middle in zip(boxes, column_of(np.arange(len(boxes), dtype=np.float64)).tolist(), strict=True):
        low, q1, median, q3, high = map(sheet.row, (box.low, box.q1, box.median, box.q3, box.high))
        left, right = middle - half, middle + half
        sheet.put((middle, row, "│") for row in range(low, high + 1))
        sheet.put([(middle, low, "┴"), (middle, high, "┬")])
        sheet.put((column, row, "│") for row in range(q1, q3 + 1) for column in (left, right))
        sheet.put((middle, row, " ") for row in range(q1 + 1, q3))
        for row, ends, beyond in ((q1, "└┘", "┬" if low < q1 else "─"), (q3, "┌┐", "┴" if high > q3 else "─")):
            sheet.put((column, row, "─") for column in range(left + 1, right))
            sheet.put([(left, row, ends[0]), (middle, row, beyond), (right, row, ends[1])])
        sheet.put((column, median, "━") for column in range(left + 1, right))
        ends = "━━" if q1 == q3 else "┕┙" if median == q1 else "┍┑" if median == q3 else "┝┥"
        sheet.put([(left, median, ends[0]), (right, median, ends[1])])
        sheet.put((middle, sheet.row(value), "•") for value in box.outliers)
    sheet.put_standouts(column_of, standouts)
    return sheet.figure()


def draw_histogram(histogram: Histogram, look: Look, standouts: Sequence[Standout] = ()) -> Figure:
    """A bar a bin, to an eighth of a line where the characters are to be had; a bin that is not empty is seen.

    Args:
        histogram: at most `most_bins` bins.
        look: how.
        standouts: runs at the foot of the figure; the last on top.
    """
    edges, counts = histogram
    rows = look.height - FRAME_LINES
    most = int(counts.max())
    sheet = _Sheet(look, Scale(0, most, 2 * rows, whole=True))
    column_of = sheet.number_axis(edges, look, between=True)
    parts = _EIGHTHS if look.glyphs is BRAILLE else _HALVES
    for at, count in enumerate(counts.tolist()):
        left, right = (sheet.columns * edge // len(counts) for edge in (at, at + 1))
        full, eighths = divmod(max(math.floor(8 * rows * count / most + 0.5), 4 if count else 0), 8)
        if look.glyphs is ASCII:
            full, eighths = full + (eighths >= 4), 0
        bar = [(row, "█") for row in range(full)] + [(full, parts[eighths])] * (parts[eighths] != " ")
        sheet.put((column, row, sign) for column in range(left, right) for row, sign in bar)
    sheet.put_standouts(column_of, [one._replace(y=0) for one in standouts])
    return sheet.figure()


def _y_scale(values: Floats, look: Look) -> Scale:
    points = gather([(values, values)], look.log_y, look.log_y, [0])
    scale = y_scale(points, None, None, look.height - FRAME_LINES)
    assert scale is not None, "no value that can be drawn"
    return scale


class _Sheet:
    """A figure on its way: what is in which cell, and what stands beside the axes."""

    def __init__(self, look: Look, y: Scale) -> None:
        self._look, self._y = look, y
        self._signs: dict[Cell, str] = {}
        self._inks: dict[Cell, int] = {}
        self._x: Scale | None = None
        self._x_ticks: tuple[tuple[int, str], ...] = ()
        self.rows = look.height - FRAME_LINES
        self._y_ticks = tuple((self.rows - 1 - row, text) for row, text in row_ticks(y, self.rows))
        self._left = max((len(text) for _, text in self._y_ticks), default=0) + 1
        self.columns = look.width - self._left - 1

    def row(self, value: float) -> int:
        """The row of a value on the y axis."""
        return math.floor(self._y.position(value) + 0.5)

    def rows_of(self, values: Floats) -> Integers:
        """The rows of values on the y axis."""
        return np.floor(positions(values, self._y) + 0.5).astype(np.int64)

    def number_axis(self, values: Floats, look: Look, *, between: bool = False) -> Callable[[Floats], Integers]:
        """Give the x axis the numbers that these values need.

        Args:
            values: n of them.
            look: how.
            between: the axis ends at the outer edges of its cells, not in the middle of the outermost ones.

        Returns:
            What gives the columns of values.
        """
        points = gather([(values, values)], look.log_x, look.log_x, [0])
        scale = x_scale(points, None, self.columns + between, look.x_kind)
        assert scale is not None, "no value that can be drawn"
        self._x = scale

        def columns(values: Floats) -> Integers:
            places = np.floor(positions(values, scale) + (0 if between else 0.5)).astype(np.int64)
            return np.minimum(places, self.columns - 1)

        most = max(self.columns // 10, 2)
        ticks = next(
            (found for room in range(most, most + 4) if len(found := scale.ticks(room)) > 1), scale.ticks(most)
        )
        places = columns(np.array([at for at, _ in ticks])).tolist()
        self._write_below(zip(places, (text for _, text in ticks), strict=True))
        return columns

    def slots(self, categories: Sequence[str]) -> Callable[[Floats], Integers]:
        """Share the x axis out among categories; gives the columns of the middles of categories by their places."""
        share = self.columns / len(categories)
        middles = np.array([math.floor((place + 0.5) * share) for place in range(len(categories))])
        texts = [clip(printable(text) or '""', max(math.floor(share) - 1, 1)) for text in categories]
        self._write_below(zip(middles.tolist(), texts, strict=True))
        return lambda places: middles[places.astype(np.int64)]

    def _write_below(self, ticks: Iterable[tuple[int, str]]) -> None:
        """Put texts below the x axis, but for those that would touch the one before."""
        placed: list[tuple[int, str]] = []
        end = -1
        for column, text in ticks:
            start = max(column - cell_len(text) // 2, 0)
            if start > end:
                placed.append((column, text))
                end = start + cell_len(text)
        self._x_ticks = tuple(placed)

    def put(self, signs: Iterable[tuple[int, int, str]]) -> None:
        """Write characters into cells: column, row, character; over what is there."""
        self._signs.update(((column, row), sign) for column, row, sign in signs)

    def put_dots(self, x: Floats, y: Floats, look: Look) -> None:
        """A dot a pair of numbers; the x axis has numbers."""
        assert self._x is not None, "an axis of numbers"
        across, down = look.glyphs.across, look.glyphs.down
        column = positions(x, self._x._replace(dots=self.columns * across))
        row = positions(y, self._y._replace(dots=self.rows * down))
        picture = np.zeros((self.rows * down, self.columns * across), np.bool_)
        picture[-1 - np.floor(row + 0.5).astype(np.int64), np.floor(column + 0.5).astype(np.int64)] = True
        drawn, codes = look.glyphs.pack(picture)
        lines, columns = np.nonzero(drawn)
        cells = zip(columns.tolist(), (self.rows - 1 - lines).tolist(), codes.tolist(), strict=True)
        self.put((column, row, chr(code)) for column, row, code in cells)

    def put_standouts(self, column_of: Callable[[Floats], Integers], standouts: Sequence[Standout]) -> None:
        """Write the signs of runs over everything."""
        if not standouts:
            return
        columns = column_of(np.array([one.x for one in standouts]))
        for column, one in zip(columns.tolist(), standouts, strict=True):
            cell = column, self.row(one.y)
            self._signs[cell], self._inks[cell] = one.sign, one.ink

    def figure(self, spots: Integers | None = None) -> Figure:
        """All of it."""
        look = self._look
        made = Figure(
            look.width,
            look.height,
            self._left,
            self._signs,
            self._x_ticks,
            self._y_ticks,
            self._inks,
            look.glyphs is ASCII,
        )
        return made if spots is None else replace(made, spots=spots)
