"""Groups of runs as a table for people, and in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tui_runs.analysis.direction import best_places, direction_of
from tui_runs.analysis.groups import COUNT, mean_and_deviation, several, statistic
from tui_runs.analysis.ordering import sort_runs
from tui_runs.conditions import Order
from tui_runs.display import printable
from tui_runs.export.text_table import Style, TextColumn
from tui_runs.frames.catalog import Column
from tui_runs.headless.run_table import table_columns

_METRICS: Final = 5
_KEPT: Final = 6
"""Columns to group by that are never left out; of more than these the last ones go first where room is short."""
SEVERAL: Final = "(several)"
"""Stands for what the runs of a group do not agree on."""


def sorted_groups(groups: pl.DataFrame, orders: Sequence[Order]) -> pl.DataFrame:
    """Groups in order: by what all runs of each have in common, and by the mean of numbers.

    Args:
        groups: as `group_runs` gave them, of runs that are in this order.
        orders: the first decides. By a column that only the single runs have, groups stand in the order of their
            first runs.
    """
    for order in reversed(orders):
        if order.column in groups.columns and several(order.column) not in groups.columns:
            groups = sort_runs(groups, order.column, descending=order.descending)
    return groups


def group_columns(groups: pl.DataFrame, by: Sequence[str], chosen: Sequence[str] | None) -> list[TextColumn]:
    """The cells of a table of groups: what they are grouped by, how many runs they have, and numbers as mean ± std.

    Where some of the runs lack a number, or have one that is not finite, it says of how many it is.

    Args:
        groups: as `group_runs` gave them.
        by: the columns that they are grouped by.
        chosen: further columns; None for the metrics of most interest.
    """
    if chosen is None:
        metrics = [
            name for name in groups.columns if name.startswith("metrics.") and statistic(name, "n") in groups.columns
        ]
        chosen = [name for name in metrics if groups[name].null_count() < groups.height][:_METRICS]
    ranks = {name: 0 if len(by) <= _KEPT else _KEPT + place for place, name in enumerate(by)}
    columns = table_columns(groups, ranks, in_full=False)
    columns.append(TextColumn("runs", [str(count) for count in groups[COUNT]], right=True))
    for rank, name in enumerate((name for name in chosen if name not in by), 1):
        columns.append(
            _numbers(groups, name, rank) if statistic(name, "n") in groups.columns else _common(groups, name, rank)
        )
    return columns


def _numbers(groups: pl.DataFrame, name: str, rank: int) -> TextColumn:
    kind, key = Column.of(name)
    cells = []
    for row in groups.select(COUNT, name, statistic(name, "std"), statistic(name, "n")).iter_rows(named=True):
        count = row[statistic(name, "n")]
        of_some = f" (of {count})" if 0 < count < row[COUNT] else ""
        cells.append(mean_and_deviation(row, name) + of_some)
    best = best_places(groups[name].to_list(), direction_of(key) if kind == "metrics" else None)
    styles: list[Style] = ["strong" if at in best else "" for at in range(groups.height)]
    return TextColumn(printable(key), cells, True, styles, rank, cap=24)


def _common(groups: pl.DataFrame, name: str, rank: int) -> TextColumn:
    (column,) = table_columns(groups, {name: rank}, in_full=False)
    different = groups[several(name)].to_list()
    cells = [SEVERAL if differ else cell for cell, differ in zip(column.cells, different, strict=True)]
    styles: list[Style] = ["muted" if differ else "" for differ in different]
    return TextColumn(column.title, cells, column.right, styles, rank, column.cap, column.least)
