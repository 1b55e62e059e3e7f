"""The lines of a log on the screen: wrapped or cut, with what is searched for set off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl
from rich.cells import cell_len
from textual.binding import BindingType
from textual.message import Message

from tui_runs.analysis.log_text import LogLine, Piece, joined, pattern_of
from tui_runs.tui.log_window import wrap
from tui_runs.tui.widgets.columns import GUTTER, Cell, TableColumn
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable

_Row = tuple[int, int, tuple[Piece, ...]]
"""Where a line begins in the log, which part of that line it is, and its text."""


class LogView(FrameTable, inherit_bindings=False):
    """The lines that are held; only those on the screen are drawn."""

    DEFAULT_CSS = "LogView { overflow-y: scroll; }"  # or lines would be wrapped anew where the bar comes and goes
    BINDINGS: ClassVar[list[BindingType]] = [move for move in MOVES if "column" not in move.action]

    class Moved(Message):
        """The user has gone up or down."""

    class EndWanted(Message):
        """The user wants to see the beginning of the log, or its end."""

        def __init__(self, *, first: bool) -> None:
            super().__init__()
            self.first = first

    def __init__(self) -> None:
        super().__init__(key=("line", "part"), fixed=0, id="log-lines")
        self.wrapped = True
        self.needle = ""
        self._lines: Sequence[LogLine] = ()
        self._rows: list[_Row] = []
        self._parts: dict[LogLine, list[tuple[Piece, ...]]] = {}
        self._title = ""
        self._filling = False

    def show_lines(self, lines: Sequence[LogLine]) -> None:
        """Show other lines: those that one looks at stay where they are, or the last where one looks at that."""
        following = self.at_end
        self._filling, self._lines = True, lines
        width = self._width - GUTTER
        if not self.wrapped or width < 1:
            self._rows = [(line.start, 0, line.pieces) for line in lines]
        else:
            before, self._parts = self._parts, {}
            self._rows = [
                (line.start, part, row)
                for line in lines
                for part, row in enumerate(self._parts_of(line, width, before))
            ]
        numbers = range(len(self._rows))
        keys = {"line": [row[0] for row in self._rows], "part": [row[1] for row in self._rows], "row": numbers}
        self.show(pl.DataFrame(keys, schema={"line": pl.Int64, "part": pl.Int64, "row": pl.Int64}), self._column_now())
        if following:
            self.move_cursor(row=len(self._rows))
        self._filling = False

    def _parts_of(
        self, line: LogLine, width: int, before: Mapping[LogLine, list[tuple[Piece, ...]]]
    ) -> list[tuple[Piece, ...]]:
        """The rows of a line; those of long lines are kept for as long as the line is held."""
        if len(line.pieces) == 1 and len(line.pieces[0][0]) <= width // 2:
            return [line.pieces]
        parts = self._parts[line] = before.get(line) or list(wrap(line.pieces, width))
        return parts

    def show_title(self, title: str) -> None:
        """Say something in the line above the log."""
        if title != self._title:
            self._title = title
            if self.columns:
                self._filling = True
                self.show(self.frame, self._column_now())
                self._filling = False

    def _column_now(self) -> list[TableColumn]:
        return [TableColumn("text", self._title, self._cells, width=max(self._width - GUTTER, 1))]

    def rewrap(self) -> None:
        """Wrap the lines anew."""
        self._parts.clear()
        self.show_lines(self._lines)

    def on_resize(self) -> None:
        """Wrap the lines anew."""
        super().on_resize()
        self.rewrap()

    @property
    def at_end(self) -> bool:
        """Whether the last line is under the cursor and on the screen: then the log is followed."""
        last = self.frame.height - 1
        return self.cursor_row is None or (self.cursor_row == last and self._top + self._rows_in_view > last)

    @property
    def near_top(self) -> bool:
        """Whether what is before will soon be seen."""
        return self._top <= self._rows_in_view

    def cursor_moved(self) -> None:
        """Say that the user has moved."""
        if self.is_running and not self._filling:
            self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The same for the wheel."""
        super().watch_scroll_y(old_value, new_value)
        self.cursor_moved()

    def action_top(self, column_too: bool = False) -> None:
        """To the beginning of the log."""
        self.post_message(self.EndWanted(first=True))

    def action_bottom(self, column_too: bool = False) -> None:
        """To its end."""
        self.post_message(self.EndWanted(first=False))

    def _cells(self, window: pl.DataFrame) -> list[Cell]:
        cells = []
        # Of a line that is not wrapped, what is searched for may begin on the screen and end beyond it.
        width = max(self._width, 1) + cell_len(self.needle)
        for number in window["row"]:
            (text, style), *more = self._set_off(next(wrap(self._rows[number][2], width))) or [("", "")]
            cells.append(Cell(text, style, tuple(more)))
        return cells

    def _set_off(self, pieces: Sequence[Piece]) -> list[Piece]:
        """What was searched for stands out."""
        text = "".join([text for text, _ in pieces])
        matches = list(pattern_of(self.needle).finditer(text)) if self.needle else []
        if not matches:
            return list(pieces)
        styles = [style for text, style in pieces for _ in text]
        for match in matches:
            styles[match.start() : match.end()] = ["best"] * (match.end() - match.start())
        return list(joined(text, styles))
