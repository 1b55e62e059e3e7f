"""Runs as rows and as JSON objects: the columns of the catalog, and those that are worked out from them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from tui_runs.conditions import Order
from tui_runs.display import printable
from tui_runs.errors import UnknownRunError, UsageError
from tui_runs.export.values import JsonValue, json_value
from tui_runs.frames.catalog import Catalog, Column, RunKey
from tui_runs.frames.lookup import KINDS, find_run
from tui_runs.frames.selection import column_named
from tui_runs.headless.sorting import split_names, split_orders
from tui_runs.schema import RUNS

_ID: Final = 8
"""Characters of a run's id that are shown where names do not tell runs apart."""


def parse_columns(catalog: Catalog, text: str, flag: str = "--columns") -> list[str]:
    """The columns that a list separated by commas names; a name with a comma stands in double quotes.

    Args:
        catalog: which columns there are.
        text: the list.
        flag: what it was given to.

    Raises:
        UsageError: one of them does not exist, or the list is empty.
    """
    columns = [column_named(catalog, name) for name in split_names(text)]
    if not columns:
        raise UsageError(f"{flag} names no column.", f"For instance: {flag} name,status,params.lr")
    return list(dict.fromkeys(columns))


def parse_orders(catalog: Catalog, text: str) -> list[Order]:
    """The order that `--sort` asks for: the first decides, the others where runs are equal by it.

    Raises:
        UsageError: there is no such column.
    """
    return [Order(column_named(catalog, order.column), order.descending) for order in split_orders(text)]


def every_column(catalog: Catalog) -> list[str]:
    """The name of every column but those that no two readings agree on, such as `age_s`."""
    return [*RUNS, "adapter", "duration_s", *(f"{kind}.{key}" for kind in KINDS for key in catalog.keys(kind))]


def run_objects(frame: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Every run as a JSON object, with its params, metrics and tags as objects of those that it has.

    Args:
        frame: as `select` gives it for `every_column`.
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


def names_apart(catalog: Catalog, runs: Sequence[RunKey]) -> dict[RunKey, str]:
    """What to call some runs in print: names where they tell them apart, and else the beginnings of their ids too."""
    known = catalog.names(runs)
    names = [printable(known.get(run, run.run_id)) for run in runs]
    for more in ([run.run_id[:_ID] for run in runs], [run.run_id for run in runs], [run.source for run in runs]):
        counts = Counter(names)
        names = [
            f"{name} {printable(one)}" if counts[name] > 1 else name for name, one in zip(names, more, strict=True)
        ]
    return dict(zip(runs, names, strict=True))


def run_named(catalog: Catalog, text: str) -> RunKey:
    """The run that an argument names; says so where a path stands in its place. Raises what `find_run` raises."""
    try:
        return find_run(catalog, text)
    except UnknownRunError as error:
        if os.path.exists(text):
            raise UnknownRunError(error.message, f"{error.remedy} A path is given as -s {text}".strip()) from None
        raise
