"""A preview on the screen. It is laid out in a worker thread: here rows are only put where they belong."""

from __future__ import annotations

import os
import struct
import sys
from typing import ClassVar, Final

from rich.segment import ControlType, Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_runs.display import clip
from tui_runs.tui.previews.page import Page, Room, Row
from tui_runs.tui.previews.pictures import image_mode

_EMPTY: Final = Page((), (), 0)
_USUAL_CELL: Final = (10, 20)
"""Pixels of a terminal's cell where it does not say: those of the VT340, which Sixels were made for."""
_AS_IT_IS: Final = ((ControlType.CURSOR_FORWARD, 0),)
"""Marks a segment that takes no cells and is written as it is."""


class PreviewView(ScrollView):
    """Shows a page and says when there is room for another one."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "preview--muted", "preview--title", "preview--key", "preview--string", "preview--number", "preview--keyword",
        "preview--deleted",
    }  # fmt: skip
    DEFAULT_CSS = """
    PreviewView {
        padding: 0 1;
        background: $background;
        overflow-y: scroll;
        scrollbar-size: 1 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-corner-color: $background;
        scrollbar-color: $foreground 20%;
        &:focus { scrollbar-color: $primary; }
        .preview--muted { color: $foreground-muted; }
        .preview--title { background: $foreground 5%; color: $foreground-muted; }
        .preview--key { color: $primary; }
        .preview--string { color: $success; }
        .preview--number { color: $warning; }
        .preview--keyword { color: $primary; text-style: bold; }
        .preview--deleted { color: $error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "down", show=False, id="preview.down", tooltip="One line down"),
        Binding("k", "scroll_up", "up", show=False, id="preview.up", tooltip="One line up"),
        Binding("g", "scroll_home", "top", show=False, id="preview.top", tooltip="To the first line"),
        Binding("G", "scroll_end", "end", show=False, id="preview.end", tooltip="To the last line"),
    ]

    class RoomChanged(Message):
        """What is shown was laid out for another room."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.wrapped = True
        self._title = ""
        self._page = _EMPTY
        self._images = image_mode(os.environ)

    @property
    def room(self) -> Room:
        """The room there is now, below the title."""
        size = self.scrollable_content_region.size
        ground = self.app.theme_variables.get("background", "#000000")
        return Room(size.width, size.height - 1, self.wrapped, ground, self._images, _cell_pixels())

    def show_page(self, title: str, page: Page) -> None:
        """Show something else.

        Args:
            title: stands above it, printable.
            page: laid out for the room there is.
        """
        self._tell_terminal(self._page.after + page.before)
        keep = title == self._title
        self._title, self._page = title, page
        self.virtual_size = Size(page.width, len(page.rows) + len(page.header) + 1)
        if not keep:
            self.scroll_home(animate=False, immediate=True)
        self.refresh()

    def show_again(self) -> None:
        """Show the same after another program has had the terminal."""
        self._tell_terminal(self._page.before)
        self.refresh()

    def _tell_terminal(self, sequences: str) -> None:
        driver = self.app._driver
        if sequences and driver is not None:
            driver.write(sequences)

    def on_unmount(self) -> None:
        """Have the terminal forget the image."""
        self._tell_terminal(self._page.after)

    def on_resize(self, event: events.Resize) -> None:
        """There is another room."""
        self.post_message(self.RoomChanged())

    def notify_style_update(self) -> None:
        """The theme may have changed, and with it what shines through an image."""
        super().notify_style_update()
        if self.is_mounted:
            self.post_message(self.RoomChanged())

    def render_line(self, y: int) -> Strip:
        """A line; see `textual.widget.Widget.render_line`."""
        width = self.scrollable_content_region.width
        ground = self.rich_style
        if y == 0:
            look = self._look("muted", ground)
            return Strip([Segment(clip(self._title, width), look)]).extend_cell_length(width, ground)
        page, left, row = self._page, round(self.scroll_x), y - 1
        if row >= len(page.header):
            row += round(self.scroll_y)
        rows = [*page.header, *page.rows] if page.header else page.rows
        if not 0 <= row < len(rows):
            return Strip.blank(width, ground)
        strip = self._strip(rows[row], ground).crop_extend(left, left + width, ground)
        if page.over and y == len(rows) and self.screen.is_active:
            strip = self._drawn_over(strip)
        return strip

    def _strip(self, row: Row, ground: Style) -> Strip:
        if isinstance(row, Strip):
            return row
        styles = {style: self._look(style, ground) for _, style in row}
        return Strip([Segment(text, styles[style]) for text, style in row])

    def _look(self, name: str, ground: Style) -> Style:
        return self.get_component_rich_style(f"preview--{name}") if name else ground

    def _drawn_over(self, strip: Strip) -> Strip:
        """The last line of an image's cells, and after it the image itself, which covers them all."""
        corner = self.content_region.offset
        picture = f"\x1b7\x1b[{corner.y + 2};{corner.x + 1}H{self._page.over}\x1b8"
        return Strip([*strip, Segment(picture, None, _AS_IT_IS)], strip.cell_length)


def _cell_pixels() -> tuple[int, int]:
    """Width and height of a terminal's cell in pixels. The system is asked: an answer of the terminal is the app's."""
    try:
        import fcntl  # noqa: PLC0415  not on every system
        import termios  # noqa: PLC0415  the same

        packed = fcntl.ioctl(sys.__stdout__.fileno() if sys.__stdout__ else 1, termios.TIOCGWINSZ, bytes(8))
        rows, columns, width, height = struct.unpack("HHHH", packed)
    except (ImportError, OSError, ValueError, AttributeError):
        return _USUAL_CELL
    return (width // columns, height // rows) if columns and rows and width and height else _USUAL_CELL
