"""Draws a Polars frame of any length on Textual's line API: rows, header, cursors, marks; it answers no key.

Textual's own DataTable makes an object for every cell, which takes 21 s for 100,000 rows x 20 columns. This
one holds the frame and formats the rows that are on the screen. `FrameTable` adds keys and mouse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

import polars as pl
from textual.geometry import Size

from tui_runs.tui.widgets import table_painter
from tui_runs.tui.widgets.columns import RowKey, TableColumn, clean
from tui_runs.tui.widgets.table_lines import HEADER, TableLines
from tui_runs.tui.widgets.table_painter import Sorting


class FrameView(TableLines, can_focus=True, inherit_bindings=False):
    """Shows a frame that is already sorted and filtered.

    The cursor belongs to a row's key and not to its number: when another frame is shown it stays with its
    run, on the same line of the screen. Only before the user has touched the table does it stay at the top
    instead, so that a table that fills up does not run away.
    """

    ALLOW_SELECT = False

    COMPONENT_CLASSES: ClassVar[set[str]] = set(table_painter.COMPONENT_CLASSES)

    DEFAULT_CSS = table_painter.CSS

    def __init__(
        self,
        *,
        key: Sequence[str] = ("source", "run_id"),
        fixed: int = 1,
        gap: int = 2,
        empty_message: str | Sequence[str] = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Make an empty table.

        Args:
            key: the frame's columns that tell its rows apart.
            fixed: how many columns stay at the left while the others scroll.
            gap: blank cells between columns, at least 1.
            empty_message: shown in the middle while there are no rows; one text, or one for each line.
            name: see `textual.widget.Widget`.
            id: the same.
            classes: the same.
        """
        super().__init__(key, fixed, gap, name=name, id=id, classes=classes)
        self._cursor_key: RowKey | None = None
        self._touched = False
        self._last_rows_in_view = 0
        self.empty_message = empty_message

    def show(self, frame: pl.DataFrame, columns: Sequence[TableColumn] | None = None, *, changes: bool = False) -> None:
        """Replace the data; the cursor stays with its run, or else at its row number.

        Args:
            frame: all rows, sorted and filtered, with the key columns; never changed by the table.
            columns: other columns; None keeps those that there are. Widths start anew when the names differ.
            changes: let cells that are on the screen glow for a moment where they say something else than before.
        """
        window, top = self._window, self._top
        before = window.texts() if changes else {}
        in_view = top <= self._cursor < top + self._rows_in_view
        # One line of the screen is held still: the cursor's, or the first when the cursor is out of view.
        anchor, anchor_key = self._cursor, self._cursor_key
        if not in_view and top < window.frame.height:
            anchor, anchor_key = top, window.key_of(top)
        column, first = self._name_at(self._column), self._name_at(self._first)
        window.replace(frame, columns)
        self._generation += 1
        self.virtual_size = Size(0, frame.height + HEADER if frame.height else 0)
        if self._touched or top:
            found = None if self._cursor_key is None else window.find(self._cursor_key, self._cursor)
            self._cursor = max(0, min(self._cursor if found is None else found, frame.height - 1))
            held = found if in_view or anchor_key is None else window.find(anchor_key, anchor)
            self._scroll_rows(top if held is None else top + held - anchor)
            if in_view:
                self._reveal_row()
        else:
            self._cursor = 0
        self._take_cursor_key()
        if columns is not None:
            self._column, self._first = self._index_of(column) or 0, self._index_of(first) or 0
            self._reveal_column()
        if before:
            self._show_changes(before)
        self._repaint()

    def refresh_rows(self, columns: Collection[str] | None = None) -> None:
        """Format the visible rows again, as for ages that tick, and repaint the lines that differ then.

        Args:
            columns: names of the columns whose cells may differ; None for all.
        """
        self._window.forget(columns)
        self._generation += 1
        self._repaint()

    @property
    def marks(self) -> Mapping[RowKey, str]:
        """The marked rows, by key, and the colour of each; a new mapping is set, none is changed in place."""
        return self._marks

    @marks.setter
    def marks(self, marks: Mapping[RowKey, str]) -> None:
        self._marks = dict(marks)
        self._repaint()

    @property
    def fresh(self) -> Collection[RowKey]:
        """The rows that are new to the user, by key: they have a sign in the gutter."""
        return self._fresh

    @fresh.setter
    def fresh(self, fresh: Collection[RowKey]) -> None:
        self._fresh = frozenset(fresh)
        self._repaint()

    @property
    def touched(self) -> bool:
        """Whether the cursor was moved: until then it stays at the top, whatever comes there."""
        return self._touched

    @property
    def sort(self) -> Sorting:
        """The columns that the frame is sorted by, the one that decides first: shown in the header, no more."""
        return self._sort

    @sort.setter
    def sort(self, sort: Sorting) -> None:
        self._sort = sort
        self._repaint()

    @property
    def empty_message(self) -> tuple[str, ...]:
        """The lines shown while there are no rows."""
        return self._empty_message

    @empty_message.setter
    def empty_message(self, message: str | Sequence[str]) -> None:
        lines = message.splitlines() if isinstance(message, str) else message
        self._empty_message = tuple(clean(line) for line in lines)
        self._repaint()

    @property
    def fixed(self) -> int:
        """How many columns stay at the left while the others scroll."""
        return self._window.fixed

    @fixed.setter
    def fixed(self, fixed: int) -> None:
        if self._window.pin(fixed):
            self._generation += 1
            self._first = 0
            self._reveal_column()
            self._repaint()

    def width_of(self, column: str) -> int:
        """How many terminal cells a column takes, by its name; 0 where there is none."""
        index = self._index_of(column)
        return 0 if index is None else self._window.width(index)

    @property
    def visible_keys(self) -> list[RowKey]:
        """The keys of the rows on the screen, from top to bottom."""
        self._arrange()
        return [self._window.key_of(row) for row in self._window.rows]

    # The cursors

    @property
    def cursor_row(self) -> int | None:
        """The row number of the cursor, or None when there are no rows."""
        return self._cursor if self.frame.height else None

    @property
    def cursor_key(self) -> RowKey | None:
        """The key of the row under the cursor, or None when there are no rows."""
        return self._cursor_key if self.frame.height else None

    @property
    def cursor_column(self) -> str | None:
        """The name of the column under the column cursor, or None when there are no columns."""
        return self._name_at(self._column)

    def move_cursor(self, *, row: int | None = None, key: RowKey | None = None, column: str | None = None) -> bool:
        """Put the cursors somewhere and scroll there.

        Args:
            row: a row number; beyond the ends means the first or the last.
            key: a row by its key, instead of its number.
            column: the name of a column.

        Returns:
            Whether the row and the column asked for are there.
        """
        there = True
        if key is not None:
            row = self._window.find(key, self._cursor)
            there = row is not None
        if row is not None and self.frame.height:
            self._touched = True
            self._cursor = max(0, min(row, self.frame.height - 1))
            self._take_cursor_key()
            self._reveal_row()
        if column is not None:
            index = self._index_of(column)
            there = there and index is not None
            if index is not None:
                self._column = index
                self._reveal_column()
        self._repaint()
        return there

    # Scrolling

    def _scroll_rows(self, top: int) -> None:
        self.scroll_target_y = self.scroll_y = max(0, min(top, self.max_scroll_y))

    def _reveal_row(self) -> None:
        top, rows = self._top, max(self._rows_in_view, 1)
        if not top <= self._cursor < top + rows:
            self._scroll_rows(self._cursor if self._cursor < top else self._cursor - rows + 1)

    def _scroll_columns(self, columns: int) -> None:
        """Scroll the columns by a number of them; the column cursor stays where it is."""
        if not self.columns or not self._width:
            return
        fixed, width = self._window.fixed, self._width
        last = self._window.first_for(len(self.columns) - 1, fixed, width)
        self._first = max(fixed, min(max(self._first, fixed) + columns, last))
        self._repaint()

    def _reveal_column(self) -> None:
        if self._width:
            self._look()
            self._first = self._window.first_for(self._column, self._first, self._width)

    def _take_cursor_key(self) -> None:
        """Note which run the cursor is on."""
        # While there are no rows the last run is remembered: a filter that fits nothing keeps the place.
        if self.frame.height:
            self._cursor_key = self._window.key_of(self._cursor)
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """Called when the cursor may be on another run; for those who build on this."""

    def on_resize(self) -> None:
        """Keep the cursors on the screen that were on it."""
        last = self._last_rows_in_view
        was_in_view = not last or self._top <= self._cursor < self._top + last
        self._last_rows_in_view = self._rows_in_view
        if was_in_view and self.frame.height:
            self._reveal_row()
        if self.columns and self._width:
            self._look()
            last = self._window.first_for(len(self.columns) - 1, 0, self._width)
            self._first = min(self._first, last)
            self._reveal_column()
        self._repaint()

    def _name_at(self, column: int) -> str | None:
        return self.columns[column].name if 0 <= column < len(self.columns) else None
