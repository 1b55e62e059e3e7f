"""What could be typed next, in a list that hangs below the filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import clip, printable

if TYPE_CHECKING:
    from tui_runs.analysis.completion import Suggestion

MOST: Final = 8
"""Suggestions that are shown."""
_WIDEST: Final = 48


class Completions(Widget):
    """Floats over the table; shows nothing while there is nothing to suggest."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"completions--chosen", "completions--kind"}
    DEFAULT_CSS = """
    Completions {
        position: absolute;
        overlay: screen;
        constrain: inside;
        width: auto;
        height: auto;
        background: $panel;
        display: none;
        .completions--chosen { background: $primary 30%; }
        .completions--kind { color: $foreground-muted; }
    }
    """

    class Picked(Message):
        """A suggestion was clicked on."""

        def __init__(self, suggestion: Suggestion) -> None:
            super().__init__()
            self.suggestion = suggestion

    def __init__(self) -> None:
        super().__init__()
        self._suggestions: tuple[Suggestion, ...] = ()
        self._chosen = -1

    @property
    def chosen(self) -> Suggestion | None:
        """The suggestion that the user has moved to."""
        return self._suggestions[self._chosen] if self._chosen >= 0 else None

    @property
    def first(self) -> Suggestion | None:
        """The likeliest one."""
        return self._suggestions[0] if self._suggestions else None

    def show(self, suggestions: Sequence[Suggestion], column: int = 0) -> None:
        """Show other suggestions, none of them chosen.

        Args:
            suggestions: the likeliest first; of none, the list goes away.
            column: where on the line above the text stands that they would replace.
        """
        self._suggestions, self._chosen = tuple(suggestions[:MOST]), -1
        self.display = bool(suggestions)
        self.styles.offset = (column, 1)
        self.refresh(layout=True)

    def move(self, by: int) -> bool:
        """Go to another suggestion; False where there is none that way."""
        place = self._chosen + by
        if not -1 <= place < len(self._suggestions) or not self.display:
            return False
        self._chosen = place
        self.refresh()
        return True

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as the widest line."""
        return min(max((cell_len(text) for text, _ in self._lines()), default=0) + 12, viewport.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line for each."""
        return len(self._suggestions)

    def _lines(self) -> list[tuple[str, str]]:
        return [(f" {clip(printable(one.text.strip()), _WIDEST)} ", one.kind) for one in self._suggestions]

    def render_line(self, y: int) -> Strip:
        """One suggestion, and what kind of thing it is."""
        lines = self._lines()
        if y >= len(lines):
            return Strip.blank(self.size.width, self.rich_style)
        text, kind = lines[y]
        ground = self.get_component_rich_style("completions--chosen") if y == self._chosen else self.rich_style
        note = self.get_component_rich_style("completions--kind")
        room = max(self.size.width - len(kind) - 1, 0)
        segments = [
            Segment(set_cell_size(text, room), ground),
            Segment(kind, ground + note.from_color(note.color)),
            Segment(" ", ground),
        ]
        return Strip(segments).crop(0, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """Take the suggestion that was clicked on."""
        event.stop()
        if event.y < len(self._suggestions):
            self.post_message(self.Picked(self._suggestions[event.y]))
