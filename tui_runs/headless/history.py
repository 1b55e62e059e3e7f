"""`tui-runs history`: the points of some runs, written while they are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import Final

import polars as pl

from tui_runs.display import MISSING, moment, number, printable
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.json_rows import rows_as_json
from tui_runs.export.json_text import json_array, json_lines
from tui_runs.export.text_table import TextColumn, lay_out, table_lines
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.runs import run_named
from tui_runs.headless.stores import Stores
from tui_runs.schema import HISTORY

_POINTS: Final = {"run_id": "run_id", "metric": "key", "step": "step", "time": "time", "value": "value"}
"""The columns that are written, and what HISTORY calls them."""
_RUNS_AT_ONCE: Final = 400
"""A source answers with a budget's worth at a time; it need not carry the cursors of all runs from call to call."""


def write_history(
    stores: Stores, texts: Sequence[str], metrics: Sequence[str], format_name: str, path: str | None
) -> None:
    """Write points; never more of them in memory than a source gives at once.

    Args:
        stores: where the runs are looked for.
        texts: runs, as `find_run` takes them; none means every run.
        metrics: their names; none means all of these runs.
        format_name: one of `HISTORY_FORMATS`.
        path: a file to write to instead of stdout.

    Raises:
        UnknownRunError: one of the texts fits no run, or several.
        UsageError: no run at all has one of the metrics, or the file cannot be written.
        TuiRunsError: a store cannot be read.
    """
    with stores.read() as workspace:
        catalog = workspace.catalog
        keys = [metric_named(catalog, metric) for metric in metrics] or None
        if texts:
            runs = list(dict.fromkeys(run_named(catalog, text) for text in texts))
        else:
            runs = [RunKey(*row) for row in catalog.runs.select("source", "run_id").iter_rows()]
        with open_output(path) as output:
            _WRITERS[format_name](_frames(workspace, runs, keys), output)


def metric_named(catalog: Catalog, text: str) -> str:
    """The metric that a text names.

    Raises:
        UsageError: no run has it.
    """
    known = catalog.keys("metrics")
    for key in (text, text.removeprefix("metrics.")):
        if key in known or not known:
            return key
    near = get_close_matches(text, known, 1)
    remedy = f"Did you mean {printable(near[0])!r}?" if near else f"There are {', '.join(map(printable, known[:8]))}."
    raise UsageError(f"No run has the metric {printable(text)!r}.", remedy)


def _frames(workspace: Workspace, runs: Sequence[RunKey], metrics: Sequence[str] | None) -> Iterator[pl.DataFrame]:
    """Points as they come: by run in the order asked for, by metric, and by metric in the order written."""
    for name, opened in workspace.sources.items():
        run_ids = [run.run_id for run in runs if run.source == name]
        for first in range(0, len(run_ids), _RUNS_AT_ONCE):
            some = run_ids[first : first + _RUNS_AT_ONCE]
            place = pl.col("run_id").replace_strict(some, range(len(some)), return_dtype=pl.UInt32)
            cursor, complete = None, False
            while not complete:
                history = opened.source.history(some, metrics, cursor)
                cursor, complete = history.cursor, history.complete
                if history.restarted:
                    which = ", ".join(f"{run_id} {key}" for run_id, key in sorted(history.restarted))
                    say(f"Rewritten while it was read, so that points may be there twice: {which}")
                if not history.frame.is_empty():
                    points = history.frame.sort(place, "key", maintain_order=True)
                    yield points.select(pl.col(key).alias(column) for column, key in _POINTS.items())


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={column: HISTORY[key] for column, key in _POINTS.items()})


def _write_csv(frames: Iterable[pl.DataFrame], output: Output) -> None:
    output.write(chain([csv_text(_nothing())], (csv_text(frame, header=False) for frame in frames)))


def _write_jsonl(frames: Iterable[pl.DataFrame], output: Output) -> None:
    output.write(json_lines(row for frame in frames for row in rows_as_json(frame)))


def _write_json(frames: Iterable[pl.DataFrame], output: Output) -> None:
    output.write(json_array(row for frame in frames for row in rows_as_json(frame)))


def _write_table(frames: Iterable[pl.DataFrame], output: Output) -> None:
    """Tables one below the other, under one header; columns widen where a later one needs it."""
    header = True
    for frame in frames:
        columns = [
            TextColumn("run_id", [printable(run_id) for run_id in frame["run_id"]], least=8),
            TextColumn("metric", [printable(metric) for metric in frame["metric"]], least=10),
            TextColumn("step", [MISSING if step is None else str(step) for step in frame["step"]], right=True),
            TextColumn("time", [moment(time) for time in frame["time"]]),
            TextColumn("value", [_in_full(value) for value in frame["value"]], right=True),
        ]
        layout = lay_out(columns, output.width)
        output.write_lines(table_lines(layout, cut=output.width is not None, colour=output.colour, header=header))
        header = False
    if header:
        say("No points.")


def _in_full(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return number(value)
    return repr(value)


_WRITERS: Final = {"table": _write_table, "csv": _write_csv, "jsonl": _write_jsonl, "json": _write_json}
