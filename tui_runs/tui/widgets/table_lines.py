"""The lines of a `FrameView`: what each has to look like, which differ from what is on the screen, what glows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import polars as pl
from rich.cells import cell_len
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from tui_runs.tui.widgets import table_painter
from tui_runs.tui.widgets.columns import FrameWindow, Layout, RowKey, TableColumn, clean
from tui_runs.tui.widgets.glow import Glow
from tui_runs.tui.widgets.table_painter import Ground, HeaderLook, Look, MessageLook, RowLook, Sorting, TablePainter

HEADER: Final = 1
"""Lines above the rows."""
_FADES_SECONDS: Final = 0.5
"""How often what glows grows weaker."""


class TableLines(ScrollView):
    """Draws the rows that are on the screen; `FrameView` says which those are, and where the cursors stand."""

    def __init__(
        self,
        key: Sequence[str],
        fixed: int,
        gap: int,
        *,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """See `FrameView` for the arguments."""
        super().__init__(name=name, id=id, classes=classes)
        self._window = FrameWindow(key, fixed, gap)
        self._painter = TablePainter(self)
        self._cursor = 0
        self._column = 0
        self._first = 0
        self._sort: Sorting = ()
        self._marks: Mapping[RowKey, str] = {}
        self._fresh: Collection[RowKey] = frozenset()
        self._glow = Glow()
        self._fading: Timer | None = None
        self._empty_message: tuple[str, ...] = ()
        self._generation = 0
        self._arranged: object = None
        self._layout_now = Layout(0, (), None, None)
        self._used_now: tuple[tuple[TableColumn, ...], int] = ((), 0)
        self._painted: dict[int, Look] = {}
        self._top_painted = 0
        self._theme_is_stale = True

    @property
    def frame(self) -> pl.DataFrame:
        """The frame that is shown, as it was given."""
        return self._window.frame

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """The columns, as they were given."""
        return self._window.columns

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    @property
    def _width(self) -> int:
        return max(self.size.width - self.scrollbar_size_vertical, 0)

    @property
    def _rows_in_view(self) -> int:
        return max(self.size.height - HEADER, 0)

    def _index_of(self, name: str | None) -> int | None:
        return next((index for index, column in enumerate(self.columns) if column.name == name), None)

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
        glow, fresh = self._glow, self._fresh
        focused, first = self.has_focus, self._top - HEADER
        cursor_ground: Ground = "cursor" if focused else "cursor-blurred"
        names = [self.columns[slot.column].name for slot in layout.slots] if glow else []
        looks: list[Look] = []
        for y in lines:
            row = first + y
            if y < HEADER:
                looks.append(HeaderLook(self._sort, self._column if focused else None))
            elif row in window.rows:
                key = window.key_of(row) if marks or glow or fresh else ()
                mark = marks.get(key) if marks else None
                lit = glow.of(key, names) if glow else ()
                ground: Ground = cursor_ground if row == cursor else ""
                looks.append(RowLook(window.line(layout, row), mark, ground, key in fresh, lit))
            else:
                looks.append(self._message_look(y - HEADER))
        return looks

    def _message_look(self, line: int) -> Look:
        message = self._empty_message
        line -= max(0, (self._rows_in_view - len(message)) // 2)
        if self.frame.height or not 0 <= line < len(message):
            return None
        return MessageLook(message[line], "strong" if line == 0 and len(message) > 1 else "muted")

    # What glows

    def _show_changes(self, before: Mapping[RowKey, Mapping[str, str]]) -> None:
        """Let the cells glow for a moment whose text is another than it was.

        Args:
            before: the texts that were on the screen, by row and column.
        """
        self._arrange()
        self._glow.light(before, self._window.texts())
        if self._glow and self._fading is None:
            self._fading = self.set_interval(_FADES_SECONDS, self._fade)

    def _fade(self) -> None:
        self._glow.fade()
        if not self._glow and self._fading is not None:
            self._fading.stop()
            self._fading = None
        self._repaint()
