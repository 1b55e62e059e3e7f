"""What a preview hands to the screen: rows that are ready to be drawn, and the room that they were made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from rich.cells import cell_len
from textual.strip import Strip

from tui_runs.analysis.log_text import Piece
from tui_runs.tui.log_window import wrap

Row = tuple[Piece, ...] | Strip
"""Text with the names of its styles, those of `PreviewView`; or what has colours of its own."""
ImageMode = Literal["kitty", "sixel", "blocks", "none"]


class Room(NamedTuple):
    """Where a preview is to be shown.

    Args:
        width: terminal cells.
        height: lines.
        wrapped: wrap long lines rather than have them reach out to the right.
        ground: what shines through an image, "#rrggbb".
        images: how images are drawn.
        cell: width and height of a terminal cell in pixels.
    """

    width: int
    height: int
    wrapped: bool = True
    ground: str = "#000000"
    images: ImageMode = "blocks"
    cell: tuple[int, int] = (10, 20)


class Page(NamedTuple):
    """A preview as it is drawn.

    Args:
        header: rows that stay at the top.
        rows: those below it.
        width: cells of the widest.
        before: what the terminal is told before the rows are drawn: an image in kitty's protocol.
        after: what it is told when they are not wanted any more.
        over: what is drawn over the rows at their upper left corner: a Sixel image.
    """

    header: Sequence[Row]
    rows: Sequence[Row]
    width: int
    before: str = ""
    after: str = ""
    over: str = ""


class Preview(Protocol):
    """What was made of the beginning of a file. It does not change, and is safe to print."""

    @property
    def title(self) -> str:
        """What it is, in one line."""
        ...

    def page(self, room: Room) -> Page:
        """Lay it out; in a worker thread, for this may take a while."""
        ...


class TextPreview(NamedTuple):
    """Lines of text.

    Args:
        title: what it is.
        lines: in pieces, printable.
        note: what is missing, or a sentence in place of the text.
    """

    title: str
    lines: Sequence[Sequence[Piece]] = ()
    note: str = ""

    def page(self, room: Room) -> Page:
        """Wrap the lines; see `Preview`."""
        lines = [*self.lines, ((self.note, "muted"),)] if self.note else self.lines
        if room.wrapped and room.width > 0:
            return Page((), [row for line in lines for row in wrap(line, room.width)], room.width)
        widths = (sum(cell_len(text) for text, _ in line) for line in lines)
        return Page((), [tuple(line) for line in lines], max(widths, default=0))
