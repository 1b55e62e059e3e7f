"""Draws framed figures with plotext: a scatter, boxes by category, a histogram.

These are for the scrollback, where the 0.4 s that it takes to import plotext are nothing; curves are drawn by chart.py.
plotext has but one figure, so these functions are for one thread at a time. It is told which cell everything lies in:
the scales, the ticks and their texts are those of the charts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.distributions import Box, Floats, Histogram
from tui_runs.display import clip, printable
from tui_runs.drawing.raster import ASCII, BRAILLE, Glyphs, gather, x_scale, y_scale
from tui_runs.drawing.ticks import Kind, Scale, row_ticks

MIN_WIDTH: Final = 24
MIN_HEIGHT: Final = 6
"""A figure of fewer cells has no room for its frame and ticks."""

_FRAME_LINES: Final = 3
"""The upper edge, the lower one, and the texts below it."""
_COLUMNS_A_CATEGORY: Final = 6
_FRAME_COLOUR: Final = "#808080"
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_HALVES: Final = "    ▄▄▄▄█"
_IN_ASCII: Final = str.maketrans("─━│┌┐└┘├┤┬┴┼┝┥┍┑┕┙•█…", "-=|" + 15 * "+" + "*#.")


@dataclass(frozen=True)
class Look:
    """How a figure looks.

    Attributes:
        width: in cells, at least MIN_WIDTH.
        height: in lines, at least MIN_HEIGHT.
        glyphs: what kind of characters there are.
        colour: of what is drawn, `#rrggbb`.
        log_x: a logarithmic x axis, where x is numbers; not heeded by boxes.
        log_y: a logarithmic y axis; not heeded by histograms, whose y axis counts.
        x_kind: what the numbers of a scatter's x axis are, times in seconds.
    """

    width: int
    height: int
    glyphs: Glyphs = BRAILLE
    colour: str = "#a0a0a0"
    log_x: bool = False
    log_y: bool = False
    x_kind: Kind = "number"


Lines = list[list[Segment]]
Integers = npt.NDArray[np.int64]


def most_categories(width: int) -> int:
    """For how many categories a figure has room."""
    return max((width - 10) // _COLUMNS_A_CATEGORY, 1)


def most_bins(width: int) -> int:
    """For how many bins a histogram has room: one a column."""
    return width - 12


def draw_scatter(x: Floats, y: Floats, look: Look, categories: Sequence[str] = ()) -> Lines:
    """One mark a pair of numbers; a digit where so many share a cell, `#` for ten and more.

    Args:
        x: n numbers, above 0 on a logarithmic axis; places in `categories` where there are some.
        y: n numbers.
        look: how.
        categories: what stands below the x axis in place of numbers; hostile texts are welcome.
    """
    sheet = _Sheet(look, _y_scale(y, look))
    columns = sheet.slots(categories)[x.astype(np.int64)] if categories else sheet.number_axis(x, look)
    cells = Counter(zip(columns.tolist(), (sheet.row(value) for value in y.tolist()), strict=True))
    sheet.put((*cell, "•" if count == 1 else str(count) if count < 10 else "#") for cell, count in cells.items())
    return sheet.lines()


def draw_boxes(boxes: Sequence[Box], categories: Sequence[str], look: Look) -> Lines:
    """A box from quartile to quartile for each category, with a heavy line at the median, whiskers, and outliers.

    Args:
        boxes: one a category.
        categories: what to call them; hostile texts are welcome.
        look: how.
    """
    drawn = [value for box in boxes for value in (box.low, box.high, *box.outliers)]
    sheet = _Sheet(look, _y_scale(np.array(drawn), look))
    half = max(min(sheet.columns // len(boxes) // 2 - 1, 5), 1)
    for box, middle in zip(boxes, sheet.slots(categories).tolist(), strict=True):
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
    return sheet.lines()


def draw_histogram(histogram: Histogram, look: Look) -> Lines:
    """A bar a bin, to an eighth of a line where the characters are to be had; a bin that is not empty is seen.

    Args:
        histogram: at most `most_bins` bins.
        look: how.
    """
    edges, counts = histogram
    rows = look.height - _FRAME_LINES
    most = int(counts.max())
    sheet = _Sheet(look, Scale(0, most, 2 * rows, whole=True))
    sheet.number_axis(edges, look, between=True)
    parts = _EIGHTHS if look.glyphs is BRAILLE else _HALVES
    for at, count in enumerate(counts.tolist()):
        left, right = (sheet.columns * edge // len(counts) for edge in (at, at + 1))
        full, eighths = divmod(max(math.floor(8 * rows * count / most + 0.5), 4 if count else 0), 8)
        if look.glyphs is ASCII:
            full, eighths = full + (eighths >= 4), 0
        bar = [(row, "█") for row in range(full)] + [(full, parts[eighths])] * (parts[eighths] != " ")
        sheet.put((column, row, sign) for column in range(left, right) for row, sign in bar)
    return sheet.lines()


def _y_scale(values: Floats, look: Look) -> Scale:
    points = gather([(values, values)], look.log_y, look.log_y, [0])
    scale = y_scale(points, None, None, look.height - _FRAME_LINES)
    assert scale is not None, "no value that can be drawn"
    return scale


class _Sheet:
    """plotext's figure. A cell is a column and a row, (0, 0) the lower left one inside the frame."""

    def __init__(self, look: Look, y: Scale) -> None:
        import plotext  # noqa: PLC0415  0.4 s, and most commands draw no figure

        self._marker = plotext.marker
        self._figure = plotext.figure
        self._colour, self._ascii = look.colour, look.glyphs is ASCII
        self._signs: dict[tuple[int, int], str] = {}
        self._y = y
        self._rows = look.height - _FRAME_LINES
        ticks = row_ticks(y, self._rows)
        self._left = max((len(text) for _, text in ticks), default=0) + 1
        self.columns = look.width - self._left - 1
        plotext.terminal.limit(width=False, height=False)
        self._figure.clear()
        self._figure.theme("colorless")
        self._figure.plot_size(look.width, look.height)
        self._figure.ruler("x").lim(0, self.columns - 1)
        self._figure.ruler("y").lim(0, self._rows - 1)
        self._figure.ruler("y").ticks([self._rows - 1 - row for row, _ in ticks], labels=[text for _, text in ticks])

    def row(self, value: float) -> int:
        """The row of a value on the y axis."""
        return math.floor(self._y.position(value) + 0.5)

    def number_axis(self, values: Floats, look: Look, *, between: bool = False) -> Integers:
        """Give the x axis the numbers that these values need.

        Args:
            values: n of them.
            look: how.
            between: the axis ends at the outer edges of its cells, not in the middle of the outermost ones.

        Returns:
            The column of each value.
        """
        points = gather([(values, values)], look.log_x, look.log_x, [0])
        scale = x_scale(points, None, self.columns + between, look.x_kind)
        assert scale is not None, "no value that can be drawn"

        def column(value: float) -> int:
            return min(math.floor(scale.position(value) + (0 if between else 0.5)), self.columns - 1)

        most = max(self.columns // 10, 2)
        ticks = next(
            (found for room in range(most, most + 4) if len(found := scale.ticks(room)) > 1), scale.ticks(most)
        )
        self._x_ticks([(column(at), text) for at, text in ticks])
        return np.array([column(value) for value in values.tolist()])

    def slots(self, categories: Sequence[str]) -> Integers:
        """Share the x axis out among categories, and give the column of the middle of each."""
        share = self.columns / len(categories)
        middles = np.array([math.floor((place + 0.5) * share) for place in range(len(categories))])
        texts = [clip(printable(text) or '""', max(math.floor(share) - 1, 1)) for text in categories]
        self._x_ticks([(middle, text) for middle, text in zip(middles.tolist(), texts, strict=True)])
        return middles

    def _x_ticks(self, ticks: Iterable[tuple[int, str]]) -> None:
        """Put texts below the x axis, but for those that would touch the one before."""
        placed: list[tuple[int, str]] = []
        end = -1
        for column, text in ticks:
            start = max(column - cell_len(text) // 2, 0)
            if start > end:
                placed.append((column, text))
                end = start + cell_len(text)
        self._figure.ruler("x").ticks([column for column, _ in placed], labels=[text for _, text in placed])

    def put(self, signs: Iterable[tuple[int, int, str]]) -> None:
        """Write characters into cells: column, row, character; over what is there."""
        self._signs.update(((column, row), sign) for column, row, sign in signs)

    def lines(self) -> Lines:
        """The figure, framed."""
        cells: dict[str, list[tuple[int, int]]] = {}
        for cell, sign in self._signs.items():
            cells.setdefault(sign, []).append(cell)
        for sign, places in cells.items():
            columns, rows = zip(*places, strict=True)
            self._figure.draw(self._figure.signal(columns, rows, marker=self._marker(sign)))
        lines = self._figure.build().string(colorless=True).splitlines()
        lines = [line.translate(_IN_ASCII) if self._ascii else line for line in lines]
        frame, ink = Style(color=_FRAME_COLOUR), Style(color=self._colour)
        upper, *inside, lower, texts = lines
        end = self._left + self.columns
        return [
            [Segment(upper, frame)],
            *(
                [Segment(line[: self._left], frame), Segment(line[self._left : end], ink), Segment(line[end:], frame)]
                for line in inside
            ),
            [Segment(lower, frame)],
            [Segment(texts, frame)],
        ]
