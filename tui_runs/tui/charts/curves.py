"""Points made into what charts and trend cells show."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import ref

import polars as pl

from tui_runs.analysis.chart_choices import Smoothing, XAxis
from tui_runs.display import printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import Histories, SeriesKey
from tui_runs.strokes import LINES, strokes_for
from tui_runs.tui.charts.state import ChartState, Span, YScale
from tui_runs.tui.marks import Look
from tui_runs.tui.widgets.chart import Picture
from tui_runs.tui.widgets.columns import Cell

if TYPE_CHECKING:
    from tui_runs.drawing import Axes, Curve, Ribbon, Series

Over = tuple[XAxis, str]
"""What curves are drawn over, and which metric that is."""
_POINTS_KEPT: Final = 1 << 22
"""Points of curves that are kept prepared though they are not on the screen: 16 bytes each."""
_OVERHEAD: Final = 256
"""What a curve takes beside its points, in points: 4 kB."""
_DIM: Final = 0.35
"""How much of its colour a raw curve keeps behind its smoothed one."""
_FILL: Final = 0.45
_BAND_COLOUR: Final = "#1d9ec1"


@dataclass(slots=True)
class _Prepared:
    made_of: Sequence[ref[pl.DataFrame]]
    """Frames that it does not keep from being dropped."""
    raw: Series
    smoothed: dict[Smoothing, Series] = field(default_factory=dict)


class Curves:
    """Curves ready to be drawn, kept as long as their points are the same and they are looked at.

    Args:
        histories: where the points are.
    """

    def __init__(self, histories: Histories) -> None:
        self._histories = histories
        self._kept: OrderedDict[SeriesKey, dict[Over, _Prepared]] = OrderedDict()
        self._points = 0

    def series(self, key: SeriesKey, x: XAxis, x_metric: str, smoothing: Smoothing) -> Series | None:
        """A curve; None where no point of it is held, or none of the metric that it is drawn over.

        A curve of a million points takes 15 ms when its points are new, and nothing after that.

        Args:
            key: which.
            x: what over; the time since start counts from the metric's first point.
            x_metric: over the last value that this metric had at each step, for `XAxis.METRIC`; by time where steps
                do not tell the points apart.
            smoothing: how.
        """
        points = self._histories.points(key)
        over = self._histories.points(key._replace(metric=x_metric)) if x is XAxis.METRIC else None
        if points.is_empty() or (over is not None and over.is_empty()):
            return None
        kept = self._kept.setdefault(key, {})
        self._kept.move_to_end(key)
        if any(one.made_of[0]() is not points for one in kept.values()):
            self._points -= _points_of(kept)  # over another x it would keep the points as they were, and not be drawn
            kept.clear()
        place = (x, x_metric)
        frames = [points] if over is None else [points, over]
        prepared = kept.get(place)
        if prepared is None or any(was() is not now for was, now in zip(prepared.made_of, frames, strict=True)):
            from tui_runs.analysis.alignment import positions  # noqa: PLC0415  imports numpy
            from tui_runs.drawing import Series  # noqa: PLC0415

            self._points += 0 if prepared is not None else len(points) + _OVERHEAD
            raw = Series(positions(points, x, over), points["value"].to_numpy())
            prepared = kept[place] = _Prepared([ref(frame) for frame in frames], raw)
        if not smoothing:
            return prepared.raw
        smooth_one = prepared.smoothed.get(smoothing)
        if smooth_one is None:
            from tui_runs.analysis.smoothing import smooth  # noqa: PLC0415  imports numpy
            from tui_runs.drawing import Series  # noqa: PLC0415

            smooth_one = Series(prepared.raw.x, smooth(prepared.raw.x, prepared.raw.y, smoothing))
            prepared.smoothed = {smoothing: smooth_one}  # the one before is not asked for again soon
        return smooth_one

    def tidy(self, shown: int) -> None:
        """Drop what was not looked at for longest, if there is much; the last `shown` curves stay."""
        while self._points > _POINTS_KEPT and len(self._kept) > shown:
            self._points -= _points_of(self._kept.popitem(last=False)[1])


def _points_of(kept: Mapping[Over, _Prepared]) -> int:
    return sum(len(one.raw) + _OVERHEAD for one in kept.values())


def make_axes(state: ChartState, drawn: Drawn, limits: Span | None) -> Axes:
    """The axes of a chart.

    Args:
        state: what the user chose.
        drawn: its curves: a metric may have an x of its own.
        limits: the part of x that is shown.
    """
    from tui_runs.drawing import Axes  # noqa: PLC0415  imports numpy

    return Axes(
        {XAxis.STEP: "step", XAxis.METRIC: drawn.x_metric}.get(drawn.x, ""),
        log_x=state.log_x,
        log_y=state.y is YScale.LOG,
        symlog_y=state.y is YScale.SYMLOG,
        x_kind=drawn.x.kind,
        x_limits=limits,
        y_limits=state.y_span(drawn.metric),
        ignore_outliers=state.ignore_outliers,
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """The curves of one metric.

    Args:
        metric: its key.
        x: what they are drawn over.
        x_metric: which metric that is.
        curves: the runs' curves in the order of the runs, the raw ones first where they are smoothed.
        ribbons: or all of them as one.
        lacking: runs that have points of the metric, and none of the metric that it is drawn over.
    """

    metric: str
    x: XAxis
    x_metric: str
    curves: Sequence[Curve] = ()
    ribbons: Sequence[Ribbon] = ()
    lacking: int = 0

    @property
    def over(self) -> Over:
        """What they are drawn over: charts over the same have their zoom and cursor in common."""
        return self.x, self.x_metric

    @property
    def series(self) -> list[Series]:
        """All of them."""
        return [curve.points for curve in self.curves] + [one for part in self.ribbons for one in part.members]

    def span(self, log_x: bool) -> Span | None:
        """From where to where they reach."""
        spans = [span for one in self.series if (span := one.span(log_x)) is not None]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None


def draw_metric(
    metric: str,
    looks: Mapping[RunKey, Look],
    names: Mapping[RunKey, str],
    curves: Curves,
    state: ChartState,
    own_x: str,
    ground: str,
) -> Drawn:
    """The curves of a metric of some runs.

    Args:
        metric: its key.
        looks: the runs, and how each is drawn.
        names: of the runs.
        curves: where they are prepared.
        state: what the user chose.
        own_x: the metric that this one is logged over, which then stands in for the step; "" for none.
        ground: the colour behind the chart, `#rrggbb`.
    """
    from tui_runs.drawing import Curve, Ribbon, blended  # noqa: PLC0415  imports numpy

    x, x_metric = state.x, state.x_metric
    if x is XAxis.STEP and own_x and own_x != metric:
        x, x_metric = XAxis.METRIC, own_x
    behind, front, members, lacking = [], [], [], 0
    together = state.bands is not None and len(looks) > 1  # one run is its own mean
    for run, look in looks.items():
        key = SeriesKey(*run, metric)
        points = curves.series(key, x, x_metric, state.smoothing)
        if points is None:
            lacking += x is XAxis.METRIC and curves.series(key, XAxis.STEP, "", Smoothing()) is not None
            continue
        if together:
            members.append(points)
            continue
        if state.smoothing:
            raw = curves.series(key, x, x_metric, Smoothing())
            if raw is not None:
                behind.append(Curve(raw, blended(look.colour, ground, _DIM), label=names.get(run, ""), behind=True))
        front.append(Curve(points, look.colour, look.dash, names.get(run, "")))
    ribbons = []
    if members and state.bands is not None:
        label = f"{state.bands.value} of {len(members)} runs"
        ribbons = [Ribbon(members, state.bands, _BAND_COLOUR, blended(_BAND_COLOUR, ground, _FILL), label=label)]
    return Drawn(metric, x, x_metric, (*behind, *front), tuple(ribbons), lacking)


def make_picture(drawn: Drawn, state: ChartState, limits: Span | None, reading: bool) -> Picture:
    """What the chart of one metric shows.

    Args:
        drawn: its curves.
        state: what the user chose.
        limits: the part of x that is shown.
        reading: more points are to come.
    """
    waiting = "reading …" if reading else "no points"
    if drawn.lacking and not reading:
        waiting = f"no {printable(drawn.x_metric)} was logged with it"
    over = printable(drawn.x_metric) if drawn.x is XAxis.METRIC else drawn.x.value
    said = ["pinned" if drawn.metric in state.pinned else "", over, "log x" if state.log_x else "", state.y.value]
    said += [_span_text(state.y_span(drawn.metric)), state.smoothing.label]
    said += [ribbon.label for ribbon in drawn.ribbons]
    said += [f"not of {drawn.lacking} runs without it"] if drawn.lacking and (drawn.curves or drawn.ribbons) else []
    axes = make_axes(state, drawn, limits)
    # Prepared curves are the same while their points are the same; by number, so that a drawing keeps no points.
    version = tuple((curve.points.number, curve.colour, curve.dash) for curve in drawn.curves)
    members = tuple(tuple(one.number for one in ribbon.members) for ribbon in drawn.ribbons)
    note = " · ".join(text for text in said if text)
    return Picture(drawn.metric, note, drawn.curves, axes, (version, members), drawn.ribbons, state.cursor, waiting)


def _span_text(span: Span | None) -> str:
    """Limits of y for a title: "y 0…1", "y ≥ 0", "y ≤ 1"; nothing where there are none."""
    if span is None or span == (-math.inf, math.inf):
        return ""
    low, high = (f"{end:.6g}" for end in span)
    if span[1] == math.inf:
        return f"y ≥ {low}"
    return f"y ≤ {high}" if span[0] == -math.inf else f"y {low}…{high}"


def trend_cells(
    window: pl.DataFrame, metric: str, histories: Histories, colours: Mapping[RunKey, Look], width: int
) -> list[Cell]:
    """The trend column of some rows: the whole run's curve of a metric in one line, where its points are held."""
    strokes = strokes_for(os.environ)
    cells = []
    for source, run_id in window.select("source", "run_id").iter_rows():
        points = histories.points(SeriesKey(source, run_id, metric))
        if points.is_empty():
            cells.append(Cell(""))
            continue
        from tui_runs.drawing import sparkline  # noqa: PLC0415  imports numpy, which the first rows do not need

        look = colours.get(RunKey(source, run_id))
        line = sparkline(points["value"].to_numpy(), width, "" if strokes is LINES else strokes.levels)
        cells.append(Cell(line, look.colour if look else "muted"))
    return cells
