"""`tui-runs ls`: the runs table."""

from __future__ import annotations

import polars as pl

from tui_runs.export.csv_rows import csv_text
from tui_runs.export.json_text import json_array, json_lines
from tui_runs.export.text_table import lay_out, table_lines
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, open_output
from tui_runs.headless.run_table import candidates, default_columns, table_columns
from tui_runs.headless.runs import (
    every_column,
    flat_objects,
    parse_columns,
    parse_sorting,
    run_objects,
    select_runs,
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
        where: words that must all occur in a run.
        sort: a column, with `:asc` or `:desc`.
        columns: names separated by commas; None for those of the format.
        limit: so many runs at most.
        format_name: one of `RUNS_FORMATS`.
        path: a file to write to instead of stdout.

    Raises:
        TuiRunsError: a store cannot be read, a column does not exist, or the file cannot be written.
    """
    with stores.read() as workspace:
        catalog = workspace.catalog
        sorting = parse_sorting(catalog, sort)
        chosen = parse_columns(catalog, columns) if columns is not None else None
        with open_output(path) as output:
            if format_name == "table":
                names = chosen or candidates(catalog)
                frame = select_runs(workspace, names, where=where, sorting=sorting, limit=limit)
                if frame.is_empty():
                    say("No runs." if not len(catalog) else f"None of {len(catalog):,} runs fits.")
                else:
                    _print_table(frame, dict.fromkeys(chosen, 0) if chosen else default_columns(frame), output)
                return
            names = chosen or every_column(catalog)
            frame = select_runs(workspace, names, where=where, sorting=sorting, limit=limit).select(names)
            if format_name == "csv":
                output.write([csv_text(frame)])
                return
            objects = flat_objects(frame) if chosen else run_objects(frame)
            output.write(json_array(objects) if format_name == "json" else json_lines(objects))


def _print_table(frame: pl.DataFrame, ranks: dict[str, int], output: Output) -> None:
    layout = lay_out(table_columns(frame, ranks, in_full=output.width is None), output.width)
    output.write_lines(table_lines(layout, cut=output.width is not None, colour=output.colour))
    missing = layout.left_out
    if missing:
        which = ", ".join(missing) if len(missing) <= 8 else f"{len(missing)} columns"
        say(f"… Not shown: {which}. --columns chooses, --format json has everything.")
