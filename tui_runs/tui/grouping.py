"""The runs table with groups: a row for each, and below those that are opened the rows of their runs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

import polars as pl

from tui_runs.analysis.columns import split_aggregate
from tui_runs.analysis.groups import COUNT, MEMBERS, group_runs
from tui_runs.analysis.nesting import BRANCH
from tui_runs.analysis.ordering import sort_runs
from tui_runs.conditions import Order
from tui_runs.display import printable
from tui_runs.frames.catalog import Column, RunKey

CLOSED, OPEN = "▸ ", "▾ "
_NO_COLUMNS: Final = ("source", "run_id", "name", "parent_id", BRANCH)
"""Columns of which a group has none of its own."""
_TIMES: Final = {"updated": "max", "ended": "max", "started": "min", "expected_end": "max"}
"""Of times a group has the last or the first."""
_FEW: Final = 2
"""Columns whose values make up a group's name."""
_LONGEST: Final = 24
"""Characters of one value in a group's name."""


def group_table(
    frame: pl.DataFrame, by: Sequence[str], opened: Collection[str], order: Sequence[Order]
) -> pl.DataFrame:
    """Rows of groups, each followed by its runs where it is opened.

    Args:
        frame: single runs, sorted: within a group they stay in this order.
        by: the columns that make the groups.
        opened: the ids of the groups whose runs are shown.
        order: sorts the groups by their means; those that are equal, and all by anything else, come in the order of
            their first runs.

    Returns:
        The columns of `frame`; for groups `source` is "" and `run_id` the group's id, and there are the columns that
        `tui_runs.analysis.groups.group_runs` gives, which are null in the rows of runs.
    """
    columns = [name for name in frame.columns if name not in _NO_COLUMNS]
    groups = group_runs(frame.select(columns), by)
    times = [name for name in _TIMES if name in columns and name not in by]
    latest = pl.DataFrame({MEMBERS: groups[MEMBERS]}).with_row_index("at").explode(MEMBERS)
    held = latest.with_columns(frame[name].gather(latest[MEMBERS]) for name in times)
    spans = held.group_by("at", maintain_order=True).agg(getattr(pl.col(name), _TIMES[name])() for name in times)
    ids = [json.dumps([str(value) for value in row]) for row in groups.select(by).iter_rows()]
    if len(by) > _FEW:  # their values stand in the columns; the first run's name is easier to find again
        names = frame["name"].gather(groups[MEMBERS].list.first()).to_list()
    else:
        names = [_name(by, row) for row in groups.select(by).iter_rows()]
    signs = [OPEN if one in opened else CLOSED for one in ids]
    groups = groups.with_columns(
        *(spans[name] for name in times),
        pl.lit("").alias("source"),
        pl.Series("run_id", ids, dtype=pl.String),
        pl.Series("name", names, dtype=pl.String),
        pl.Series(BRANCH, signs, dtype=pl.String),
    )
    for one in reversed(order):
        if one.column in groups.columns and groups.schema[one.column].is_numeric():
            groups = sort_runs(groups, one.column, descending=one.descending)
    places: list[int] = []
    rows: list[int] = []
    for at, (group, members) in enumerate(groups.select("run_id", MEMBERS).iter_rows()):
        places.append(at)
        if group in opened:
            places += range(groups.height + len(rows), groups.height + len(rows) + len(members))
            rows += members
    runs = frame[rows].with_columns(pl.lit("  ").alias(BRANCH))
    return pl.concat([groups.drop(MEMBERS), runs], how="diagonal_relaxed")[places]


def _name(by: Sequence[str], values: Sequence[object]) -> str:
    parts = []
    for column, value in zip(by, values, strict=True):
        key = Column.of(split_aggregate(column)[1]).key
        text = "—" if value is None else '""' if value == "" else printable(str(value))
        parts.append(f"{printable(key)} {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}")
    return " · ".join(parts) or "all runs"


def members_of(frame: pl.DataFrame, by: Sequence[str], group: str) -> list[RunKey]:
    """The runs of a group, by its id, in their order.

    Args:
        frame: single runs, with `source`, `run_id` and the columns that make the groups.
        by: those columns.
        group: its id.
    """
    groups = group_runs(frame.select(dict.fromkeys([*by, "run_id"]).keys()), by)
    for row, members in zip(groups.select(by).iter_rows(), groups[MEMBERS], strict=True):
        if json.dumps([str(value) for value in row]) == group:
            return [RunKey(*key) for key in frame.select("source", "run_id")[members].iter_rows()]
    return []


__all__ = ["COUNT", "group_table", "members_of"]
