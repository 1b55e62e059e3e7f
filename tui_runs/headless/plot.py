"""`tui-runs plot`: curves in the scrollback, or the numbers that they are drawn from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.alignment import positions
from tui_runs.analysis.chart_choices import Smoothing, XAxis
from tui_runs.analysis.ranking import by_interest
from tui_runs.analysis.smoothing import smooth
from tui_runs.capabilities import Detailed
from tui_runs.display import clip, printable
from tui_runs.drawing import Axes, Curve, Series, blended, draw_chart, not_shown, run_looks
from tui_runs.drawing.readings import texts_apart
from tui_runs.drawing.terminals import colour_system, colours_for, glyphs_for
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.history import metric_named
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.runs import run_named
from tui_runs.headless.stores import Stores
from tui_runs.schema import TIME

WIDTH: Final = 100
"""Where there is no terminal to say it."""
_HEIGHT: Final = 18
_DIM: Final = 0.45
_STROKES: Final = ("━━", "╺╸", "┅┅", "┉┉")
_ASCII_STROKES: Final = ("--", "- ", "-.", "..")


@dataclass(frozen=True)
class Wish:
    """What to draw, and how.

    Args:
        x: "step", "time", "relative" or a metric; None for the step, or what the metric itself was logged over.
        smoothing: of every curve; the raw one stays behind.
        log_x: a logarithmic x axis.
        log_y: a logarithmic y axis.
        symlog_y: one that is logarithmic to both sides of 0.
        ignore_outliers: the y axis shows where most values lie.
        width: of a chart in cells; the terminal's when None.
        height: of a chart in lines, title and legend not counted.
    """

    x: str | None = None
    smoothing: Smoothing = Smoothing()  # noqa: RUF009  frozen, like this
    log_x: bool = False
    log_y: bool = False
    symlog_y: bool = False
    ignore_outliers: bool = False
    width: int | None = None
    height: int = _HEIGHT


@dataclass(frozen=True)
class _Drawn:
    """The curve of one metric of one run."""

    run: RunKey
    points: Series
    smoothed: Series
    x: XAxis
    x_name: str


def plot_runs(
    stores: Stores, texts: Sequence[str], metrics: Sequence[str], wish: Wish, *, data: bool, path: str | None
) -> None:
    """Draw a chart for each metric, or write what it would be drawn from as CSV.

    The columns of the CSV are run_id, metric, x, value, and smoothed where it is: every point, none left out.

    Args:
        stores: where the runs are looked for.
        texts: runs, as `find_run` takes them.
        metrics: their names; the one of most interest where there are none.
        wish: how.
        data: write CSV.
        path: a file to write to instead of stdout.

    Raises:
        UnknownRunError: one of the texts fits no run, or several.
        UsageError: none of these runs has one of the metrics, or the file cannot be written.
        TuiRunsError: a store cannot be read.
    """
    with stores.read() as workspace:
        catalog = workspace.catalog
        runs = list(dict.fromkeys(run_named(catalog, text) for text in texts))
        keys = [metric_named(catalog, metric) for metric in metrics] or [_most_interesting(catalog, runs)]
        own_x = _own_x(workspace, runs) if wish.x is None else {}
        drawn = {key: _curves(workspace, runs, key, wish, own_x.get(key, "")) for key in keys}
        with open_output(path) as output:
            if data:
                output.write(_csv(drawn, bool(wish.smoothing)))
                return
            for place, (key, curves) in enumerate(drawn.items()):
                output.write_lines([""] if place else [])
                output.write_lines(_chart(key, curves, runs, catalog.names(runs), wish, output))


def _most_interesting(catalog: Catalog, runs: Sequence[RunKey]) -> str:
    metrics = by_interest({key for run in runs for key in catalog.curves_of(run)})
    if not metrics:
        raise UsageError("These runs have no metrics.", "`tui-runs show RUN` says what a run has.")
    if len(metrics) > 1:
        others = ", ".join(map(printable, metrics[1:9])) + (" …" if len(metrics) > 9 else "")
        say(f"Drawing {printable(metrics[0])}; -m draws another: {others}")
    return metrics[0]


def _own_x(workspace: Workspace, runs: Sequence[RunKey]) -> dict[str, str]:
    """The metrics that others were logged over, where the sources say so."""
    found: dict[str, str] = {}
    for name, opened in workspace.sources.items():
        run_ids = [run.run_id for run in runs if run.source == name]
        if run_ids and isinstance(opened.source, Detailed):
            frame = opened.source.details(run_ids).frame
            rows = frame.filter((pl.col("group") == "metric") & (pl.col("key") == "step_metric"))
            found.update(rows.select("item", "value").iter_rows())
    return found


def _curves(workspace: Workspace, runs: Sequence[RunKey], metric: str, wish: Wish, own_x: str) -> list[_Drawn]:
    x, x_metric = _x_of(workspace.catalog, wish, own_x if own_x != metric else "")
    series = [SeriesKey(*run, key) for run in runs for key in (metric, x_metric) if key]
    workspace.read_history(series)
    drawn = []
    for run in runs:
        points = workspace.histories.points(SeriesKey(*run, metric))
        over = workspace.histories.points(SeriesKey(*run, x_metric)) if x_metric else None
        if points.is_empty() or (over is not None and over.is_empty()):
            what = metric if points.is_empty() else x_metric
            say(f"{workspace.catalog.names([run])[run]} has no points of {printable(what)}.")
            continue
        raw = Series(positions(points, x, over), points["value"].to_numpy())
        smoothed = Series(raw.x, smooth(raw.x, raw.y, wish.smoothing)) if wish.smoothing else raw
        drawn.append(_Drawn(run, raw, smoothed, x, x_metric or x.value))
    return drawn


def _x_of(catalog: Catalog, wish: Wish, own_x: str) -> tuple[XAxis, str]:
    """What to draw over, and the metric where it is one."""
    kinds = {None: XAxis.STEP, "step": XAxis.STEP, "time": XAxis.TIME, "relative": XAxis.RELATIVE}
    if wish.x in kinds:
        return (XAxis.METRIC, own_x) if own_x else (kinds[wish.x], "")
    return XAxis.METRIC, metric_named(catalog, wish.x or "")


def _csv(drawn: Mapping[str, Sequence[_Drawn]], smoothed: bool) -> Iterator[str]:
    columns = ["run_id", "metric", "x", "value", *(["smoothed"] if smoothed else [])]
    yield ",".join(columns) + "\n"
    for metric, curves in drawn.items():
        for curve in curves:
            frame = pl.DataFrame({"x": curve.points.x, "value": curve.points.y, "smoothed": curve.smoothed.y})
            if curve.x is XAxis.TIME:
                frame = frame.with_columns((pl.col("x") * 1e6).round().cast(pl.Int64).cast(TIME))
            frame = frame.with_columns(pl.lit(curve.run.run_id).alias("run_id"), pl.lit(metric).alias("metric"))
            yield csv_text(frame.select(columns), header=False)


def _chart(
    metric: str,
    drawn: Sequence[_Drawn],
    runs: Sequence[RunKey],
    names: Mapping[RunKey, str],
    wish: Wish,
    output: Output,
) -> Iterator[str]:
    width = wish.width or output.width or WIDTH
    glyphs = glyphs_for(os.environ if output.width is not None else {}, output.encoding)
    colours = colours_for(os.environ) if output.colour else ("#a0a0a0",)
    looks = dict(zip(runs, run_looks([run.run_id for run in runs], colours=colours), strict=True))
    curves = []
    for one in drawn:
        colour, dash = looks[one.run]
        if wish.smoothing and output.colour:  # without colours nobody could tell which is which
            curves.append(Curve(one.points, blended(colour, "#000000", _DIM), behind=True))
        curves.append(Curve(one.smoothed, colour, dash))
    x = drawn[0].x if drawn else XAxis.STEP
    axes = Axes(
        drawn[0].x_name if drawn and x in (XAxis.STEP, XAxis.METRIC) else "",
        log_x=wish.log_x,
        log_y=wish.log_y,
        symlog_y=wish.symlog_y,
        x_kind=x.kind,
        ignore_outliers=wish.ignore_outliers,
    )
    drawing = draw_chart(curves, width, wish.height, axes, glyphs=glyphs)
    said = [
        not_shown(curves, axes, drawing.outliers),
        drawn[0].x_name if drawn else "no points",
        "log x" * wish.log_x,
        "log y" * wish.log_y or "symlog y" * wish.symlog_y,
        wish.smoothing.label,
    ]
    title = [Segment(printable(metric), Style(bold=True)), Segment("  " + " · ".join(text for text in said if text))]
    lasts = texts_apart([float(one.smoothed.y[-1]) for one in drawn])
    strokes = _STROKES if glyphs.across == 2 else _ASCII_STROKES
    legend = []
    for one, last in zip(drawn, lasts, strict=True):
        colour, dash = looks[one.run]
        name = clip(printable(names[one.run]), max(width - len(last) - 5, 1))
        style = Style(color=colour)
        legend.append([Segment(f"{strokes[dash % len(strokes)]} {name}", style), Segment(f"  {last}")])
    for line in ([cut_title(title, width)], drawing.lines, legend):
        for segments in line:
            yield line_text(segments, output.colour)


def cut_title(segments: list[Segment], width: int) -> list[Segment]:
    """A title of two parts, the second cut to the width."""
    room = width - cell_len(segments[0].text)
    if cell_len(segments[1].text) <= room:
        return segments
    return [segments[0], Segment(set_cell_size(segments[1].text, max(room, 0)))]


def line_text(segments: Sequence[Segment], colour: bool) -> str:
    """A line with ANSI codes or without, and without blanks at its end."""
    if not colour:
        return "".join(text for text, *_ in segments).rstrip()
    system = colour_system(os.environ)
    return "".join(style.render(text, color_system=system) if style else text for text, style, _ in segments)
