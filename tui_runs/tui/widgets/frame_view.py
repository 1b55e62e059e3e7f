"""Draws a Polars frame of any length on Textual's line API: rows, header, cursors, marks; it answers no key.

Textual's own DataTable makes an object for every cell, which takes 21 s for 100,000 rows x 20 columns. This
one holds the frame and formats the rows that are on the screen. `FrameTable` adds keys and mouse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Final

import polars as pl
from rich.cells import cell_len
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_runs.tui.widgets import table_painter
from tui_runs.tui.widgets.columns import FrameWindow, Layout, RowKey, TableColumn, clean
from tui_runs.tui.widgets.table_painter import Ground, HeaderLook, Look, MessageLook, RowLook, Sorting, TablePainter

HEADER: Final = 1
"""Lines above the rows."""


class FrameView(ScrollView, can_focus=True, inherit_bindings=False):
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
        super().__init__(name=name, id=id, classes=classes)
        self._window = FrameWindow(key, fixed, gap)
        self._painter = TablePainter(self)
        self._cursor = 0
        self._cursor_key: RowKey | None = None
        self._column = 0
        self._first = 0
        self._touched = False
        self._sort: Sorting = ()
        self._marks: Mapping[RowKey, str] = {}
        self._empty_message: tuple[str, ...] = ()
        self._generation = 0
        self._arranged: object = None
        self._layout_now = Layout(0, (), None, None)
        self._used_now: tuple[tuple[TableColumn, ...], int] = ((), 0)
        self._painted: dict[int, Look] = {}
        self._last_rows_in_view = 0
        self._top_painted = 0
        self._theme_is_stale = True
        self.empty_message = empty_message

    @property
    def frame(self) -> pl.DataFrame:
        """The frame that is shown, as it was given."""
        return self._window.frame

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """The columns, as they were given."""
        return self._window.columns

    def show(self, frame: pl.DataFrame, columns: Sequence[TableColumn] | None = None) -> None:
        """Replace the data; the cursor stays with its run, or else at its row number.

        Args:
            frame: all rows, sorted and filtered, with the key columns; never changed by the table.
            columns: other columns; None keeps those that there are. Widths start anew when the names differ.
        """
        window, top = self._window, self._top
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

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    @property
    def _width(self) -> int:
        return max(self.size.width - self.scrollbar_size_vertical, 0)

    @property
    def _rows_in_view(self) -> int:
        return max(self.size.height - HEADER, 0)

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

    def _index_of(self, name: str | None) -> int | None:
        return next((index for index, column in enumerate(self.columns) if column.name == name), None)

    # Painting

    def _look(self) -> None:
        """Point the window at the rows that are on the screen."""
        top = self._top
        self._window.rows = range(top, max(top, min(top + self._rows_in_view, self.frame.height)))
        for place in range(len(self._sort)):
            if (column := self._index_of(self._sort[place][0])) is not None:
                title = cell_len(clean(self.columns[column].title))
                self._window.need(column, title + len(table_painter.arrow(self._sort, place)))

    def _arrange(self) -> bool:
        """Place the columns, unless nothing that decides about it has changed; True when they moved."""
        if self._arranged == (self._top, self.size, self._width, self._first, self._sort, self._generation):
            return False
        self._look()
        before, width = self._layout_now, self._width
        layout = self._window.place(self._first, width)
        if before.shows(self._column) and not layout.shows(self._column):
            # Another column grew and pushed the cursor's out.
            self._first = self._window.first_for(self._column, self._first, width)
            layout = self._window.place(self._first, width)
        self._arranged = (self._top, self.size, self._width, self._first, self._sort, self._generation)
        now = (self.columns, self.size.width)
        if layout == before and now == self._used_now:
            return False
        self._layout_now, self._used_now = layout, now
        self._painter.use(self.columns, layout, self.size.width)
        self._painted.clear()
        return True

    def _repaint(self) -> None:
        """Have those lines drawn that differ from what is on the screen: of a cursor key, two and not all."""
        if not self.is_mounted or not self.size or self._top != self._top_painted:
            return  # all of it is about to be drawn
        if self._arrange():
            self.refresh()
            return
        width, height = self.size
        looks, nothing = self._looks(range(height)), object()
        stale = [y for y, look in enumerate(looks) if self._painted.get(y, nothing) != look]
        if stale:
            self.refresh(*(Region(0, y, width, 1) for y in stale))

    def notify_style_update(self) -> None:
        """Read the colours anew before the next line is drawn: the theme may be another."""
        self._theme_is_stale = True
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw what is on the screen.

        Args:
            crop: the part of it that is needed.
        """
        if self._arrange() and crop.height < self.size.height:
            self.call_later(self.refresh)
        self._top_painted = self._top
        if self.styles.gutter or self.opacity < 1 or self.styles.text_opacity < 1:
            return super().render_lines(crop)
        # With nothing around or over the lines they go to the screen as they are: a strip that is drawn
        # once remembers how it was filtered, divided and written, which is most of the cost of scrolling.
        background, filters = self.background_colors[1], self.get_line_filters()
        strips = self._draw(range(crop.y, crop.bottom))
        for line_filter in filters:
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen.

        Args:
            y: its number; 0 is the header.
        """
        self._arrange()
        return self._draw(range(y, y + 1))[0]

    def _draw(self, lines: range) -> list[Strip]:
        if self._theme_is_stale:
            self._theme_is_stale = False
            self._painter.read_theme()
        looks = self._looks(lines)
        self._painted.update(zip(lines, looks, strict=True))
        return [self._painter.strip(look) for look in looks]

    def _looks(self, lines: range) -> list[Look]:
        """What lines of the screen have to look like now."""
        # Read once: each of these costs a microsecond or more, and there are fifty lines.
        window, layout, marks, cursor = self._window, self._layout_now, self._marks, self._cursor
        focused, first = self.has_focus, self._top - HEADER
        cursor_ground: Ground = "cursor" if focused else "cursor-blurred"
        looks: list[Look] = []
        for y in lines:
            row = first + y
            if y < HEADER:
                looks.append(HeaderLook(self._sort, self._column if focused else None))
            elif row in window.rows:
                mark = marks.get(window.key_of(row)) if marks else None
                looks.append(RowLook(window.line(layout, row), mark, cursor_ground if row == cursor else ""))
            else:
                looks.append(self._message_look(y - HEADER))
        return looks

    def _message_look(self, line: int) -> Look:
        message = self._empty_message
        line -= max(0, (self._rows_in_view - len(message)) // 2)
        if self.frame.height or not 0 <= line < len(message):
            return None
        return MessageLook(message[line], "strong" if line == 0 and len(message) > 1 else "muted")
