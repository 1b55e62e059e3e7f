"""Columns of a `FrameTable`: what a cell is, how wide a column gets, and where it stands on the line.

Nothing here draws: a `FrameWindow` formats the rows that are on the screen, and places the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Final, Literal, NamedTuple, TypeAlias

import polars as pl
from rich.cells import cell_len, set_cell_size

from tui_runs.display import printable

Align: TypeAlias = Literal["left", "right"]
Piece: TypeAlias = tuple[str, str]
"""Some text and the name of its style."""

RowKey: TypeAlias = tuple[Hashable, ...]
"""Tells the rows of a frame apart: the values of its key columns."""

GUTTER: Final = 2
"""Cells at the left edge that hold the mark of a row."""

_SIGN_ROOM: Final = 2
"""Cells kept free at the right edge for the sign that says that columns are hidden there."""

_LEAST_PART: Final = 6
"""A left-aligned column that does not fit is shown in part when at least so many cells are left for it."""

_LONGEST: Final = 400
"""Characters of a cell that are looked at: a parameter may hold a megabyte, a screen shows one line."""

_KEPT_CELLS: Final = 2_000
"""Formatted cells that a column keeps before it forgets those that have left the screen."""

# Terminals disagree on the width of a character that one of these follows: the line would be torn.
_VARIATION_SELECTORS: Final = dict.fromkeys(range(0xFE00, 0xFE10))


class Cell(NamedTuple):
    """The text of one cell, plain: never parsed as markup.

    Args:
        text: what is shown.
        style: '', 'muted', 'good', 'bad', 'warn', 'strong', 'accent', 'best', 'bar', or a colour as '#rrggbb'.
        more: further (text, style) pieces of the same cell, right after the text.
    """

    text: str
    style: str = ""
    more: tuple[Piece, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All of the cell's text, in order, with its styles."""
        return ((self.text, self.style), *self.more)

    @property
    def width(self) -> int:
        """How many terminal cells the text takes."""
        width = len(self.text) if self.text.isascii() else cell_len(self.text)
        for text, _ in self.more:
            width += cell_len(text)
        return width


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table.

    Args:
        name: unique id, e.g. "metrics.val_loss".
        title: what the header shows.
        cells: formats a window of the frame (the visible rows only) into as many cells as it has rows.
        align: the side at which cells and title stand.
        min_width: the least width, in terminal cells.
        max_width: the greatest; longer text is cut with `…`.
        width: a width that overrules what the text would need.
        look: the title's style, as a cell's; none for the usual one.
        glows: a cell whose text changes glows for a moment, where the table is told to show changes.
    """

    name: str
    title: str
    cells: Callable[[pl.DataFrame], Sequence[Cell]]
    align: Align = "left"
    min_width: int = 3
    max_width: int = 32
    width: int | None = None
    look: str = ""
    glows: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a column stands on the line: `whole` is False when less than its width is left for it."""

    column: int
    x: int
    width: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """All columns that are on the screen, from left to right.

    Args:
        total: cells of the whole line.
        slots: the columns.
        left_sign: where to say that columns are hidden to the left, None when there are none.
        right_sign: the same for the right.
    """

    total: int
    slots: tuple[Slot, ...]
    left_sign: int | None
    right_sign: int | None

    def shows(self, column: int) -> bool:
        """Whether a column, by its index, is wholly on the screen."""
        return any(slot.column == column and slot.whole for slot in self.slots)

    def column_at(self, x: int) -> int | None:
        """The index of the column at a cell of the line; the gap before a column belongs to it."""
        if x < GUTTER:
            return None
        return next((slot.column for slot in self.slots if x < slot.x + slot.width), None)


def _room(column: TableColumn) -> tuple[str, int | None, int]:
    """What decides, beside its cells, how wide a column is."""
    return column.name, column.width, column.max_width


def clean(text: str) -> str:
    """Text as it is put into a cell: one line, safe to print, of a width that terminals agree on."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    text = printable(text)
    return text if text.isascii() else text.translate(_VARIATION_SELECTORS)


def cut(pieces: Sequence[Piece], width: int) -> list[Piece]:
    """Shorten pieces that are wider than `width` cells to exactly that, with `…` at the end."""
    if width <= 0:
        return []
    room = width - 1
    kept: list[Piece] = []
    for text, style in pieces:
        size = cell_len(text)
        if size > room:
            kept.append((set_cell_size(text, room) + "…", style))
            return kept
        kept.append((text, style))
        room -= size
    return kept


def fit(cell: Cell, width: int, align: Align) -> list[Piece]:
    """The pieces of a cell, cut or padded to exactly `width` terminal cells."""
    blank = width - cell.width
    if blank < 0:
        return cut(cell.pieces, width)
    if blank == 0:
        return list(cell.pieces)
    padding = (" " * blank, "")
    return [padding, *cell.pieces] if align == "right" else [*cell.pieces, padding]


class FrameWindow:
    """Formats what is on the screen of a frame of any length, and places its columns.

    Widths come from the titles and from the cells seen so far. They only grow, so that scrolling does not
    make the columns jump, until the set of columns changes.
    """

    def __init__(self, key: Sequence[str], fixed: int, gap: int) -> None:
        """Begin with an empty frame.

        Args:
            key: the frame's columns that tell its rows apart.
            fixed: how many columns stay at the left while the others scroll.
            gap: blank cells between columns, at least 1.
        """
        self.frame = pl.DataFrame()
        self.columns: tuple[TableColumn, ...] = ()
        self.rows = range(0)
        self._key = tuple(key)
        self._fixed = fixed
        self._gap = max(gap, 1)
        self._cells: list[dict[int, Cell]] = []
        self._formatted: list[range] = []
        self._keys: dict[int, RowKey] = {}
        self._widths: list[int] = []
        self._sliced: tuple[int, int, pl.DataFrame] = (0, 0, self.frame)

    @property
    def fixed(self) -> int:
        """How many columns there are that do not scroll."""
        return min(self._fixed, len(self.columns))

    def pin(self, fixed: int) -> bool:
        """Let another number of columns stay when the others scroll; False where it is the same."""
        changed, self._fixed = fixed != self._fixed, fixed
        return changed

    def replace(self, frame: pl.DataFrame, columns: Sequence[TableColumn] | None) -> None:
        """Take another frame and, unless None, other columns."""
        self.frame = frame
        if columns is not None:
            same = [_room(column) for column in columns] == [_room(column) for column in self.columns]
            self.columns = tuple(columns)
            if not same:
                self._widths = [self._least(column) for column in self.columns]
        self.rows = range(0)
        self.forget()

    def forget(self, columns: Collection[str] | None = None) -> None:
        """Drop the formatted cells, of some columns or of all: they are asked for again."""
        if columns is not None:
            for number, column in enumerate(self.columns):
                if column.name in columns:
                    self._cells[number], self._formatted[number] = {}, range(0)
            return
        self._cells = [{} for _ in self.columns]
        self._formatted = [range(0)] * len(self.columns)
        self._keys = {}
        self._sliced = (0, 0, self.frame.clear())

    def need(self, column: int, width: int) -> None:
        """Make a column at least so wide, up to its greatest width."""
        limits = self.columns[column]
        if limits.width is None:
            self._widths[column] = max(self._widths[column], min(width, limits.max_width))

    def key_of(self, row: int) -> RowKey:
        """The key of a row; those of the whole window are read at once."""
        if row not in self._keys:
            rows = self.rows if row in self.rows else range(row, row + 1)
            # By series: a select of so few rows would spend its time in starting polars' engine.
            parts = [self.frame.get_column(name).slice(rows.start, len(rows)) for name in self._key]
            keys = zip(*[part.to_list() for part in parts], strict=True)
            if len(self._keys) > _KEPT_CELLS:
                self._keys = {}
            self._keys.update(zip(rows, keys, strict=True))
        return self._keys[row]

    def find(self, key: RowKey, near: int) -> int | None:
        """The row that has a key, or None.

        Args:
            key: what `key_of` returned, for this frame or an earlier one.
            near: looked at first, as most frames differ little from the last.
        """
        if near < self.frame.height and self.key_of(near) == key:
            return near
        if not self.frame.height:
            return None
        columns = [self.frame.get_column(name) for name in self._key]
        same = [column.eq_missing(value) for column, value in zip(columns, key, strict=True)]
        found = reduce(and_, same).arg_true()
        return int(found[0]) if len(found) else None

    def line(self, layout: Layout, row: int) -> tuple[Cell, ...]:
        """The cells of a row in the window, for the columns that a layout made for this window shows."""
        cells = self._cells
        return tuple([cells[slot.column][row] for slot in layout.slots])

    def texts(self) -> dict[RowKey, dict[str, str]]:
        """What the cells of the window say that have been formatted, by column name, by row; not of quiet columns."""
        shown = [(one.name, self._cells[at]) for at, one in enumerate(self.columns) if one.glows and self._cells[at]]
        return {
            self.key_of(row): {
                name: "".join([text for text, _ in cells[row].pieces]) for name, cells in shown if row in cells
            }
            for row in self.rows
        }

    def width(self, column: int) -> int:
        """How wide a column is, now that its cells in the window are formatted."""
        self._format(column)
        return self._widths[column]

    def place(self, first: int, total: int) -> Layout:
        """Put columns on a line.

        Args:
            first: the first of the scrolling columns to be shown; those before it are hidden.
            total: cells of the line.
        """
        slots: list[Slot] = []
        x = GUTTER
        for column, width in enumerate(self._fixed_widths(total)):
            slots.append(Slot(column, x, width, width == self.width(column)))
            x += width + self._gap
        left_sign = x - self._gap if slots else GUTTER - 1
        first = max(first, self.fixed)
        scrolled, hidden = self._fill(first, x, total)
        if hidden:
            scrolled, hidden = self._fill(first, x, total - _SIGN_ROOM)
        return Layout(
            total,
            (*slots, *scrolled),
            left_sign if self.fixed < first else None,
            total - 1 if hidden else None,
        )

    def first_for(self, column: int, first: int, total: int) -> int:
        """The value nearest to `first` that shows a column whole, or from its start when it is too wide."""
        if column < self.fixed:
            return first
        if column < first:
            return column
        # From the right, as this looks at no column that will not be on the screen.
        best = column
        while best > max(first, self.fixed) and self.place(best - 1, total).shows(column):
            best -= 1
        return best

    def _fixed_widths(self, total: int) -> list[int]:
        """Widths of the fixed columns: what they need, but no more than three fifths where others scroll."""
        room = total - GUTTER - self._gap * (self.fixed - 1)
        if len(self.columns) > self.fixed:
            room = room * 3 // 5
        widths = [min(self.width(column), max(room, 1)) for column in range(self.fixed)]
        while sum(widths) > max(room, len(widths)):
            widest = max(range(len(widths)), key=widths.__getitem__)
            if widths[widest] <= 1:
                break
            widths[widest] -= 1
        return widths

    def _fill(self, first: int, x: int, limit: int) -> tuple[list[Slot], bool]:
        slots: list[Slot] = []
        for column in range(first, len(self.columns)):
            width = self.width(column)
            room = limit - x
            if width > room:
                # Half a number would be read as another one: only text is shown in part, or a lone column.
                least = 1 if not slots else _LEAST_PART if self.columns[column].align == "left" else width
                if room >= least:
                    slots.append(Slot(column, x, room, whole=False))
                return slots, True
            slots.append(Slot(column, x, width, whole=True))
            x += width + self._gap
        return slots, False

    def _format(self, column: int) -> None:
        """Format the rows of the window that are not yet, in one call, and let the column grow."""
        if self._formatted[column] == self.rows:
            return
        self._formatted[column] = self.rows
        kept = self._cells[column]
        missing = [row for row in self.rows if row not in kept]
        if not missing:
            return
        if len(kept) > _KEPT_CELLS:
            kept.clear()
            missing = list(self.rows)
        start, count = missing[0], missing[-1] + 1 - missing[0]
        cells = self.columns[column].cells(self._slice(start, count))
        widest = 0
        for row, cell in zip(range(start, start + count), cells, strict=True):
            text = cell.text
            if not cell.more and text.isascii() and text.isprintable() and len(text) <= _LONGEST:
                kept[row], width = cell, len(text)
            else:
                more = tuple([(clean(piece), style) for piece, style in cell.more])
                kept[row] = safe = Cell(clean(text), cell.style, more)
                width = safe.width
            widest = max(widest, width)
        self.need(column, widest)

    def _slice(self, start: int, count: int) -> pl.DataFrame:
        """Some rows, kept for the next column: every one of them wants the same, of a frame of many columns."""
        if self._sliced[:2] != (start, count):
            self._sliced = (start, count, self.frame.slice(start, count))
        return self._sliced[2]

    @staticmethod
    def _least(column: TableColumn) -> int:
        if column.width is not None:
            return column.width
        return min(max(column.min_width, cell_len(clean(column.title))), column.max_width)
