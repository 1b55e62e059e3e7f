"""What the charts of some metrics show: the same objects as before where nothing is new, and so nothing drawn anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui_runs.analysis.chart_choices import XAxis
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.charts.curves import Curves, Drawn, Over, draw_metric, make_picture
from tui_runs.tui.charts.own_x import OwnX
from tui_runs.tui.charts.state import ChartState, Span
from tui_runs.tui.marks import Look
from tui_runs.tui.widgets.chart import Picture


class Page(NamedTuple):
    """What charts show, one after the other."""

    drawn: Sequence[Drawn]
    """Their curves."""
    states: Sequence[ChartState]
    """What the user chose of each: a zoom and a cursor mean nothing to a chart over something else."""
    wholes: Mapping[Over, Span]
    """From where to where all curves reach that are drawn over the same."""
    pictures: Sequence[Picture]

    @property
    def points(self) -> int:
        """How many points the curves have."""
        return sum(len(series) for one in self.drawn for series in one.series)


EMPTY = Page((), (), {}, ())


class Pages:
    """Makes pages, and keeps what they are made of.

    Args:
        workspace: where the runs are.
        own_x: says which metrics are drawn over another one.
    """

    def __init__(self, workspace: Workspace, own_x: OwnX) -> None:
        self.curves = Curves(workspace.histories)
        self._workspace, self._own_x = workspace, own_x
        self._state = ChartState()
        self._looks: Mapping[RunKey, Look] = {}
        self._runs: tuple[RunKey, ...] = ()
        self._zoomed_over: Over | None = None
        self._ground = ""
        self._names_of: object = None
        self._names: Mapping[RunKey, str] = {}
        self._drawn_of: object = None
        self._drawn: dict[str, tuple[object, Drawn]] = {}
        self._pictures: dict[str, tuple[Drawn, object, Picture]] = {}

    def choose(self, looks: Mapping[RunKey, Look], state: ChartState, zoomed_over: Over | None, ground: str) -> None:
        """Say what the pages are to show from now on.

        Args:
            looks: the runs, and how each is drawn.
            state: what the user chose of the charts.
            zoomed_over: what its zoom and its cursor are of; what the first chart is drawn over when None.
            ground: the colour behind the charts, `#rrggbb`.
        """
        self._looks, self._runs, self._state, self._zoomed_over = looks, tuple(looks), state, zoomed_over
        self._ground = ground
        chosen = (looks, self.names(), ground, state.x, state.x_metric, state.smoothing, state.bands)
        if chosen != self._drawn_of:
            self._drawn_of = chosen
            self._drawn.clear()

    def names(self) -> Mapping[RunKey, str]:
        """The names of the runs; 1 ms, and so not looked up for every point that comes in."""
        seen = (self._runs, self._workspace.catalog.runs_version)
        if self._names_of != seen:
            self._names_of, self._names = seen, self._workspace.catalog.names(self._runs)
        return self._names

    def over(self, metric: str, runs: Sequence[RunKey], state: ChartState) -> str:
        """The metric that another one is drawn over; "" where that is not a metric."""
        if state.x is XAxis.METRIC:
            return state.x_metric
        return self._own_x.of(metric, runs) if state.x is XAxis.STEP else ""

    def series(self, metrics: Sequence[str], runs: Sequence[RunKey], state: ChartState) -> list[SeriesKey]:
        """The curves of some metrics, and what they are drawn over."""
        series: dict[SeriesKey, None] = {}
        for metric in metrics:
            over = self.over(metric, runs, state)
            for run in runs:
                series[SeriesKey(*run, metric)] = None
                if over:
                    series[SeriesKey(*run, over)] = None
        return list(series)

    def signature(self, metrics: Sequence[str]) -> object:
        """Another one whenever the page of these metrics would look otherwise, but for its size."""
        points = tuple(self._points_of(metric) for metric in metrics)
        return self._drawn_of, self._state, self._zoomed_over, points

    def page(self, metrics: Sequence[str]) -> Page:
        """What the charts of some metrics show, as far as their points are held."""
        drawn = [self._draw(metric) for metric in metrics]
        wholes: dict[Over, Span] = {}
        for one in drawn:
            if (span := one.span(self._state.log_x)) is not None:
                low, high = wholes.get(one.over, span)
                wholes[one.over] = min(low, span[0]), max(high, span[1])
        over = self._zoomed_over or (drawn[0].over if drawn else None)
        states = [self._state if one.over == over else self._state.unzoomed for one in drawn]
        pictures = [
            self._picture(one, state, state.limits(wholes.get(one.over)))
            for one, state in zip(drawn, states, strict=True)
        ]
        return Page(drawn, states, wholes, pictures)

    def keep(self, metrics: Sequence[str]) -> None:
        """Forget the charts of all other metrics."""
        for metric in self._drawn.keys() - set(metrics):
            del self._drawn[metric]
        for metric in self._pictures.keys() - set(metrics):
            del self._pictures[metric]

    def _points_of(self, metric: str) -> object:
        over, version = self.over(metric, self._runs, self._state), self._workspace.histories.version
        return over, version(metric), version(over)

    def _draw(self, metric: str) -> Drawn:
        points = self._points_of(metric)
        known = self._drawn.get(metric)
        if known is None or known[0] != points:
            own_x = self._own_x.of(metric, self._runs)
            drawn = draw_metric(metric, self._looks, self.names(), self.curves, self._state, own_x, self._ground)
            known = self._drawn[metric] = points, drawn
        return known[1]

    def _picture(self, drawn: Drawn, state: ChartState, limits: Span | None) -> Picture:
        reading = not self._workspace.histories.whole([SeriesKey(*run, drawn.metric) for run in self._runs])
        seen = state, limits, reading
        known = self._pictures.get(drawn.metric)
        if known is None or known[0] is not drawn or known[1] != seen:
            known = self._pictures[drawn.metric] = drawn, seen, make_picture(drawn, state, limits, reading)
        return known[2]
