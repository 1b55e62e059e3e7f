"""The charts of the runs that are looked at: which metrics, over what, which part of it; keys and mouse change that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl
from textual import on
from textual.color import Color
from textual.message import Message

from tui_runs.analysis.chart_choices import Smoothing, XAxis
from tui_runs.analysis.ranking import by_interest
from tui_runs.display import clip, printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.charts.curves import Drawn, Over
from tui_runs.tui.charts.limits import LimitsAsked
from tui_runs.tui.charts.own_x import OwnX
from tui_runs.tui.charts.pages import EMPTY, Pages
from tui_runs.tui.charts.state import ChartState, Span, prefixes
from tui_runs.tui.marks import Look
from tui_runs.tui.widgets.chart import Chart, Picture
from tui_runs.tui.widgets.chart_grid import ChartGrid
from tui_runs.tui.widgets.legend import LegendEntry
from tui_runs.tui.widgets.look_ahead import LookAhead

_PROGRESS: Final = ("epoch", "token", "sample", "example", "iter", "step", "batch", "hour", "second")
"""What the name of a metric has that makes a good x axis."""
_LONG: Final = 60
"""Cells of a param in the legend."""
_MOST_AHEAD: Final = 1 << 20
"""Points on a page above which the next one, which may have as many, is not drawn ahead."""


class ChartsPane(ChartGrid):
    """A grid of charts that knows what to show of some runs.

    Args:
        workspace: where they are.
    """

    class DetailsWanted(Message):
        """It is to be read which metrics of a run have an x axis of their own."""

        def __init__(self, run: RunKey) -> None:
            super().__init__()
            self.run = run

    class PointsForeseen(Message):
        """These curves may be looked at next."""

        def __init__(self, series: Sequence[SeriesKey]) -> None:
            super().__init__()
            self.series = series

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.state = ChartState()
        self._workspace = workspace
        self._own_x = OwnX()
        self._pages = Pages(workspace, self._own_x)
        self._curves = self._pages.curves
        self._page = EMPTY
        self._zoomed_over: Over | None = None
        """What the zoom and the cursor are of; what the first chart is drawn over when None."""
        self._runs: tuple[RunKey, ...] = ()
        self._metrics_of: tuple[RunKey, ...] | None = None
        self._known_metrics: list[str] = []
        self._differing_of: object = None
        self._differing_texts: list[str] = []
        self._ahead = LookAhead(self, self._foresee, self._next_pictures)

    # --- what is shown --------------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[str]:
        """The metrics that the runs have, those of most interest first."""
        if self._metrics_of != self._runs:
            self._metrics_of = self._runs
            self._known_metrics = by_interest(
                {key for run in self._runs for key in self._workspace.catalog.curves_of(run)}
            )
        return self._known_metrics

    def forget_metrics(self) -> None:
        """Look again which metrics the runs have: it takes 1 ms a run, too long for every key."""
        self._metrics_of = None

    @property
    def x_metrics(self) -> list[str]:
        """The same in another order: those that charts are mostly drawn over come first."""
        return sorted(self.metrics, key=lambda key: not any(word in key.lower() for word in _PROGRESS))

    def series(self, runs: Sequence[RunKey]) -> list[SeriesKey]:
        """The curves on the screen, and what they are drawn over."""
        return self._pages.series(self.metrics_shown, runs, self.state)

    def show_runs(self, looks: Mapping[RunKey, Look], note: str) -> None:
        """Draw the curves of some runs, as far as their points are held.

        Args:
            looks: the runs, and how each is drawn.
            note: for the legend.
        """
        self._runs = tuple(looks)
        self._ask_for_own_x()
        metrics = self.metrics
        shown = self.state.shown(metrics)
        self.offer(shown, self.state)
        ground = Color.parse(self.app.theme_variables.get("background", "#000000")).hex6
        self._pages.choose(looks, self.state, self._zoomed_over, ground)
        self._page = self._pages.page(self.metrics_shown)
        self._pages.keep([*self.metrics_shown, *self.next_metrics])
        self._curves.tidy(len(looks) * max(len(self._page.drawn), 1))
        said = [note, self._choice_note(metrics, shown), self._cursor_note()]
        self.show(self._page.pictures, self._entries(looks), "  ".join(text for text in said if text))
        self._look_ahead()

    def _choice_note(self, metrics: Sequence[str], shown: Sequence[str]) -> str:
        """Which metrics were chosen, so that nobody looks for the others in vain."""
        chosen = [f"{printable(self.state.prefix)}/" if self.state.prefix else ""]
        chosen.append(f"“{printable(self.state.name)}”" if self.state.name else "")
        if len(shown) == len(metrics) or not any(chosen):
            return ""
        return f"{' '.join(text for text in chosen if text)}: {len(shown)} of {len(metrics)} metrics"

    def _cursor_note(self) -> str:
        page = zip(self._page.drawn, self._page.states, strict=True)
        first = next((drawn for drawn, state in page if state.cursor is not None), None)
        if self.state.cursor is None or first is None:
            return ""
        from tui_runs.drawing.readings import x_text  # noqa: PLC0415  imports numpy

        if first.x is XAxis.STEP:
            return f"step {self.state.cursor:.0f}"
        name = printable(first.x_metric) if first.x is XAxis.METRIC else "at"
        return f"{name} {x_text(self.state.cursor, first.x.kind)}"

    def _entries(self, looks: Mapping[RunKey, Look]) -> list[LegendEntry]:
        """The legend; for one large chart with the values of every run and the params in which they differ."""
        if self.state.bands is not None and len(looks) > 1:
            return self._band_entries()
        names = self._pages.names()
        plain = [LegendEntry(names.get(run, ""), look.colour, look.dash) for run, look in looks.items()]
        if not self.state.single or not self._page.drawn:
            return plain
        facts = self._values(self._page.drawn[0], self._page.states[0].cursor, list(looks))
        params = self._differing(list(looks))
        return [replace(entry, facts=(*values, text)) for entry, values, text in zip(plain, facts, params, strict=True)]

    def _band_entries(self) -> list[LegendEntry]:
        """The legend of bands; of one large chart with what they say at the cursor."""
        from tui_runs.drawing.readings import band_text  # noqa: PLC0415  imports numpy

        cursor = self._page.states[0].cursor if self.state.single and self._page.states else None
        return [
            LegendEntry(
                one.label,
                one.colour,
                one.dash,
                () if cursor is None else (band_text(one.members, one.spread, cursor),),
            )
            for part in self._page.drawn[:1]
            for one in part.ribbons
        ]

    def _values(self, drawn: Drawn, cursor: float | None, runs: Sequence[RunKey]) -> list[tuple[str, ...]]:
        """Of every run its value at the cursor, or else its last, raw and smoothed."""
        from tui_runs.drawing.readings import read_at, texts_apart  # noqa: PLC0415  imports numpy

        found: list[list[float | None]] = []
        kinds = [Smoothing(), self.state.smoothing] if self.state.smoothing else [Smoothing()]
        for kind in kinds:
            series = [self._curves.series(SeriesKey(*run, drawn.metric), drawn.x, drawn.x_metric, kind) for run in runs]
            if cursor is None:
                found.append([float(one.y[-1]) if one is not None and len(one) else None for one in series])
            else:
                found.append([read_at(one, cursor) if one is not None else None for one in series])
        texts = [texts_apart(values) for values in found]
        if len(texts) > 1:
            texts[1] = [f"smoothed {text}" for text in texts[1]]
        return list(zip(*texts, strict=True))

    def _differing(self, runs: Sequence[RunKey]) -> list[str]:
        """Of every run the params that are not the same in all; 1 ms a run, and so not worked out for every key."""
        seen = (tuple(runs), self._workspace.catalog.runs_version)
        if self._differing_of == seen:
            return self._differing_texts
        params = [dict(self._workspace.catalog.texts_of("params", run).iter_rows()) for run in runs]
        keys = dict.fromkeys(key for some in params for key in some)
        differing = [key for key in keys if len({some.get(key) for some in params}) > 1]
        self._differing_of = seen
        self._differing_texts = [
            " ".join(f"{printable(key)}={_shortened(some[key])}" for key in differing if key in some) for some in params
        ]
        return self._differing_texts

    # --- the next page --------------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        later = self.next_metrics
        if not later:
            self._ahead.stop()
            return
        over = [self._pages.over(metric, self._runs, self.state) for metric in later]
        self._ahead.rest_on((self.metrics_shown, later, over, self._runs), (self._pages.signature(later), self.size))

    def _foresee(self) -> None:
        self.post_message(self.PointsForeseen(self._pages.series(self.next_metrics, self._runs, self.state)))

    def _next_pictures(self) -> Sequence[Picture]:
        alike = len(self.next_metrics) == len(self.metrics_shown)  # fewer charts are of another size
        return self._pages.page(self.next_metrics).pictures if alike and self._page.points <= _MOST_AHEAD else ()

    # --- metrics with an x of their own ---------------------------------------------------------------------------

    def _ask_for_own_x(self) -> None:
        if self.state.x is XAxis.STEP and (run := self._own_x.next_to_ask(self._runs)) is not None:
            self.post_message(self.DetailsWanted(run))

    def take_details(self, run: RunKey, details: pl.DataFrame) -> None:
        """Take in which metrics of a run have an x of their own; see `OwnX`."""
        self._own_x.take(run, details)

    # --- what the user does ---------------------------------------------------------------------------------------

    def look(self, state: ChartState, over: Over | None = None) -> None:
        """See the charts in another way.

        Args:
            state: how.
            over: what a new zoom or cursor is of; what the first chart is drawn over when None.
        """
        if (state.zoom, state.cursor) != (self.state.zoom, self.state.cursor):
            self._zoomed_over = over
        if state != self.state:
            self.state = state
            self.post_message(self.PageChanged())

    def zoom(self, factor: float, around: float | None = None, metric: str = "") -> None:
        """A part of x so many times as wide as that which is shown.

        Args:
            factor: 0.5 shows half of what was shown.
            around: an x that stays where it is; see `ChartState.zoomed`.
            metric: of the chart that is meant, and with it all over the same x; see `_meant`.
        """
        self._see(lambda state, whole: state.zoomed(whole, factor, around), metric)

    def pan(self, share: float, metric: str = "") -> None:
        """The part of x further to the right, by a share of its width."""
        self._see(lambda state, whole: state.panned(whole, share), metric)

    def point(self, columns: int) -> None:
        """The cursor so many columns further to the right."""
        self._see(lambda state, whole: state.pointed(whole, columns / max(self.chart_columns - 1, 1)))

    def _meant(self, metric: str = "") -> int | None:
        """The place of a chart on the page: that of a metric, or the first with the zoom and the cursor, or any."""
        overs = [one.over for one in self._page.drawn]
        named = [place for place, one in enumerate(self._page.drawn) if one.metric == metric]
        zoomed = [place for place, over in enumerate(overs) if over == self._zoomed_over]
        return next(iter([*named, *zoomed, *range(len(overs))]), None)

    @property
    def _whole(self) -> Span | None:
        """From where to where the curves reach that the keys mean."""
        place = self._meant()
        return None if place is None else self._page.wholes.get(self._page.drawn[place].over)

    def _see(self, change: Callable[[ChartState, Span], ChartState], metric: str = "") -> None:
        """Another part of x, or another place of the cursor, in all charts that are drawn over the same."""
        place = self._meant(metric)
        if place is None:
            return
        over = self._page.drawn[place].over
        if (whole := self._page.wholes.get(over)) is not None:
            self.look(change(self._chosen(place), whole), over)

    def _chosen(self, place: int) -> ChartState:
        """The state as a chart has it: a part of x is of steps or of epochs. The page may be older than the state."""
        drawn = self._page.drawn
        return self.state if drawn[place].over == (self._zoomed_over or drawn[0].over) else self.state.unzoomed

    def next_prefix(self) -> None:
        """The charts of the next group of metrics; after the last, of all."""
        groups = ["", *prefixes(self.metrics)]
        place = groups.index(self.state.prefix) if self.state.prefix in groups else 0
        self.look(replace(self.state, prefix=groups[(place + 1) % len(groups)]))

    def pin(self, metric: str) -> None:
        """Put a chart before all others, or no longer, and show where it is now."""
        self.look(self.state.turned_pin(metric))
        self._show_page_of(metric)

    def _show_page_of(self, metric: str) -> None:
        self.offer(self.state.shown(self.metrics), self.state)
        self.turn_to(metric)

    def for_form(self) -> LimitsAsked:
        """What somebody who sets limits by hand must know of the charts."""
        place = self._meant()
        if place is None:
            return LimitsAsked(self.state, "", tuple(self.metrics), self.state.x.kind, None, self.most_shape)
        drawn, state = self._page.drawn[place], self._chosen(place)
        return LimitsAsked(state, drawn.metric, tuple(self.metrics), drawn.x.kind, self._whole, self.most_shape)

    def take_form(self, state: ChartState) -> None:
        """See the charts as somebody wrote that they are to be."""
        place = self._meant()
        if place is None or state.zoom == self._chosen(place).zoom:
            self.look(replace(state, zoom=self.state.zoom, cursor=self.state.cursor))
        else:
            self.look(state, self._page.drawn[place].over)

    @on(Chart.Pointed)
    def _put_cursor(self, event: Chart.Pointed) -> None:
        event.stop()
        self._see(lambda state, _: replace(state, cursor=event.x), event.metric)

    @on(Chart.Zoomed)
    def _zoom_by_wheel(self, event: Chart.Zoomed) -> None:
        event.stop()
        self.zoom(event.factor, event.x, event.metric)

    @on(Chart.Panned)
    def _drag(self, event: Chart.Panned) -> None:
        event.stop()
        self.pan(event.share, event.metric)

    @on(Chart.Opened)
    def _open(self, event: Chart.Opened) -> None:
        event.stop()
        self.look(replace(self.state, single=not self.state.single))
        self._show_page_of(event.metric)


def _shortened(value: str) -> str:
    """A param, which may be a file of 2 kB: no more of it is looked at than can be seen."""
    return clip(printable(value[: 4 * _LONG]), _LONG)
