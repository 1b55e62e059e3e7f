"""Runs as rows and as JSON objects: the columns of the catalog, and those that are worked out from them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from tui_runs.analysis.ordering import sort_runs
from tui_runs.errors import UnknownRunError, UsageError
from tui_runs.export.values import JsonValue, json_value
from tui_runs.frames.catalog import Catalog, Column, RunKey
from tui_runs.frames.lookup import KINDS, find_column, find_run
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.sorting import Sorting, split_sorting
from tui_runs.schema import RUNS

DERIVED: Final = ("adapter", "duration_s", "age_s")
"""adapter: what reads it. duration_s: until it ended, or until now while it is running. age_s: since it said
something last."""

_ALSO: Final = {"duration": "duration_s", "took": "duration_s", "age": "age_s"}


def column_named(catalog: Catalog, text: str) -> str:
    """The column that a text names, those of `DERIVED` among them. See `find_column` for what it raises."""
    return _ALSO[text] if text in _ALSO else find_column(catalog, text, DERIVED)


def parse_columns(catalog: Catalog, text: str) -> list[str]:
    """The columns that a list separated by commas names; a name with a comma stands in double quotes.

    Raises:
        UsageError: one of them does not exist, or the list is empty.
    """
    names = [name.strip() for name in next(csv.reader([text], skipinitialspace=True), [])]
    columns = [column_named(catalog, name) for name in dict.fromkeys(names) if name]
    if not columns:
        raise UsageError("--columns names no column.", "For instance: --columns name,status,params.lr")
    return list(dict.fromkeys(columns))


def parse_sorting(catalog: Catalog, text: str) -> Sorting:
    """The order that `--sort` asks for.

    Raises:
        UsageError: there is no such column.
    """
    name, descending = split_sorting(text)
    return Sorting(column_named(catalog, name), descending)


def every_column(catalog: Catalog) -> list[str]:
    """The name of every column but `age_s`, which no two readings agree on."""
    return [*RUNS, *DERIVED[:2], *(f"{kind}.{key}" for kind in KINDS for key in catalog.keys(kind))]


def select_runs(
    workspace: Workspace, columns: Sequence[str], *, where: str = "", sorting: Sorting, limit: int | None = None
) -> pl.DataFrame:
    """The runs that are asked for, in order: `source`, `run_id` and these columns.

    Args:
        workspace: with all runs read.
        columns: names of columns, derived ones too.
        where: words, each of which must occur in the run's name, id, experiment, tags, params or notes.
        sorting: the order; what is missing comes last.
        limit: so many at most.
    """
    frame = _wide(workspace, [*columns, sorting.column])
    for word in where.split():
        fitting = workspace.catalog.containing(word)
        frame = frame.join(fitting, on=["source", "run_id"], how="semi", maintain_order="left")
    frame = sort_runs(frame, sorting.column, descending=sorting.descending)
    return frame.head(limit) if limit is not None else frame


def _wide(workspace: Workspace, columns: Sequence[str]) -> pl.DataFrame:
    names = list(dict.fromkeys(["source", "run_id", *columns]))
    stored = [name for name in names if name not in DERIVED]
    if stored == names:
        return workspace.catalog.wide(names)
    frame = workspace.catalog.wide([*stored, "status", "started", "ended", "updated"])
    adapters = {name: opened.adapter for name, opened in workspace.sources.items()}
    now = pl.lit(workspace.now()).cast(RUNS["started"])
    until = pl.coalesce("ended", pl.when(pl.col("status") == "running").then(now))
    return frame.with_columns(
        pl.col("source").replace_strict(adapters, default=None, return_dtype=pl.String).alias("adapter"),
        ((until - pl.col("started")).dt.total_microseconds() / 1e6).round(3).alias("duration_s"),
        ((now - pl.col("updated")).dt.total_microseconds() / 1e6).round(3).alias("age_s"),
    ).select(names)


def run_objects(frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Every run as a JSON object, with its params, metrics and tags as objects of those that it has.

    Args:
        frame: as `select_runs` gives it for `every_column`.
    """
    places = [Column.of(name) for name in frame.columns]
    for row in frame.iter_rows():
        facts: dict[str, object] = {}
        nested: dict[str, dict[str, JsonValue]] = {kind: {} for kind in KINDS}
        for (kind, key), value in zip(places, row, strict=True):
            if kind == "run":
                facts[key] = json_value(value)
            elif value is not None:
                nested[kind][key] = json_value(value)
        yield {**facts, **nested}


def flat_objects(frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Every row as a JSON object of its columns, by their full names."""
    for row in frame.iter_rows(named=True):
        yield {name: json_value(value) for name, value in row.items()}


def run_named(catalog: Catalog, text: str) -> RunKey:
    """The run that an argument names; says so where a path stands in its place. Raises what `find_run` raises."""
    try:
        return find_run(catalog, text)
    except UnknownRunError as error:
        if os.path.exists(text):
            raise UnknownRunError(error.message, f"{error.remedy} A path is given as -s {text}".strip()) from None
        raise
