"""Prepares the next page of charts while the user rests on one, so that it is there at once when it is turned to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from textual.timer import Timer

from tui_runs.tui.widgets.chart import Chart, Picture
from tui_runs.tui.widgets.chart_grid import ChartGrid

_REST_SECONDS: Final = 0.15
"""A page must be looked at so long before the next one is prepared: who turns many pages is not slowed down."""
_BREATH_SECONDS: Final = 0.01
"""Between two charts that are drawn ahead, so that no key waits for more than one."""


class LookAhead:
    """Has the next page fetched once for every page that is looked at, and drawn whenever it would look otherwise.

    Args:
        grid: the charts.
        fetch: has the points of the next page fetched.
        draw: gives the pictures of the next page; none where it is not to be drawn.
    """

    def __init__(self, grid: ChartGrid, fetch: Callable[[], None], draw: Callable[[], Sequence[Picture]]) -> None:
        self._grid, self._fetch, self._draw = grid, fetch, draw
        self._page: object = None
        self._look: object = None
        self._left: list[tuple[Chart, Picture]] = []
        self._timer: Timer | None = None

    def rest_on(self, page: object, look: object) -> None:
        """Note what the user looks at; nothing happens before a moment of rest.

        Args:
            page: which page, and which is next. Curves that grow do not make it another: they are not read for a page
                that nobody sees.
            look: what the next one hangs on beside that.
        """
        fetch = page != self._page
        if not fetch and look == self._look:
            return
        self.stop()
        self._look = look
        self._timer = self._grid.set_timer(_REST_SECONDS, partial(self._prepare, page if fetch else None))

    def stop(self) -> None:
        """Leave what is not prepared yet."""
        self._left.clear()
        if self._timer is not None:
            self._timer.stop()

    def _prepare(self, page: object) -> None:
        if page is not None:
            self._page = page
            self._fetch()
        self._left = self._grid.placed(self._draw())
        self._draw_one()

    def _draw_one(self) -> None:
        if self._left:
            chart, picture = self._left.pop(0)
            chart.draw_ahead(picture)
            self._timer = self._grid.set_timer(_BREATH_SECONDS, self._draw_one)
