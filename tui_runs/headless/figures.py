"""`tui-runs plot --kind scatter|box|histogram`: what runs have in common, in the scrollback or as numbers."""

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
from tui_runs.analysis.distributions import Measured, box_of, by_category, histogram_of, measure
from tui_runs.analysis.query import parse
from tui_runs.analysis.ranking import by_interest
from tui_runs.conditions import Wanted
from tui_runs.display import clip, printable
from tui_runs.drawing.figures import (
    MIN_HEIGHT,
    MIN_WIDTH,
    Lines,
    Look,
    draw_boxes,
    draw_histogram,
    draw_scatter,
    most_bins,
    most_categories,
)
from tui_runs.drawing.readings import texts_apart
from tui_runs.drawing.terminals import colours_for, glyphs_for
from tui_runs.drawing.ticks import Kind as AxisKind
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.frames.catalog import Catalog
from tui_runs.frames.selection import known_columns, select
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.history import metric_named
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.plot import WIDTH, cut_title, line_text
from tui_runs.headless.runs import column_named, run_named
from tui_runs.headless.stores import Stores
from tui_runs.schema import TIME

_METRICS_LOOKED_AT: Final = 50
_AXIS_KINDS: Final[dict[str, AxisKind]] = {"time": "time", "seconds": "duration"}


@dataclass(frozen=True)
class FigureWish:
    """What to draw, and how.

    Args:
        kind: a scatter, a box for each category, or a histogram.
        where: a filter; see `tui_runs.analysis.query`.
        against: the column that a metric is held against; a scatter needs one, a histogram has none.
        log_x: a logarithmic x axis.
        log_y: a logarithmic y axis.
        width: in cells; the terminal's when None.
        height: in lines, the title not counted.
    """

    kind: Literal["scatter", "box", "histogram"]
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
        if self.height < MIN_HEIGHT or (self.width is not None and self.width < MIN_WIDTH):
            raise UsageError(f"A {self.kind} needs {MIN_WIDTH} cells by {MIN_HEIGHT} lines or more.")


def plot_figures(
    stores: Stores, texts: Sequence[str], metrics: Sequence[str], wish: FigureWish, *, data: bool, path: str | None
) -> None:
    """Draw a figure for each metric over runs, or write the numbers that it shows as CSV.

    The columns of the CSV are run_id, metric, x, value of a scatter; metric, category, runs, low, q1, median, q3, high,
    outliers of boxes; metric, low, high, runs of a histogram.

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
        against = wish.against and column_named(workspace.catalog, wish.against)
        columns = [_metric_column(workspace.catalog, metric) for metric in metrics]
        frame = _runs(workspace, texts, wish.where, [*(columns or _interesting(workspace.catalog)), against])
        columns = columns or [_first_with_values(frame)]
        with open_output(path) as output:
            for place, column in enumerate(columns):
                logs = (wish.log_x, False) if wish.kind == "histogram" else (wish.log_y, wish.log_x)
                measured = measure(frame, column, against, log_metric=logs[0], log_against=logs[1])
                if data:
                    told = _told(measured, wish, column.removeprefix("metrics."), against)
                    output.write([csv_text(told, header=not place)])
                    continue
                output.write_lines([""] if place else [])
                output.write_lines(_figure(measured, wish, column, against, output))


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
        if wish.against is not None:
            column_named(catalog, wish.against)
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


def _runs(workspace: Workspace, texts: Sequence[str], where: str, columns: Sequence[str | None]) -> pl.DataFrame:
    """The runs that pass, of those named where some are."""
    catalog = workspace.catalog
    condition = parse(where, known_columns(catalog) if len(catalog) else ())
    frame = select(workspace, [name for name in columns if name is not None], condition)
    if not texts:
        return frame
    named = [run_named(catalog, text) for text in texts]
    keys = pl.DataFrame(named, schema={"source": pl.String, "run_id": pl.String}, orient="row")
    return frame.join(keys, on=["source", "run_id"], how="semi", maintain_order="left")


def _called(column: str) -> str:
    """A metric as the charts of curves call it: by its key, unless it is an aggregate."""
    return printable(column.removeprefix("metrics."))


def _told(measured: Measured, wish: FigureWish, metric: str, against: str | None) -> pl.DataFrame:
    """The numbers that a figure shows."""
    frame = measured.frame
    if wish.kind == "box":
        told = _boxes_told(frame)
    elif wish.kind == "histogram":
        told = _bins_told(frame, wish)
    elif kind_of(against or "") == "time":
        told = frame.select("run_id", (pl.col("x") * 1e6).round().cast(pl.Int64).cast(TIME), "value")
    else:
        told = frame.select("run_id", "x", "value")
    names = told.columns
    place = names.index("run_id") + 1 if "run_id" in names else 0  # as in the CSV of curves
    return told.insert_column(place, pl.Series("metric", [metric] * told.height, pl.String))


def _boxes_told(frame: pl.DataFrame) -> pl.DataFrame:
    categories, groups, _ = _groups(frame, frame.height)
    boxes = [box_of(group.to_numpy()) for group in groups]
    return pl.DataFrame(
        [
            pl.Series("category", categories, frame.schema.get("x", pl.String)),
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


def _groups(frame: pl.DataFrame, most: int) -> tuple[Sequence[float | str | None], list[pl.Series], str]:
    """The values of a metric by category, one group of all where there are none; and what a title says of others."""
    if "x" not in frame.columns:
        return [None], [frame["value"]], ""
    found = by_category(frame, most)
    groups = [found.frame.filter(pl.col("place") == place)["value"] for place in range(len(found.values))]
    return found.values, groups, _others(found.others, found.runs)


def _others(others: int, runs: int) -> str:
    return f"{others:,} rarer value{'s' * (others > 1)} of {_count(runs)} not shown" if others else ""


def _count(runs: int) -> str:
    return f"{runs:,} run{'' if runs == 1 else 's'}"


def _labels(values: Sequence[float | str | None]) -> list[str]:
    numbers = [value for value in values if isinstance(value, float)]
    return texts_apart(numbers) if numbers else ["all" if value is None else str(value) for value in values]


def _figure(measured: Measured, wish: FigureWish, column: str, against: str | None, output: Output) -> Iterator[str]:
    width = wish.width or max(output.width or WIDTH, MIN_WIDTH)
    glyphs = glyphs_for(os.environ if output.width is not None else {}, output.encoding)
    colour = colours_for(os.environ)[0] if output.colour else "#a0a0a0"
    axis = _AXIS_KINDS.get(kind_of(against), "number") if against else "number"
    look = Look(width, wish.height, glyphs, colour, wish.log_x, wish.log_y, axis)
    lines, remark = _drawing(measured, wish.kind, look, against) if measured.frame.height else ([], "")
    said = [
        {"scatter": f"against {against}", "box": f"by {against}" if against else "", "histogram": ""}[wish.kind],
        *(f"{count:,} {reason}" for reason, count in measured.left_out.items()),
        remark,
        _count(measured.frame.height),
        "log x" * wish.log_x,
        "log y" * wish.log_y,
    ]
    text = printable("  " + " · ".join(part for part in said if part))
    title = [Segment(clip(_called(column), width), Style(bold=True)), Segment(text)]
    for line in (cut_title(title, width), *lines):
        yield line_text(line, output.colour)


def _drawing(measured: Measured, kind: str, look: Look, against: str | None) -> tuple[Lines, str]:
    """The figure, and what its title should say of it."""
    frame = measured.frame
    values = frame["value"].to_numpy()
    if kind == "histogram":
        return draw_histogram(histogram_of(values, most_bins(look.width), log=look.log_x), look), ""
    words = frame.schema.get("x") == pl.String
    if kind == "scatter" and not words:
        return draw_scatter(frame["x"].to_numpy(), values, look), ""
    if words and look.log_x:
        raise UsageError(f"{printable(against or '')} is words, and has no logarithm.", "Leave --log-x out.")
    most = most_categories(look.width)
    if kind == "scatter":
        found = by_category(frame, most)
        places = found.frame["place"].cast(pl.Float64).to_numpy()
        lines = draw_scatter(places, found.frame["value"].to_numpy(), look, _labels(found.values))
        return lines, _others(found.others, found.runs)
    if against is not None and not words and (different := frame["x"].n_unique()) > most:
        raise UsageError(
            f"{printable(against)} has {different:,} different numbers; there is room for {most} boxes.",
            "--kind scatter shows them all.",
        )
    categories, groups, remark = _groups(frame, most)
    return draw_boxes([box_of(group.to_numpy()) for group in groups], _labels(categories), look), remark
