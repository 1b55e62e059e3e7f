"""A page of charts in a grid, with one legend for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.geometry import Size
from textual.message import Message

from tui_runs.tui.charts.state import MOST_CHARTS, ChartSize, ChartState, best_rows
from tui_runs.tui.widgets.chart import Chart, Picture
from tui_runs.tui.widgets.drawings import Drawings
from tui_runs.tui.widgets.legend import Legend, LegendEntry

_LEAST: Final = (12, 4)
"""Cells below which a chart says nothing."""
_GUTTER: Final = (3, 1)
"""Cells between charts."""


class ChartGrid(Vertical):
    """Shows pictures, as many as fit, page by page."""

    DEFAULT_CSS = """
    ChartGrid {
        Grid { height: 1fr; grid-gutter: 1 3; padding: 0 1; }
        Legend { padding: 0 1; }
    }
    """

    class PageChanged(Message):
        """Other charts are on the screen, or another part of them is to be."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._charts: list[Chart] = []
        self._drawings = Drawings()
        self._metrics: tuple[str, ...] = ()
        self._first = 0
        self._per_page = 1
        self._columns = self._rows = 1
        self._single = False
        self._chart_size = ChartSize.NORMAL
        self._grid = (0, 0)
        self._measured = Size(0, 0)

    def compose(self) -> ComposeResult:
        """The legend and the grid; the charts are made as there is room."""
        yield Legend()
        yield Grid()

    @property
    def metrics_shown(self) -> tuple[str, ...]:
        """The metrics on the page, in order."""
        return self._metrics[self._first : self._first + self._per_page]

    @property
    def next_metrics(self) -> tuple[str, ...]:
        """The metrics on the page after this one, or before it where this is the last; none where it is alone."""
        first = self._first + self._per_page
        if first >= len(self._metrics):
            first = self._first - self._per_page
        return self._metrics[max(first, 0) : first + self._per_page] if first != self._first else ()

    @property
    def chart_columns(self) -> int:
        """How many columns the curves of the first chart have."""
        return self._charts[0].columns if self._charts else 1

    @property
    def page_note(self) -> str:
        """Which page this is, where there are several."""
        pages = -(-len(self._metrics) // self._per_page)
        return f"charts {self._first // self._per_page + 1} of {pages}" if pages > 1 else ""

    @property
    def most_shape(self) -> tuple[int, int]:
        """So many rows, and so many columns, there is room for at the most."""
        columns, rows = self._room(_LEAST)
        return rows, columns

    def offer(self, metrics: Sequence[str], state: ChartState) -> None:
        """Say what there is to show.

        Args:
            metrics: the metrics that the runs have, in order; the page keeps its place among them.
            state: says how many charts there are, or how large they are.
        """
        first = self._metrics[self._first] if self._first < len(self._metrics) else ""
        self._metrics = tuple(metrics)
        wish = state.single, state.size, state.grid
        # While the table grows sizes change several times in a moment: what was measured last may be too much by now.
        if wish != (self._single, self._chart_size, self._grid) or self.size != self._measured:
            self._single, self._chart_size, self._grid = wish
            self._measure()
        place = self._metrics.index(first) if first in self._metrics else 0
        self._first = place - place % self._per_page
        self._lay_out()

    def show(self, pictures: Sequence[Picture], entries: Sequence[LegendEntry], note: str) -> None:
        """Show the pictures of the page.

        Args:
            pictures: in the order of `metrics_shown`.
            entries: the runs.
            note: for the right end of the legend.
        """
        for number, chart in enumerate(self._charts):
            chart.show(pictures[number] if number < len(pictures) else None)
        lines = 1
        if self._single and any(entry.facts for entry in entries):
            lines = max(1, min(len(entries), self.size.height // 3))
        self.query_one(Legend).show(entries, "  ".join(text for text in (note, self.page_note) if text), lines)

    def placed(self, pictures: Sequence[Picture]) -> list[tuple[Chart, Picture]]:
        """Pictures, each with the chart that would show it."""
        return list(zip(self._charts, pictures, strict=False))

    def turn(self, pages: int) -> None:
        """Go some pages on, or back; stops at both ends."""
        last = max(len(self._metrics) - 1, 0) // self._per_page * self._per_page
        self._go_to(max(0, min(self._first + pages * self._per_page, last)))

    def turn_to(self, metric: str) -> None:
        """Go to the page that a metric is on."""
        if metric in self._metrics:
            self._go_to(self._metrics.index(metric) // self._per_page * self._per_page)

    def _go_to(self, first: int) -> None:
        if first != self._first:
            self._first = first
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
        self._measured = self.size
        columns, rows = self._room(self._chart_size.value)
        most = MOST_CHARTS
        if self._single:
            columns = rows = 1
        elif any(self._grid):
            most_columns, most_rows = self._room(_LEAST)
            rows, columns = self._grid
            if not rows:
                most, rows = columns, best_rows(columns, self.size.width, self.size.height - 1)
                columns = -(-most // rows)
            rows, columns = min(rows, most_rows), min(columns, most_columns)
        self._rows, self._columns, self._per_page = rows, columns, min(columns * rows, most)
        self._first -= self._first % self._per_page

    def _room(self, least: tuple[int, int]) -> tuple[int, int]:
        """How many columns and rows of charts there is room for, each with no fewer cells than these."""
        sizes = (self.size.width - 2, self.size.height - 1)
        columns, rows = ((size + gap) // (cells + gap) for size, gap, cells in zip(sizes, _GUTTER, least, strict=True))
        return max(columns, 1), max(rows, 1)

    def _lay_out(self) -> None:
        """Make or drop charts so that there is one for each metric on the page."""
        grid = self.query_one(Grid)
        wanted = len(self.metrics_shown)
        for chart in self._charts[wanted:]:
            chart.remove()
        new = [Chart(self._drawings) for _ in range(wanted - len(self._charts))]
        # Kept in a list of our own: Textual mounts later, and the pictures are shown at once.
        self._charts = [*self._charts[:wanted], *new]
        if new:
            grid.mount(*new)
        columns, rows = max(1, min(self._columns, wanted)), 0
        if self._grid[0] and not self._single:
            columns, rows = self._columns, self._rows  # charts on the last page are no larger
        elif wanted:
            columns = -(-wanted // -(-wanted // columns))  # 4 charts in 2 x 2 and not in 3 + 1
        if (grid.styles.grid_size_columns, grid.styles.grid_size_rows) != (columns, rows):
            grid.styles.grid_size_columns, grid.styles.grid_size_rows = columns, rows
