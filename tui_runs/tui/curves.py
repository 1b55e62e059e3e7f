"""Points made into what charts and trend cells show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

import polars as pl

from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import Histories, SeriesKey
from tui_runs.tui.marks import Look
from tui_runs.tui.widgets.chart import Picture
from tui_runs.tui.widgets.columns import Cell

if TYPE_CHECKING:
    from tui_runs.drawing import Axes, Curve


class XAxis(Enum):
    """What charts are drawn over."""

    STEP = "step"
    RELATIVE = "time since start"
    TIME = "date"

    @property
    def next(self) -> XAxis:
        """The one after this, in a circle."""
        kinds = list(XAxis)
        return kinds[(kinds.index(self) + 1) % len(kinds)]


def make_axes(x: XAxis, *, log_y: bool) -> Axes:
    """The axes of every chart of a page."""
    from tui_runs.drawing import Axes  # noqa: PLC0415  imports numpy

    if x is XAxis.STEP:
        return Axes("step", log_y=log_y)
    return Axes(log_y=log_y, x_kind="duration" if x is XAxis.RELATIVE else "time")


def make_curve(points: pl.DataFrame, x: XAxis, look: Look, name: str) -> Curve:
    """A curve of the points of one metric.

    Args:
        points: step, time, value, as `Histories.points` gives them.
        x: what to draw it over; the time since start counts from the metric's first point.
        look: colour and dash.
        name: of the run.
    """
    from tui_runs.drawing import Curve  # noqa: PLC0415  imports numpy

    if x is XAxis.STEP:
        positions = points["step"].cast(pl.Float64)
    else:
        seconds = points["time"].dt.epoch("us").cast(pl.Float64) / 1e6
        positions = seconds - seconds.min() if x is XAxis.RELATIVE else seconds
    return Curve(positions.to_numpy(), points["value"].to_numpy(), look.colour, look.dash, name)


def make_picture(
    metric: str, looks: Mapping[RunKey, Look], names: Mapping[RunKey, str], histories: Histories, x: XAxis, axes: Axes
) -> Picture:
    """What the chart of one metric shows of some runs."""
    series = [SeriesKey(*run, metric) for run in looks]
    held = {one.run: points for one in series if not (points := histories.points(one)).is_empty()}

    def curves() -> Sequence[Curve]:
        return [make_curve(points, x, looks[run], names.get(run, "")) for run, points in held.items()]

    # A picture is the same as before while the same runs have as many points: points are only ever added.
    version = tuple((run, looks[run], points.height, points["value"][-1]) for run, points in held.items())
    waiting = "no points" if not histories.wanted(series) else "reading …"
    note = " · ".join([x.value, *(["log y"] if axes.log_y else [])])
    return Picture(metric, note, curves, axes, version, waiting)


def trend_cells(
    window: pl.DataFrame, metric: str, histories: Histories, colours: Mapping[RunKey, Look], width: int
) -> list[Cell]:
    """The trend column of some rows: the whole run's curve of a metric in one line, where its points are held."""
    cells = []
    for source, run_id in window.select("source", "run_id").iter_rows():
        points = histories.points(SeriesKey(source, run_id, metric))
        if points.is_empty():
            cells.append(Cell(""))
            continue
        from tui_runs.drawing import sparkline  # noqa: PLC0415  imports numpy, which the first rows do not need

        look = colours.get(RunKey(source, run_id))
        cells.append(Cell(sparkline(points["value"].to_numpy(), width), look.colour if look else "muted"))
    return cells
