"""`tui-runs plot --kind scatter|parallel|box|histogram`: what runs have in common, in the scrollback or as numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.columns import kind_of, split_aggregate
from tui_runs.analysis.direction import direction_of
from tui_runs.analysis.distributions import Measured, box_of, by_category, histogram_of, measure
from tui_runs.analysis.parallel import Axis, axis_of, telling_columns
from tui_runs.analysis.query import parse
from tui_runs.analysis.ranking import by_interest
from tui_runs.conditions import Wanted
from tui_runs.display import clip, printable
from tui_runs.drawing import parallel
from tui_runs.drawing.figures import MIN_HEIGHT, MIN_WIDTH, Look, most_bins
from tui_runs.drawing.framed import Lines, plotext_lines
from tui_runs.drawing.kinds import axis_kind, draw_kind, groups_of, note_of
from tui_runs.drawing.parallel import ParallelLook, draw_parallel, most_axes
from tui_runs.drawing.ramp import layer_runs, ramp
from tui_runs.drawing.raster import Glyphs
from tui_runs.drawing.terminals import colour_system, colours_for, glyphs_for
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.frames.catalog import Catalog
from tui_runs.frames.selection import column_named, known_columns, select
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.history import metric_named
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.plot import WIDTH, cut_title, line_text
from tui_runs.headless.runs import parse_columns, run_named
from tui_runs.headless.stores import Stores
from tui_runs.schema import TIME

_METRICS_LOOKED_AT: Final = 50
_PARAMS_LOOKED_AT: Final = 2_000
_FRAME: Final = Style(color="#808080")
_MUTED: Final = Style(color="#6b7280")


@dataclass(frozen=True)
class FigureWish:
    """What to draw, and how.

    Args:
        kind: a scatter, parallel coordinates, a box for each category, or a histogram.
        where: a filter; see `tui_runs.analysis.query`.
        against: the column that a metric is held against; a scatter needs one, a histogram has none; of parallel
            coordinates the columns beside the metric, separated by commas, those that tell the most where None.
        log_x: a logarithmic x axis.
        log_y: a logarithmic y axis.
        width: in cells; the terminal's when None.
        height: in lines, the title not counted.
    """

    kind: Literal["scatter", "parallel", "box", "histogram"]
    where: str = ""
    against: str | None = None
    log_x: bool = False
    log_y: bool = False
    width: int | None = None
    height: int = 18

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UsageError: there is no room, or nothing to hold the metric against.
        """
        if self.kind == "scatter" and self.against is None:
            raise UsageError("A scatter needs --against COLUMN.", "For instance: --against params.lr")
        least = parallel.MIN_HEIGHT if self.kind == "parallel" else MIN_HEIGHT
        if self.height < least or (self.width is not None and self.width < MIN_WIDTH):
            what = {"parallel": "Parallel coordinates need", "box": "Boxes need"}.get(self.kind, f"A {self.kind} needs")
            raise UsageError(f"{what} {MIN_WIDTH} cells by {least} lines or more.")


def plot_figures(
    stores: Stores, texts: Sequence[str], metrics: Sequence[str], wish: FigureWish, *, data: bool, path: str | None
) -> None:
    """Draw a figure for each metric over runs, or write the numbers that it shows as CSV.

    The columns of the CSV are run_id, metric, x, value of a scatter; run_id, metric, value and those of the axes of
    parallel coordinates; metric, category, runs, low, q1, median, q3, high, outliers of boxes; metric, low, high, runs
    of a histogram.

    Args:
        stores: where the runs are looked for.
        texts: runs, as `find_run` takes them; none means all that pass.
        metrics: names of metrics, `min(metrics.loss)` and the like too; the one of most interest where there are none.
        wish: how.
        data: write CSV.
        path: a file to write to instead of stdout.

    Raises:
        UnknownRunError: one of the texts fits no run, or several.
        UsageError: there is no such metric or column, it does not fit the axes, or the file cannot be written.
        TuiRunsError: a store cannot be read.
    """
    wanted = None if texts else _wanted(wish.where)
    with stores.read(wanted, lambda workspace: _fits(workspace.catalog, metrics, wish)) as workspace:
        against = _against(workspace.catalog, wish)
        columns = [_metric_column(workspace.catalog, metric) for metric in metrics]
        frame = _runs(workspace, texts, wish.where, [*(columns or _interesting(workspace.catalog)), *against])
        columns = columns or [_first_with_values(frame)]
        with open_output(path) as output:
            if wish.kind == "parallel" and wish.against is None:
                against = telling_columns(frame, columns[0], against)[: most_axes(_width(wish, output)) - 1]
            for place, column in enumerate(columns):
                drawing = _Drawing(frame, column, against, wish, output)
                if data:
                    output.write([csv_text(drawing.told(), header=not place)])
                else:
                    output.write_lines([""] if place else [])
                    output.write_lines(drawing.lines())


def _against(catalog: Catalog, wish: FigureWish) -> list[str]:
    """The columns that the metric is held against, or may be."""
    if wish.kind == "parallel":
        if wish.against is not None:
            return parse_columns(catalog, wish.against, "--against")
        return [f"params.{key}" for key in catalog.keys("params")[:_PARAMS_LOOKED_AT]]
    return [] if wish.against is None else [column_named(catalog, wish.against)]


def _width(wish: FigureWish, output: Output) -> int:
    return wish.width or max(output.width or WIDTH, MIN_WIDTH)


def _wanted(where: str) -> Wanted | None:
    """What a source is asked for before its columns are known."""
    try:
        return Wanted(parse(where), [], None) if where.strip() else None
    except UsageError:  # while no columns are known a key that stands alone is not understood
        return None


def _fits(catalog: Catalog, metrics: Sequence[str], wish: FigureWish) -> bool:
    """Whether the runs that a source chose are enough to understand the command by: all its columns are there."""
    try:
        parse(wish.where, known_columns(catalog))
        for metric in metrics:
            _metric_column(catalog, metric)
        _against(catalog, wish)
    except UsageError:
        return False
    return len(catalog) > 0


def _metric_column(catalog: Catalog, text: str) -> str:
    if split_aggregate(text)[0] != "last":
        return column_named(catalog, text)
    return f"metrics.{metric_named(catalog, text)}"


def _interesting(catalog: Catalog) -> list[str]:
    return [f"metrics.{key}" for key in by_interest(catalog.keys("metrics"))[:_METRICS_LOOKED_AT]]


def _first_with_values(frame: pl.DataFrame) -> str:
    columns = [name for name in frame.columns if name.startswith("metrics.") and frame[name].is_finite().any()]
    if not columns:
        raise UsageError("These runs have no metrics.", "`tui-runs ls` lists them; --where may have left none.")
    if len(columns) > 1:
        others = ", ".join(map(_called, columns[1:9])) + (" …" if len(columns) > 9 else "")
        say(f"Drawing {_called(columns[0])}; -m draws another: {others}")
    return columns[0]


def _runs(workspace: Workspace, texts: Sequence[str], where: str, columns: Sequence[str]) -> pl.DataFrame:
    """The runs that pass, of those named where some are."""
    catalog = workspace.catalog
    condition = parse(where, known_columns(catalog) if len(catalog) else ())
    frame = select(workspace, columns, condition)
    if not texts:
        return frame
    named = [run_named(catalog, text) for text in texts]
    keys = pl.DataFrame(named, schema={"source": pl.String, "run_id": pl.String}, orient="row")
    return frame.join(keys, on=["source", "run_id"], how="semi", maintain_order="left")


def _called(column: str) -> str:
    """A metric as the charts of curves call it: by its key, unless it is an aggregate."""
    return printable(column.removeprefix("metrics."))


def _boxes_told(frame: pl.DataFrame) -> pl.DataFrame:
    values: list[float] | list[str] | list[None] = [None]
    groups = [frame["value"]]
    if "x" in frame.columns:
        found = by_category(frame, frame.height)
        values, groups = found.values, groups_of(found.frame)
    boxes = [box_of(group.to_numpy()) for group in groups]
    return pl.DataFrame(
        [
            pl.Series("category", values, frame.schema.get("x", pl.String)),
            pl.Series("runs", [box.count for box in boxes], pl.Int64),
            *(
                pl.Series(name, [getattr(box, name) for box in boxes], pl.Float64)
                for name in ("low", "q1", "median", "q3", "high")
            ),
            pl.Series("outliers", [" ".join(map(repr, box.outliers)) for box in boxes], pl.String),
        ]
    )


def _bins_told(frame: pl.DataFrame, wish: FigureWish) -> pl.DataFrame:
    edges, counts = np.zeros(1), np.zeros(0, np.int64)
    if frame.height:
        edges, counts = histogram_of(frame["value"].to_numpy(), most_bins(wish.width or WIDTH), log=wish.log_x)
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], "runs": counts})


@dataclass(frozen=True)
class _Drawing:
    """The figure of one metric.

    Args:
        frame: the runs.
        metric: its column.
        against: the columns that it is held against.
        wish: how.
        output: where the figure goes.
    """

    frame: pl.DataFrame
    metric: str
    against: Sequence[str]
    wish: FigureWish
    output: Output

    def told(self) -> pl.DataFrame:
        """The numbers that the figure shows."""
        if self.wish.kind == "parallel":
            axes = [pl.col(name) for name in self.against if name != "run_id"]
            told = self.frame.select("run_id", pl.col(self.metric).alias("value"), *axes)
        elif self.wish.kind == "box":
            told = _boxes_told(self._measured().frame)
        elif self.wish.kind == "histogram":
            told = _bins_told(self._measured().frame, self.wish)
        else:
            x = (pl.col("x") * 1e6).round().cast(pl.Int64).cast(TIME) if kind_of(self.against[0]) == "time" else "x"
            told = self._measured().frame.select("run_id", x, "value")
        names = told.columns
        place = names.index("run_id") + 1 if "run_id" in names else 0  # as in the CSV of curves
        metric = self.metric.removeprefix("metrics.")
        return told.insert_column(place, pl.Series("metric", [metric] * told.height, pl.String))

    def _measured(self) -> Measured:
        wish = self.wish
        logs = (wish.log_x, False) if wish.kind == "histogram" else (wish.log_y, wish.log_x)
        against = None if wish.kind == "parallel" or not self.against else self.against[0]
        return measure(self.frame, self.metric, against, log_metric=logs[0], log_against=logs[1])

    def lines(self) -> Iterator[str]:
        """Title and figure."""
        wish, output, measured = self.wish, self.output, self._measured()
        lines, remark = self._parallel() if wish.kind == "parallel" else self._framed(measured)
        against = self.against[0] if self.against else None
        runs = self.frame.height if wish.kind == "parallel" else measured.frame.height
        note = note_of(wish.kind, against, measured.left_out, remark, runs, log_x=wish.log_x, log_y=wish.log_y)
        title = [Segment(clip(_called(self.metric), _width(wish, output)), Style(bold=True)), Segment(f"  {note}")]
        for line in (cut_title(title, _width(wish, output)), *lines):
            yield line_text(line, output.colour)

    def _framed(self, measured: Measured) -> tuple[Lines, str]:
        """The figure, and what its title should say of it."""
        wish, output = self.wish, self.output
        against = self.against[0] if self.against else None
        kind = axis_kind(against) if against else "number"
        look = Look(_width(wish, output), wish.height, self._glyphs, wish.log_x, wish.log_y, kind)
        assert wish.kind != "parallel", "it has no frame"
        drawn = draw_kind(wish.kind, measured, against, look)
        if drawn.figure is None:
            return [], ""
        ink = Style(color=colours_for(os.environ)[0] if output.colour else "#a0a0a0")
        return plotext_lines(drawn.figure, _FRAME, [ink]), drawn.remark

    def _parallel(self) -> tuple[Lines, str]:
        if not self.frame.height:
            return [], ""
        axes: list[Axis] = [axis_of(self.frame, name) for name in self.against if name != self.metric]
        metric = axis_of(self.frame, self.metric, log=self.wish.log_y or None)
        better = direction_of(split_aggregate(self.metric)[1].removeprefix("metrics."))
        colours = ramp(system=colour_system(os.environ)) if self.output.colour else ("#a0a0a0",)
        layers, styles = layer_runs(metric.values, better, [Style(color=colour) for colour in colours], _MUTED)
        look = ParallelLook(_width(self.wish, self.output), self.wish.height, self._glyphs, muted=_FRAME)
        remark = f"yellow is {'best' if better else 'greatest'}, by rank" if self.output.colour else ""
        return draw_parallel([*axes, metric], layers, styles, look).lines, remark

    @property
    def _glyphs(self) -> Glyphs:
        return glyphs_for(os.environ if self.output.width is not None else {}, self.output.encoding)
