"""`tui-runs ls`: the runs table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tui_runs.analysis.groups import MEMBERS, all_but, group_runs
from tui_runs.analysis.query import parse
from tui_runs.conditions import Wanted
from tui_runs.errors import UsageError
from tui_runs.export.csv_rows import csv_text
from tui_runs.export.html import HtmlTable
from tui_runs.export.json_text import json_array, json_lines
from tui_runs.export.parquet import parquet_bytes
from tui_runs.export.text_table import TextColumn, lay_out, table_lines
from tui_runs.frames.catalog import Catalog
from tui_runs.frames.selection import known_columns, select
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.documents import write_document
from tui_runs.headless.group_table import group_columns, sorted_groups
from tui_runs.headless.narration import say
from tui_runs.headless.output import DOCUMENT_FORMATS, Output, open_output
from tui_runs.headless.run_table import candidates, default_columns, table_columns
from tui_runs.headless.runs import (
    every_column,
    flat_objects,
    parse_columns,
    parse_orders,
    run_objects,
)
from tui_runs.headless.stores import Stores

ALL_BUT_SEED: Final = "all-but-seed"
"""Groups by every param in which the runs differ, but for seeds."""


def list_runs(
    stores: Stores,
    *,
    where: str,
    sort: str,
    columns: str | None,
    limit: int | None,
    format_name: str,
    path: str | None,
    group_by: str | None = None,
) -> None:
    """Print runs, or groups of them.

    Args:
        stores: whose runs.
        where: a filter; see `tui_runs.analysis.query`.
        sort: columns separated by commas, each with `:asc` or `:desc`.
        columns: names separated by commas; None for those of the format.
        limit: so many runs, or groups, at most.
        format_name: one of `RUNS_FORMATS`.
        path: a file to write to instead of stdout.
        group_by: names separated by commas, or ALL_BUT_SEED; None for the runs themselves.

    Raises:
        TuiRunsError: a store cannot be read, a column does not exist, or the file cannot be written.
    """
    wanted = _wanted(where, sort, limit if group_by is None else None)
    with stores.read(wanted, lambda workspace: _fits(workspace.catalog, where, sort, (columns, group_by))) as workspace:
        catalog = workspace.catalog
        orders = parse_orders(catalog, sort)
        condition = parse(where, known_columns(catalog) if len(catalog) else ())
        chosen = parse_columns(catalog, columns) if columns is not None else None
        for_people = format_name in ("table", *DOCUMENT_FORMATS)
        names = chosen or (candidates(catalog) if for_people else every_column(catalog))
        by: list[str] = []
        if group_by == ALL_BUT_SEED:
            by = [f"params.{key}" for key in catalog.keys("params")]
        elif group_by is not None:
            by = parse_columns(catalog, group_by, "--group-by")
        frame = select(workspace, [*names, *by], condition, orders)
        if group_by is not None:
            by = all_but(frame.select(by)) if group_by == ALL_BUT_SEED else by
            wide = list(dict.fromkeys([*by, *names, *(order.column for order in orders)]))
            frame = sorted_groups(group_runs(frame.select(wide), by), orders)
        frame = frame if limit is None else frame.head(limit)
        with open_output(path) as output:
            if for_people:
                if group_by is not None:
                    table = group_columns(frame, by, chosen)
                else:
                    ranks = dict.fromkeys(chosen, 0) if chosen else default_columns(frame)
                    in_full = format_name == "table" and output.width is None
                    table = table_columns(frame, ranks, in_full=in_full)
                _write_for_people(table, frame.height, workspace, output, format_name)
                return
            frame = frame.drop(MEMBERS) if group_by is not None else frame.select(names)
            if format_name == "csv":
                output.write([csv_text(frame)])
                return
            if format_name == "parquet":
                output.write_bytes(parquet_bytes(frame))
                return
            objects = flat_objects(frame) if chosen or group_by is not None else run_objects(frame)
            output.write(json_array(objects) if format_name == "json" else json_lines(objects))


def _wanted(where: str, sort: str, limit: int | None) -> Wanted | None:
    """What a source is asked for before its columns are known; None where nothing is to be narrowed down."""
    if not where.strip() and limit is None:
        return None
    try:
        # While no columns are known a key that stands alone is not understood.
        return Wanted(parse(where), parse_orders(Catalog(), sort), limit)
    except UsageError:
        return None


def _fits(catalog: Catalog, where: str, sort: str, columns: Sequence[str | None]) -> bool:
    """Whether the runs that a source chose are enough to understand the command by: all its columns are there."""
    try:
        parse_orders(catalog, sort)
        parse(where, known_columns(catalog))
        for text in columns:
            if text is not None and text != ALL_BUT_SEED:
                parse_columns(catalog, text)
    except UsageError:
        return False
    return len(catalog) > 0


def _write_for_people(
    columns: Sequence[TextColumn], rows: int, workspace: Workspace, output: Output, format_name: str
) -> None:
    if format_name in DOCUMENT_FORMATS:
        count = f"{rows:,} row{'' if rows == 1 else 's'}"
        subtitle = f"{count}, {workspace.now():%Y-%m-%d %H:%M} UTC"
        write_document(output, format_name, HtmlTable("Runs", columns), ", ".join(workspace.sources), subtitle)
    elif not rows:
        say(f"None of {len(workspace.catalog):,} runs fits." if len(workspace.catalog) else "No runs.")
    else:
        layout = lay_out(columns, output.width)
        output.write_lines(table_lines(layout, cut=output.width is not None, colour=output.colour))
        missing = layout.left_out
        if missing:
            which = ", ".join(missing) if len(missing) <= 8 else f"{len(missing)} columns"
            say(f"… Not shown: {which}. --columns chooses, --format json has everything.")
