"""The one-line bars of the main screen: what is open, the panes to choose from, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import printable


class Piece(NamedTuple):
    """Some text of a bar.

    Args:
        text: plain; never parsed as markup.
        look: a component class of the bar without its prefix, or "".
        action: what a click on it does, or "".
    """

    text: str
    look: str = ""
    action: str = ""


class Bar(Widget):
    """One line of pieces from the left and one from the right; what does not fit in between is cut with an ellipsis."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "bar--title", "bar--muted", "bar--strong", "bar--key", "bar--good", "bar--warn", "bar--bad", "bar--chosen",
    }  # fmt: skip
    DEFAULT_CSS = """
    Bar {
        height: 1;
        background: $panel;
        color: $foreground;
        .bar--title { background: $primary; color: $background; text-style: bold; }
        .bar--chosen { background: $primary; color: $background; text-style: bold; }
        .bar--muted { color: $foreground-muted; }
        .bar--strong { text-style: bold; }
        .bar--key { color: $primary; text-style: bold; }
        .bar--good { color: $success; }
        .bar--warn { color: $warning; }
        .bar--bad { color: $error; }
    }
    """

    class Pressed(Message):
        """A piece with an action was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()

    def show(self, left: Sequence[Piece], right: Sequence[Piece] = ()) -> None:
        """Replace what the bar says; nothing is repainted where it says the same."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The bar's line; see `textual.widget.Widget.render_line`."""
        width = self.size.width
        right = self._segments(self._right, width)
        room = width - Segment.get_line_length(right)
        left = self._segments(self._left, room - (1 if right else 0))
        gap = room - Segment.get_line_length(left)
        ground = self._look("")
        return Strip([*left, Segment(" " * gap, ground), *right], width)

    def _segments(self, pieces: Sequence[Piece], room: int) -> list[Segment]:
        """As much of the pieces as fits, and an ellipsis where something did not; no key without what it does."""
        segments: list[Segment] = []
        used = 0
        action = ""
        for piece in pieces:
            text = printable(piece.text)
            length = cell_len(text)
            style = self._look(piece.look)
            if piece.action:
                style += Style(meta={"bar_action": piece.action})
            if used + length > room:
                if room - used > 1:
                    segments.append(Segment(set_cell_size(text, room - used - 1) + "…", style))
                elif action and action == piece.action:
                    segments.pop()
                break
            segments.append(Segment(text, style))
            used += length
            action = piece.action
        return segments

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"bar--{name}") if name else self.rich_style

    def on_click(self, event: events.Click) -> None:
        """Do what the clicked piece is for."""
        action = event.style.meta.get("bar_action")
        if action:
            event.stop()
            self.post_message(self.Pressed(action))
