"""The runs table: a `FrameView` that answers keys and the mouse, and posts what the user wants done."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tui_runs.tui.widgets.columns import GUTTER, RowKey
from tui_runs.tui.widgets.frame_view import FrameView
from tui_runs.tui.widgets.table_lines import HEADER

_DOUBLE_CLICK: Final = 2


class TableMessage(Message):
    """Something that a user did in a table."""

    def __init__(self, table: FrameTable) -> None:
        """Make it of a table."""
        super().__init__()
        self.table = table

    @property
    def control(self) -> FrameTable:
        """The table, for `@on(FrameTable.Marked, "#runs")`."""
        return self.table


class RowMessage(TableMessage):
    """The same, about the row that has a key."""

    def __init__(self, table: FrameTable, key: RowKey) -> None:
        """Make it of a row of a table."""
        super().__init__(table)
        self.key = key


class ColumnMessage(TableMessage):
    """The same, about the column that has a name."""

    def __init__(self, table: FrameTable, column: str) -> None:
        """Make it of a column of a table."""
        super().__init__(table)
        self.column = column


def _binding(keys: str, action: str, name: str, says: str, *, footer: bool = False) -> Binding:
    return Binding(keys, action, name.replace("_", " "), show=footer, id=f"table.{name}", tooltip=says)


MOVES: Final = (
    _binding("up,k", "move(-1)", "up", "One row up"),
    _binding("down,j", "move(1)", "down", "One row down"),
    _binding("pageup", "page(-1)", "page_up", "One screen up"),
    _binding("pagedown", "page(1)", "page_down", "One screen down"),
    _binding("home,g", "top", "first_row", "To the first row"),
    _binding("end,G", "bottom", "last_row", "To the last row"),
    _binding("left", "column(-1)", "left", "One column to the left"),
    _binding("right", "column(1)", "right", "One column to the right"),
    _binding("ctrl+left", "first_column", "first_column", "To the first column"),
    _binding("ctrl+right", "last_column", "last_column", "To the last column"),
    _binding("ctrl+home", "top(True)", "first_cell", "To the first column of the first row"),
    _binding("ctrl+end", "bottom(True)", "last_cell", "To the last column of the last row"),
)
"""The keys that move the cursors of any table."""


class FrameTable(FrameView):
    """Posts what the user wants and does none of it: sorting and marking are its owner's.

    It is made, filled and asked as a `FrameView` is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *MOVES,
        _binding("space", "mark", "mark", "Mark the run, or unmark it, and go one down", footer=True),
        _binding("s", "sort", "sort", "Sort by the column under the cursor", footer=True),
        _binding("enter", "select", "open", "Open the run under the cursor"),
    ]

    class RowHighlighted(TableMessage):
        """The cursor is on another run; `key` is None when there are no rows."""

        def __init__(self, table: FrameTable, key: RowKey | None) -> None:
            """Make it of the row that the cursor is on now."""
            super().__init__(table)
            self.key = key

        def can_replace(self, message: Message) -> bool:
            """Of a burst, from a key held down, only the last matters."""
            return isinstance(message, FrameTable.RowHighlighted) and message.table is self.table

    class RowSelected(RowMessage):
        """The user wants to open a run: enter, or a double click."""

    class Marked(RowMessage):
        """The user wants to mark a run or to unmark it: space, or a click in the gutter."""

    class HeaderSelected(ColumnMessage):
        """The user clicked on the title of a column."""

    class SortRequested(ColumnMessage):
        """The user wants to sort by the column under the column cursor."""

    _highlighted: RowKey | None = None

    def cursor_moved(self) -> None:
        """Say which run the cursor is on when it is another one."""
        if self.is_running and self.cursor_key != self._highlighted:
            self._highlighted = self.cursor_key
            self.post_message(self.RowHighlighted(self, self.cursor_key))

    def on_mount(self) -> None:
        """Say which run the cursor is on when a frame was shown before the table was mounted."""
        self.cursor_moved()

    def action_move(self, rows: int) -> None:
        """Move the cursor by a number of rows."""
        self.move_cursor(row=self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor and what is seen by a number of screens."""
        rows = pages * max(self._rows_in_view, 1)
        self._scroll_rows(self._top + rows)
        self.move_cursor(row=self._cursor + rows)

    def action_top(self, column_too: bool = False) -> None:
        """Move the cursor to the first row, and to the first column as well when asked."""
        self.move_cursor(row=0, column=self._name_at(0) if column_too else None)

    def action_bottom(self, column_too: bool = False) -> None:
        """Move the cursor to the last row, and to the last column as well when asked."""
        column = self._name_at(len(self.columns) - 1) if column_too else None
        self.move_cursor(row=self.frame.height, column=column)

    def action_column(self, columns: int) -> None:
        """Move the column cursor."""
        self.move_cursor(column=self._name_at(max(0, min(self._column + columns, len(self.columns) - 1))))

    def action_first_column(self) -> None:
        """Move the column cursor to the first column."""
        self.move_cursor(column=self._name_at(0))

    def action_last_column(self) -> None:
        """Move the column cursor to the last column."""
        self.move_cursor(column=self._name_at(len(self.columns) - 1))

    def action_mark(self) -> None:
        """Ask for the run under the cursor to be marked, and go one row down: space, space marks two."""
        if (key := self.cursor_key) is not None:
            self.post_message(self.Marked(self, key))
            self.action_move(1)

    def action_sort(self) -> None:
        """Ask for the frame to be sorted by the column under the column cursor."""
        if (column := self.cursor_column) is not None:
            self.post_message(self.SortRequested(self, column))

    def action_select(self) -> None:
        """Ask for the run under the cursor to be opened."""
        if (key := self.cursor_key) is not None:
            self.post_message(self.RowSelected(self, key))

    def on_click(self, event: events.Click) -> None:
        """Header: sort; gutter: mark; row: move the cursor there, and open the run at the second click."""
        at = event.get_content_offset(self)
        if at is None or at.x >= self._width:
            return
        self._arrange()
        layout = self._layout_now
        column = layout.column_at(at.x)
        if at.y < HEADER:
            if at.x in (layout.left_sign, layout.right_sign):
                self._scroll_columns(1 if at.x == layout.right_sign else -1)
            elif column is not None:
                self.move_cursor(column=self.columns[column].name)
                self.post_message(self.HeaderSelected(self, self.columns[column].name))
            return
        row = self._top + at.y - HEADER
        if row >= self.frame.height:
            return
        self.move_cursor(row=row, column=None if column is None else self.columns[column].name)
        key = self._window.key_of(row)
        if at.x < GUTTER:
            self.post_message(self.Marked(self, key))
        elif event.chain == _DOUBLE_CLICK:
            self.post_message(self.RowSelected(self, key))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """With shift or ctrl the wheel scrolls the columns; the rows are scrolled by Textual."""
        if event.shift or event.ctrl:
            self._scroll_columns(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The same, upwards."""
        if event.shift or event.ctrl:
            self._scroll_columns(-1)

    def on_mouse_scroll_right(self) -> None:
        """A sideways wheel scrolls the columns."""
        self._scroll_columns(1)

    def on_mouse_scroll_left(self) -> None:
        """The same, to the left."""
        self._scroll_columns(-1)
