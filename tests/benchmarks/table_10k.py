"""The runs table at 10,000 runs x 100 columns: sort, filter, group, paint: `python -m tests.benchmarks.table_10k`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from tests.benchmarks.compare import line
from tests.benchmarks.table import Row, Took, markdown
from tui_runs.adapter import Change, Focus, History, RunBatch
from tui_runs.analysis.query import parse
from tui_runs.conditions import All, Order
from tui_runs.frames.selection import known_columns
from tui_runs.frames.workspace import OpenSource, Workspace
from tui_runs.schema import HISTORY, METRICS, PARAMS, RUNS, TAGS, conform, empty
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.runs_view import RunsView

RUNS_COUNT: Final = 10_000
PARAM_COUNT, METRIC_COUNT = 50, 50


def batch() -> RunBatch:
    """So many runs, with params of which some are numbers and some words."""
    random = np.random.default_rng(5)
    ids = pl.Series("run_id", [f"{number:032x}" for number in range(RUNS_COUNT)])
    times = pl.Series("started", np.arange(RUNS_COUNT) * 1_000_000 + 1_700_000_000_000_000).cast(
        pl.Datetime("us", "UTC")
    )
    runs = pl.DataFrame([ids, ids.alias("name"), times, times.alias("updated")]).with_columns(status=pl.lit("finished"))
    params = [
        pl.DataFrame([ids]).with_columns(
            key=pl.lit(f"param{at:02d}"), value=pl.Series(random.integers(0, 4 + at, RUNS_COUNT)).cast(pl.String)
        )
        for at in range(PARAM_COUNT)
    ]
    metrics = [
        pl.DataFrame([ids]).with_columns(key=pl.lit(f"loss{at:02d}"), last=pl.Series(random.random(RUNS_COUNT)))
        for at in range(METRIC_COUNT)
    ]
    return RunBatch(
        conform(runs, RUNS), conform(pl.concat(params), PARAMS), empty(TAGS), conform(pl.concat(metrics), METRICS)
    )


class Held:
    """A source that has its runs at hand."""

    uri, kind = "held", "runs made up here"

    def __init__(self) -> None:
        self._batch = batch()

    def scan(self):
        """The runs."""
        yield self._batch

    def history(self, run_ids, metrics=None, cursor=None):
        """No points."""
        return History(empty(HISTORY), dict(cursor or {}), complete=True)

    def follow(self, focus: Focus):
        """Nothing happens."""
        yield Change()

    def close(self) -> None:
        """Nothing to close."""


def opened() -> Workspace:
    """A workspace over it, with nothing read."""
    workspace = Workspace()
    workspace.sources["held"] = OpenSource("held", "held", Held())
    return workspace


async def app_rows() -> list[Row]:
    """What the app needs to make the table. `tests.benchmarks.app` times keys, in a real terminal."""
    app = TuiRunsApp(opened())
    async with app.run_test(size=(160, 45)) as pilot:
        while not app.settled:
            await pilot.pause(0.01)
        main = app.main
        assert main is not None
        cpu, wall = time.process_time(), time.perf_counter()
        main._columns_seen = None
        main._update_table()
        await pilot.pause()
        first = Took(time.perf_counter() - wall, time.process_time() - cpu)
    return [Row("the table made and painted anew", str(first), wanted="< 100 ms of CPU", reached=first.cpu < 0.1)]


def frame_rows() -> list[Row]:
    """Sorting, filtering and grouping of the frame that the table shows."""
    workspace = opened()
    workspace.read_all()
    columns = ["name", "status"]
    columns += [f"metrics.loss{at:02d}" for at in range(METRIC_COUNT)] + [
        f"params.param{at:02d}" for at in range(PARAM_COUNT)
    ]
    known = known_columns(workspace.catalog)
    where = parse("metrics.loss03 < 0.5 and params.param07 in ('1', '2') and not name like '%f'", known)

    def view(condition=All(()), **choice) -> Callable[[], object]:  # noqa: B008  immutable
        return lambda: RunsView(**choice).frame(workspace, columns, condition)

    by_metric = {"sort": (Order("metrics.loss01"),), "nested": False}
    two = {"sort": (Order("params.param03"), Order("metrics.loss01", descending=True)), "nested": False}
    return [
        line("sort by a metric", view(**by_metric), 0.05),
        line("sort by a param and a metric", view(**two), 0.05),
        line("filter by three conditions, and sort", view(where, **by_metric), 0.05),
        line("groups by one param, sorted by their means", view(**by_metric, group_by=("params.param03",)), 0.05),
        line("groups by two params (30)", view(**by_metric, group_by=("params.param01", "params.param02")), 0.05),
    ]


if __name__ == "__main__":
    print(f"{RUNS_COUNT:,} runs x {PARAM_COUNT + METRIC_COUNT} columns\n")
    print(markdown([*frame_rows(), *asyncio.run(app_rows())]))
