"""The charts of the runs that are looked at: a page of them in a grid, with one legend for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import printable
from tui_runs.tui.widgets.chart import Chart, Picture

_LEAST_WIDTH: Final = 38
_LEAST_HEIGHT: Final = 9
"""Cells that a chart wants before the grid gets another column or row."""
_MOST: Final = 12
"""Charts on a page."""
_STROKES: Final = ("━━", "╺╸", "┅┅", "┉┉")
"""What a legend shows of the dash patterns of `tui_runs.drawing.DASHES`."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A run in the legend.

    Args:
        name: its name.
        colour: `#rrggbb`.
        dash: which dash pattern.
    """

    name: str
    colour: str
    dash: int


class Legend(Widget):
    """Which colour is which run, in one line; says how many did not fit."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"legend--muted"}
    DEFAULT_CSS = """
    Legend { height: 1; background: $background; .legend--muted { color: $foreground-muted; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[LegendEntry, ...] = ()
        self._note = ""

    def show(self, entries: Sequence[LegendEntry], note: str) -> None:
        """Replace the runs, and what stands at the right end."""
        if (tuple(entries), note) != (self._entries, self._note):
            self._entries, self._note = tuple(entries), note
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The legend's line; see `textual.widget.Widget.render_line`."""
        width, ground = self.size.width, self.rich_style
        muted = self.get_component_rich_style("legend--muted")
        note = Segment(self._note, muted)
        room = width - cell_len(self._note) - 2
        segments: list[Segment] = []
        used = 0
        for number, entry in enumerate(self._entries):
            name = printable(entry.name)
            name = name if cell_len(name) <= 28 else set_cell_size(name, 27) + "…"
            length = cell_len(name) + 5
            more = len(self._entries) - number
            if used + length + (8 if more > 1 else 0) > room:
                segments.append(Segment(f"+{more} more", muted))
                used += len(f"+{more} more")
                break
            style = ground + Style(color=entry.colour)
            segments.append(Segment(f"{_STROKES[entry.dash % len(_STROKES)]} {name}  ", style))
            used += length
        gap = max(width - used - cell_len(self._note) - 1, 0)
        return Strip([*segments, Segment(" " * gap, ground), note, Segment(" ", ground)]).crop(0, width)


class ChartGrid(Vertical):
    """Shows pictures, as many as fit, page by page."""

    DEFAULT_CSS = """
    ChartGrid {
        Grid { height: 1fr; grid-gutter: 1 3; padding: 0 1; }
        Legend { padding: 0 1; }
    }
    """

    class PageChanged(Message):
        """Other charts are on the screen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._charts: list[Chart] = []
        self._metrics: tuple[str, ...] = ()
        self._first = 0
        self._per_page = 1
        self._columns = 1
        self._entries: tuple[LegendEntry, ...] = ()
        self._note = ""
        self._single = False

    def compose(self) -> ComposeResult:
        """The legend and the grid; the charts are made as there is room."""
        yield Legend()
        yield Grid()

    @property
    def metrics_shown(self) -> tuple[str, ...]:
        """The metrics on the page, in order."""
        return self._metrics[self._first : self._first + self._per_page]

    def offer(self, metrics: Sequence[str], entries: Sequence[LegendEntry], note: str) -> None:
        """Say what there is to show.

        Args:
            metrics: the metrics that the runs have, in order; the page keeps its place among them.
            entries: the runs.
            note: for the right end of the legend.
        """
        first = self._metrics[self._first] if self._first < len(self._metrics) else ""
        self._metrics, self._entries, self._note = tuple(metrics), tuple(entries), note
        place = self._metrics.index(first) if first in self._metrics else 0
        self._first = place - place % self._per_page
        self._lay_out()

    def show(self, pictures: Sequence[Picture]) -> None:
        """Show the pictures of the page, in the order of `metrics_shown`."""
        for number, chart in enumerate(self._charts):
            chart.show(pictures[number] if number < len(pictures) else None)

    def turn(self, pages: int) -> None:
        """Go some pages on, or back; stops at both ends."""
        last = max(len(self._metrics) - 1, 0) // self._per_page * self._per_page
        first = max(0, min(self._first + pages * self._per_page, last))
        if first != self._first:
            self._first = first
            self._lay_out()
            self.post_message(self.PageChanged())

    def toggle_single(self) -> None:
        """One large chart, or as many as fit."""
        self._single = not self._single
        self._measure()
        self._lay_out()
        self.post_message(self.PageChanged())

    def on_resize(self, event: events.Resize) -> None:
        """As many charts as the new size has room for."""
        before = self.metrics_shown
        self._measure()
        self._lay_out()
        if self.metrics_shown != before:
            self.post_message(self.PageChanged())

    def _measure(self) -> None:
        width, height = self.size.width, self.size.height - 1
        columns = 1 if self._single else max(1, (width + 1) // (_LEAST_WIDTH + 3))
        rows = 1 if self._single else max(1, (height + 1) // (_LEAST_HEIGHT + 1))
        self._columns, self._per_page = columns, min(columns * rows, _MOST)
        self._first -= self._first % self._per_page

    def _lay_out(self) -> None:
        """Make or drop charts so that there is one for each metric on the page."""
        grid = self.query_one(Grid)
        wanted = len(self.metrics_shown)
        for chart in self._charts[wanted:]:
            chart.remove()
        new = [Chart() for _ in range(wanted - len(self._charts))]
        # Kept in a list of our own: Textual mounts later, and the pictures are shown at once.
        self._charts = [*self._charts[:wanted], *new]
        if new:
            grid.mount(*new)
        columns = max(1, min(self._columns, wanted))
        if wanted and wanted <= self._per_page:
            rows = -(-wanted // columns)
            columns = -(-wanted // rows)  # 4 charts in 2 x 2 and not in 3 + 1
        grid.styles.grid_size_columns = columns
        pages = -(-len(self._metrics) // self._per_page)
        page = f"charts {self._first // self._per_page + 1} of {pages}" if pages > 1 else ""
        self.query_one(Legend).show(self._entries, "  ".join(text for text in (self._note, page) if text))
