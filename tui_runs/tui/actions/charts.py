"""What the keys of the charts do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tui_runs.analysis.chart_choices import Spread, XAxis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui_runs.tui.app import TuiRunsApp
    from tui_runs.tui.charts.state import ChartState
    from tui_runs.tui.widgets.below import Below
    from tui_runs.tui.widgets.charts_pane import ChartsPane

_BANDS = (None, Spread.RANGE, Spread.DEVIATION)


class ChartActions:
    """The part of the main screen that changes what its charts show."""

    app: TuiRunsApp
    below: Below

    @property
    def charts(self) -> ChartsPane:
        """The charts on the screen."""
        return self.below.charts_shown

    def _pick(
        self, title: str, names: Sequence[str], take: Callable[[str], None], text: str = "", *, any_text: bool = False
    ) -> None:
        """Let the user choose one of some names, or none; see `PickScreen`."""
        from tui_runs.tui.screens.pick import PickScreen  # noqa: PLC0415  not needed at the start

        def chosen(name: str | None) -> None:
            if name is not None:
                take(name)

        self.app.push_screen(PickScreen(title, names, text, any_text=any_text), chosen)

    def action_x_axis(self) -> None:
        """The next kind of x axis."""
        self.charts.look(self.charts.state.over(self.charts.state.x.next))

    def action_x_metric(self) -> None:
        """Charts over a metric that the user names."""

        def choose(metric: str) -> None:
            self.charts.look(self.charts.state.over(XAxis.METRIC, metric))

        self._pick("Charts over …", self.charts.x_metrics, choose)

    def action_find_metric(self) -> None:
        """Charts of the metrics with something in their name."""

        def choose(name: str) -> None:
            self.charts.look(replace(self.charts.state, name=name))

        self._pick("Only charts of …", self.charts.metrics, choose, self.charts.state.name, any_text=True)

    def action_log_x(self) -> None:
        """Logarithmic or linear x axes."""
        self.charts.look(replace(self.charts.state, log_x=not self.charts.state.log_x, zoom=None))

    def action_log_y(self) -> None:
        """The next scale of the y axes."""
        self.charts.look(replace(self.charts.state, y=self.charts.state.y.next))

    def action_smoothing(self) -> None:
        """The next way to smooth."""
        smoothing = self.charts.state.smoothing
        self.charts.look(replace(self.charts.state, smoothing=smoothing.of_kind(smoothing.kind.next)))

    def action_smooth_more(self, steps: int) -> None:
        """Smooth more or less."""
        self.charts.look(replace(self.charts.state, smoothing=self.charts.state.smoothing.stronger(steps)))

    def action_chart_cursor(self, columns: int) -> None:
        """Look at the values further to the right, or to the left."""
        self.charts.point(columns)

    def action_chart_zoom(self, factor: float) -> None:
        """So many times as much of the x axis."""
        self.charts.zoom(factor)

    def action_chart_pan(self, share: float) -> None:
        """Another part of the x axis."""
        self.charts.pan(share)

    def action_chart_reset(self) -> None:
        """Whole curves: no zoom, no limits set by hand, no cursor."""
        self.charts.look(self.charts.state.whole)

    def action_chart_limits(self) -> None:
        """Limits of the axes and the number of charts on a page, by hand."""
        from tui_runs.tui.screens.chart_form import ChartForm  # noqa: PLC0415  not needed at the start

        def take(state: ChartState | None) -> None:
            if state is not None:
                self.charts.take_form(state)

        self.app.push_screen(ChartForm(self.charts.for_form(), self.app.workspace.now()), take)

    def action_chart_pin(self) -> None:
        """Pin the chart to the front, or let it go; of several, one that the user names."""
        charts = self.charts
        if len(charts.metrics_shown) == 1:
            charts.pin(charts.metrics_shown[0])
            return
        self._pick("Pin to the front, or no longer …", charts.state.shown(charts.metrics), charts.pin)

    def action_outliers(self) -> None:
        """Heed outliers on the y axes, or not."""
        self.charts.look(replace(self.charts.state, ignore_outliers=not self.charts.state.ignore_outliers))

    def action_bands(self) -> None:
        """The next kind of band, or every run by itself."""
        after = _BANDS[(_BANDS.index(self.charts.state.bands) + 1) % len(_BANDS)]
        self.charts.look(replace(self.charts.state, bands=after))

    def action_page(self, pages: int) -> None:
        """Other charts."""
        self.charts.turn(pages)

    def action_chart_group(self) -> None:
        """The next group of charts."""
        self.charts.next_prefix()

    def action_single(self) -> None:
        """One large chart, or as many as fit."""
        self.charts.look(replace(self.charts.state, single=not self.charts.state.single))

    def action_chart_size(self) -> None:
        """Charts of another size, as many as fit."""
        state = self.charts.state
        size = state.size if any(state.grid) else state.size.next
        self.charts.look(replace(state, size=size, grid=(0, 0)))
