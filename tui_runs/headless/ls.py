"""`tui-runs ls`: the runs table."""

from __future__ import annotations

import polars as pl

from tui_runs.analysis.query import parse
from tui_runs.conditions import Wanted
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.json_text import json_array, json_lines
from tui_runs.export.text_table import lay_out, table_lines
from tui_runs.frames.catalog import Catalog
from tui_runs.frames.selection import known_columns, select
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.run_table import candidates, default_columns, table_columns
from tui_runs.headless.runs import (
    every_column,
    flat_objects,
    parse_columns,
    parse_order,
    run_objects,
)
from tui_runs.headless.stores import Stores


def list_runs(
    stores: Stores,
    *,
    where: str,
    sort: str,
    columns: str | None,
    limit: int | None,
    format_name: str,
    path: str | None,
) -> None:
    """Print runs.

    Args:
        stores: whose runs.
        where: a filter; see `tui_runs.analysis.query`.
        sort: a column, with `:asc` or `:desc`.
        columns: names separated by commas; None for those of the format.
        limit: so many runs at most.
        format_name: one of `RUNS_FORMATS`.
        path: a file to write to instead of stdout.

    Raises:
        TuiRunsError: a store cannot be read, a column does not exist, or the file cannot be written.
    """
    wanted = _wanted(where, sort, limit)
    with stores.read(wanted, lambda workspace: _fits(workspace.catalog, where, sort, columns)) as workspace:
        catalog = workspace.catalog
        order = parse_order(catalog, sort)
        condition = parse(where, known_columns(catalog) if len(catalog) else ())
        chosen = parse_columns(catalog, columns) if columns is not None else None
        table = format_name == "table"
        names = chosen or (candidates(catalog) if table else every_column(catalog))
        frame = select(workspace, names, condition, [order])
        frame = frame if limit is None else frame.head(limit)
        with open_output(path) as output:
            if table:
                if frame.is_empty():
                    say("No runs." if not len(catalog) else f"None of {len(catalog):,} runs fits.")
                else:
                    _print_table(frame, dict.fromkeys(chosen, 0) if chosen else default_columns(frame), output)
                return
            frame = frame.select(names)
            if format_name == "csv":
                output.write([csv_text(frame)])
                return
            objects = flat_objects(frame) if chosen else run_objects(frame)
            output.write(json_array(objects) if format_name == "json" else json_lines(objects))


def _wanted(where: str, sort: str, limit: int | None) -> Wanted | None:
    """What a source is asked for before its columns are known; None where nothing is to be narrowed down."""
    if not where.strip() and limit is None:
        return None
    try:
        # While no columns are known a key that stands alone is not understood.
        return Wanted(parse(where), [parse_order(Catalog(), sort)], limit)
    except UsageError:
        return None


def _fits(catalog: Catalog, where: str, sort: str, columns: str | None) -> bool:
    """Whether the runs that a source chose are enough to understand the command by: all its columns are there."""
    try:
        parse_order(catalog, sort)
        parse(where, known_columns(catalog))
        if columns is not None:
            parse_columns(catalog, columns)
    except UsageError:
        return False
    return len(catalog) > 0


def _print_table(frame: pl.DataFrame, ranks: dict[str, int], output: Output) -> None:
    layout = lay_out(table_columns(frame, ranks, in_full=output.width is None), output.width)
    output.write_lines(table_lines(layout, cut=output.width is not None, colour=output.colour))
    missing = layout.left_out
    if missing:
        which = ", ".join(missing) if len(missing) <= 8 else f"{len(missing)} columns"
        say(f"… Not shown: {which}. --columns chooses, --format json has everything.")
