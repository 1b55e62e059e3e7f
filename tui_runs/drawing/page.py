"""The cells of a chart on their way to rich Segments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.arrays import Flags, Integers
from tui_runs.drawing.raster import Dots, Glyphs


class Mark(NamedTuple):
    """A character: where in dots, which, in whose ink, and whether over dots or only where there are none."""

    column: int
    row: int
    character: str
    ink: int
    over: bool = True


_MUTED, _GRID, _FIRST_INK = range(3)  # looks: places in the list of styles that `lines` takes
_COVERED = 0  # the code of the second cell of a character of two
_ANY_LOOK = -1  # a blank is drawn in whatever style its neighbour has


class Page:
    """The characters of a chart and their looks, height x width, on the way to lines of Segments."""

    def __init__(self, width: int, height: int) -> None:
        self.codes = np.full((height, width), ord(" "), np.uint32)
        self.looks = np.full((height, width), _ANY_LOOK, np.int64)

    def write(self, row: int, column: int, text: str, ink: int | None = None) -> None:
        """Writes text that is sure to fit, muted where there is no ink; of marks on letters there are none."""
        codes = [ord(character) for character in text]
        if not text.isascii():
            sizes = [cell_len(character) for character in text]
            codes = [code for code, size in zip(codes, sizes, strict=True) for code in (code, _COVERED)[:size]]
        self.codes[row, column : column + len(codes)] = codes
        self.looks[row, column : column + len(codes)] = _MUTED if ink is None else _FIRST_INK + ink

    def rule(self, row: int, left: int, glyphs: Glyphs) -> None:
        """A line of the grid."""
        self.codes[row, left:] = ord(glyphs.grid)
        self.looks[row, left:] = _GRID

    def stamp(self, area: tuple[int, int, int], glyphs: Glyphs, dots: Dots, backmost: int) -> None:
        """Puts dots into an area, over what is there; those of the first `backmost` inks give way to others.

        Args:
            area: its left column, how many columns it has, how many rows.
            glyphs: what to draw with.
            dots: in the area.
            backmost: how many.
        """
        left, columns, rows = area
        cells = dots.row // glyphs.down * columns + dots.column // glyphs.across
        last = np.zeros(rows * columns, np.int64)  # the last ink in every cell
        np.maximum.at(last, cells, dots.owner)
        column, row = dots.column, dots.row
        if backmost:
            kept = (dots.owner >= backmost) | (last[cells] < backmost)
            column, row = column[kept], row[kept]
        picture = np.zeros((rows * glyphs.down, columns * glyphs.across), np.bool_)
        picture[row, column] = True
        self.paint((0, left), glyphs, picture, last.reshape(rows, columns))

    def paint(self, corner: tuple[int, int], glyphs: Glyphs, picture: Flags, inks: Integers) -> None:
        """Puts a picture over what is there.

        Args:
            corner: the row and column where its first cell comes to lie.
            glyphs: what to draw with.
            picture: where there are dots, (h * down, w * across).
            inks: of its cells, (h, w).
        """
        row, column = corner
        area = slice(row, row + inks.shape[0]), slice(column, column + inks.shape[1])
        drawn, codes = glyphs.pack(picture)
        self.codes[area][drawn] = codes
        self.looks[area][drawn] = inks[drawn] + _FIRST_INK

    def draw_upright(self, rows: int, column: int, glyphs: Glyphs, backmost: int) -> None:
        """A line from top to bottom, behind all dots but those of the first `backmost` inks."""
        free = self.looks[:rows, column] < _FIRST_INK + backmost
        self.codes[:rows, column][free] = ord(glyphs.upright)
        self.looks[:rows, column][free] = _MUTED

    def put(self, left: int, mark: Mark, glyphs: Glyphs) -> None:
        """A character in the cell where its dot would be."""
        row, column = mark.row // glyphs.down, left + mark.column // glyphs.across
        if mark.over or self.looks[row, column] < _FIRST_INK:
            self.codes[row, column] = ord(mark.character)
            self.looks[row, column] = _FIRST_INK + mark.ink

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
        wide = not self.codes.all()
        lines: list[list[Segment]] = [[] for _ in range(height)]
        for start, end, look in zip(starts, [*starts[1:], len(text)], looks[starts].tolist(), strict=True):
            part = text[start:end].replace(chr(_COVERED), "") if wide else text[start:end]
            lines[start // width].append(Segment(part, styles[look]))
        return lines


@lru_cache(256)
def style(colour: str, background: str | None) -> Style:
    """The style of a text."""
    return Style(color=colour, bgcolor=background)
