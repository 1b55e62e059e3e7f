"""The charts of the runs that are looked at: which metrics, over what, which part of it; keys and mouse change that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl
from textual import on
from textual.color import Color
from textual.message import Message

from tui_runs.analysis.chart_choices import Smoothing, XAxis
from tui_runs.analysis.ranking import by_interest
from tui_runs.display import printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.charts.curves import Curves, Drawn, draw_metric, make_picture
from tui_runs.tui.charts.limits import LimitsAsked
from tui_runs.tui.charts.state import ChartState, Span, prefixes
from tui_runs.tui.marks import Look
from tui_runs.tui.widgets.chart import Chart
from tui_runs.tui.widgets.chart_grid import ChartGrid
from tui_runs.tui.widgets.legend import LegendEntry

_TRIES: Final = 3
"""Runs of a source that are asked for metrics with an x of their own, before it is taken that there are none."""
_PROGRESS: Final = ("epoch", "token", "sample", "example", "iter", "step", "batch", "hour", "second")
"""What the name of a metric has that makes a good x axis."""


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

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.state = ChartState()
        self._workspace = workspace
        self._curves = Curves(workspace.histories)
        self._runs: tuple[RunKey, ...] = ()
        self._metrics_of: tuple[RunKey, ...] | None = None
        self._known_metrics: list[str] = []
        self._names_of: object = None
        self._known_names: Mapping[RunKey, str] = {}
        self._differing_of: object = None
        self._differing_texts: list[str] = []
        self._whole: Span | None = None
        self._drawn_x: XAxis | None = None
        self._own_x: dict[RunKey, dict[str, str]] = {}
        """By run and metric, the metric that it was logged over."""
        self._asked: dict[str, list[RunKey]] = {}

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
        series: dict[SeriesKey, None] = {}
        for metric in self.metrics_shown:
            over = self.state.x_metric if self.state.x is XAxis.METRIC else ""
            if self.state.x is XAxis.STEP:
                over = self._x_of(metric)
            for run in runs:
                series[SeriesKey(*run, metric)] = None
                if over:
                    series[SeriesKey(*run, over)] = None
        return list(series)

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
        names = self._names(tuple(looks))
        ground = Color.parse(self.app.theme_variables.get("background", "#000000")).hex6
        drawn = [
            draw_metric(metric, looks, names, self._curves, self.state, self._x_of(metric), ground)
            for metric in self.metrics_shown
        ]
        self._curves.tidy(len(looks) * max(len(drawn), 1))
        spans = [span for one in drawn if (span := one.span(self.state.log_x)) is not None]
        self._drawn_x = drawn[0].x if drawn else None
        self._whole = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
        limits = self.state.limits(self._whole)
        wanted = self._workspace.histories.wanted
        pictures = [
            make_picture(one, self.state, limits, bool(wanted([SeriesKey(*run, one.metric) for run in looks])))
            for one in drawn
        ]
        entries = self._entries(looks, names, drawn)
        said = [note, self._choice_note(metrics, shown), self._cursor_note(drawn)]
        self.show(pictures, entries, "  ".join(text for text in said if text))

    def _names(self, runs: tuple[RunKey, ...]) -> Mapping[RunKey, str]:
        """The names of runs; 1 ms, and so not looked up for every point that comes in."""
        seen = (runs, self._workspace.catalog.runs_version)
        if self._names_of != seen:
            self._names_of, self._known_names = seen, self._workspace.catalog.names(runs)
        return self._known_names

    def _choice_note(self, metrics: Sequence[str], shown: Sequence[str]) -> str:
        """Which metrics were chosen, so that nobody looks for the others in vain."""
        chosen = [f"{printable(self.state.prefix)}/" if self.state.prefix else ""]
        chosen.append(f"“{printable(self.state.name)}”" if self.state.name else "")
        if len(shown) == len(metrics) or not any(chosen):
            return ""
        return f"{' '.join(text for text in chosen if text)}: {len(shown)} of {len(metrics)} metrics"

    def _cursor_note(self, drawn: Sequence[Drawn]) -> str:
        if self.state.cursor is None or not drawn:
            return ""
        from tui_runs.drawing.readings import x_text  # noqa: PLC0415  imports numpy

        first, x = drawn[0], self.state.cursor
        if first.x is XAxis.STEP:
            return f"step {x:.0f}"
        name = printable(first.x_metric) if first.x is XAxis.METRIC else "at"
        return f"{name} {x_text(x, first.x.kind)}"

    def _entries(
        self, looks: Mapping[RunKey, Look], names: Mapping[RunKey, str], drawn: Sequence[Drawn]
    ) -> list[LegendEntry]:
        """The legend; for one large chart with the values of every run and the params in which they differ."""
        if self.state.bands is not None and len(looks) > 1:
            return self._band_entries(drawn)
        plain = [LegendEntry(names.get(run, ""), look.colour, look.dash) for run, look in looks.items()]
        if not self.state.single or not drawn:
            return plain
        facts = self._values(drawn[0], list(looks))
        params = self._differing(list(looks))
        return [replace(entry, facts=(*values, text)) for entry, values, text in zip(plain, facts, params, strict=True)]

    def _band_entries(self, drawn: Sequence[Drawn]) -> list[LegendEntry]:
        """The legend of bands; of one large chart with what they say at the cursor."""
        from tui_runs.drawing.readings import band_text  # noqa: PLC0415  imports numpy

        cursor = self.state.cursor if self.state.single else None
        return [
            LegendEntry(
                one.label,
                one.colour,
                one.dash,
                () if cursor is None else (band_text(one.members, one.spread, cursor),),
            )
            for part in drawn[:1]
            for one in part.ribbons
        ]

    def _values(self, drawn: Drawn, runs: Sequence[RunKey]) -> list[tuple[str, ...]]:
        """Of every run its value at the cursor, or else its last, raw and smoothed."""
        from tui_runs.drawing.readings import read_at, texts_apart  # noqa: PLC0415  imports numpy

        found: list[list[float | None]] = []
        kinds = [Smoothing(), self.state.smoothing] if self.state.smoothing else [Smoothing()]
        for kind in kinds:
            series = [self._curves.series(SeriesKey(*run, drawn.metric), drawn.x, drawn.x_metric, kind) for run in runs]
            if self.state.cursor is None:
                found.append([float(one.y[-1]) if one is not None and len(one) else None for one in series])
            else:
                found.append([read_at(one, self.state.cursor) if one is not None else None for one in series])
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
        self._differing_texts = [" ".join(f"{key}={some[key]}" for key in differing if key in some) for some in params]
        return self._differing_texts

    # --- metrics with an x of their own ---------------------------------------------------------------------------

    def _x_of(self, metric: str) -> str:
        """The metric that another one was logged over, as the first of the runs that says so has it."""
        return next((own for run in self._runs if (own := self._own_x.get(run, {}).get(metric))), "")

    def _ask_for_own_x(self) -> None:
        """Ask of one run more whether its metrics have an x of their own."""
        if self.state.x is not XAxis.STEP:
            return
        for run in self._runs:
            asked = self._asked.setdefault(run.source, [])
            if run not in asked and (len(asked) < _TRIES or any(self._own_x.get(one) for one in asked)):
                asked.append(run)
                self.post_message(self.DetailsWanted(run))
                return

    def take_details(self, run: RunKey, details: pl.DataFrame) -> None:
        """Take in which metrics of a run have an x of their own: rows of the group "metric", key "step_metric"."""
        rows = details.filter((pl.col("group") == "metric") & (pl.col("key") == "step_metric"))
        self._own_x[run] = dict(rows.select("item", "value").iter_rows())

    # --- what the user does ---------------------------------------------------------------------------------------

    def look(self, state: ChartState) -> None:
        """See the charts in another way."""
        if state != self.state:
            self.state = state
            self.post_message(self.PageChanged())

    def zoom(self, factor: float, around: float | None = None) -> None:
        """A part of x so many times as wide as that which is shown."""
        if self._whole is not None:
            self.look(self.state.zoomed(self._whole, factor, around))

    def pan(self, share: float) -> None:
        """The part of x further to the right, by a share of its width."""
        if self._whole is not None:
            self.look(self.state.panned(self._whole, share))

    def point(self, columns: int) -> None:
        """The cursor so many columns further to the right."""
        if self._whole is not None:
            self.look(self.state.pointed(self._whole, columns / max(self.chart_columns - 1, 1)))

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
        first = self.metrics_shown[0] if self.metrics_shown else ""
        kind = (self._drawn_x or self.state.x).kind
        return LimitsAsked(self.state, first, tuple(self.metrics), kind, self._whole, self.most_shape)

    @on(Chart.Pointed)
    def _put_cursor(self, event: Chart.Pointed) -> None:
        event.stop()
        self.look(replace(self.state, cursor=event.x))

    @on(Chart.Zoomed)
    def _zoom_by_wheel(self, event: Chart.Zoomed) -> None:
        event.stop()
        self.zoom(event.factor, event.x)

    @on(Chart.Panned)
    def _drag(self, event: Chart.Panned) -> None:
        event.stop()
        self.pan(event.share)

    @on(Chart.Opened)
    def _open(self, event: Chart.Opened) -> None:
        event.stop()
        self.look(replace(self.state, single=not self.state.single))
        self._show_page_of(event.metric)
