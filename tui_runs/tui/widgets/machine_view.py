"""The machine's readings, line by line; only lines that say something else than before are painted."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_runs.strokes import Strokes, strokes_for
from tui_runs.tui.widgets.bars import Piece

if TYPE_CHECKING:
    from tui_runs.machine.watch import Snapshot
    from tui_runs.tui.machine.lines import Line, RunName
    from tui_runs.tui.machine.trends import Trends


class MachineView(ScrollView, can_focus=True):
    """Shows the latest readings, and how they went in the last minutes; scrolls where they do not fit."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "machine--muted", "machine--strong", "machine--warn", "machine--bad", "machine--trend", "machine--bar",
        "machine--track",
    }  # fmt: skip
    DEFAULT_CSS = """
    MachineView {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $foreground 20%;
        .machine--muted { color: $foreground-muted; }
        .machine--strong { text-style: bold; }
        .machine--warn { color: $warning; }
        .machine--bad { color: $error; }
        .machine--trend { color: $primary 70%; }
        .machine--bar { color: $primary; }
        .machine--track { color: $faint; }
    }
    """

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = [[Piece("Reading the machine …", "muted")]]
        self._trends: Trends | None = None
        self._shown: tuple[Snapshot, Mapping[int, RunName]] | None = None
        self._strokes: Strokes | None = None
        self._styles: dict[str, Style] = {}

    def show(self, snapshot: Snapshot, names: Mapping[int, RunName]) -> None:
        """Show other readings.

        Args:
            snapshot: the readings.
            names: the runs of processes, by pid.
        """
        if self._trends is None:
            from tui_runs.tui.machine.trends import Trends  # noqa: PLC0415  not needed for the first screen

            self._trends = Trends()
        self._trends.add(snapshot)
        self._shown = snapshot, names
        self._write()

    def on_resize(self, event: events.Resize) -> None:
        """The same for another width and height."""
        self._write()

    def _write(self) -> None:
        if self._shown is None or self._trends is None or not self.size.width:
            return
        from tui_runs.tui.machine.lines import machine_lines  # noqa: PLC0415  as above

        # A cell at each side is left free, and one for the scrollbar: no line changes for having to be scrolled.
        width, height = self.container_size.width - 3, self.container_size.height
        lines = machine_lines(self._shown[0], self._trends, self._shown[1], width, height, self._own_strokes())
        before, self._lines = self._lines, lines
        if len(lines) != len(before):
            self.virtual_size = Size(width, len(lines))
            self.refresh()
            return
        for number, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new:
                self.refresh_line(number)

    def _own_strokes(self) -> Strokes:
        """What the terminal has to draw bars with."""
        if self._strokes is None:
            self._strokes = strokes_for(os.environ)
        return self._strokes

    def render_line(self, y: int) -> Strip:
        """One line; see `textual.widget.Widget.render_line`."""
        row, ground = y + self.scroll_offset.y, self._look("")
        pieces: Sequence[Piece] = self._lines[row] if row < len(self._lines) else ()
        segments = [Segment(piece.text, self._look(piece.look)) for piece in pieces]
        return Strip([Segment(" ", ground), *segments]).adjust_cell_length(self.size.width, ground)

    def notify_style_update(self) -> None:
        """Another theme, perhaps; see `textual.widget.Widget.notify_style_update`."""
        super().notify_style_update()
        self._styles.clear()

    def _look(self, name: str) -> Style:
        """A look on the pane's ground; found out once, since that takes longer than to paint a line."""
        if name not in self._styles:
            ground = self.rich_style
            if name.startswith("#"):
                ground += Style(color=name)
            elif name:
                ground += self.get_component_rich_style(f"machine--{name}")
            self._styles[name] = ground
        return self._styles[name]
