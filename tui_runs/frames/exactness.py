"""Extremes of metrics whose source does not know them without reading the whole history."""

from __future__ import annotations

from typing import Final

import polars as pl

from tui_runs.adapter import RunBatch
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, conform, empty

_EXTREMES: Final = ("min", "min_step", "max", "max_step", "count")


def make_exact(workspace: Workspace, run: RunKey) -> None:
    """Read every history of a run that nobody has read whole yet, and note minimum, maximum and number of points.

    The last values stay as the source says them. Reads in this thread: for commands without a screen.

    Raises:
        SourceLostError: the source went away meanwhile.
    """
    inexact = workspace.catalog.metrics_of(run).filter(~pl.col("exact"))
    series = [SeriesKey(*run, key) for key in inexact["key"]]
    workspace.read_history(series)
    rows = [_extremes(workspace.histories.points(one)) for one in series]
    found = pl.DataFrame(rows, schema={name: METRICS[name] for name in _EXTREMES}, orient="row")
    metrics = (
        inexact.drop(_EXTREMES)
        .hstack(found)
        .with_columns(pl.lit(run.run_id).alias("run_id"), pl.lit(value=True).alias("exact"))
    )
    batch = RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), conform(metrics, METRICS))
    workspace.apply_batch(run.source, batch)


def _extremes(points: pl.DataFrame) -> tuple[float | None, int | None, float | None, int | None, int]:
    """Of the first point that has them; NaN is an extreme only where there is nothing else."""
    numbers = points.filter(pl.col("value").is_not_nan())
    among = numbers if numbers.height else points
    low, high = among["value"].arg_min(), among["value"].arg_max()
    if low is None or high is None:
        return None, None, None, None, points.height
    (lowest, low_step), (highest, high_step) = (among.select("value", "step").row(row) for row in (low, high))
    return lowest, low_step, highest, high_step, points.height
