"""What the user chose to see of the runs: filter, sort and columns; and the frame that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from tui_runs.analysis.nesting import BRANCH, nest
from tui_runs.conditions import Condition, Order
from tui_runs.frames.selection import select
from tui_runs.frames.workspace import Workspace

NEWEST_FIRST: Final = ("started", True)
NOT_IN_CATALOG: Final = ("trend", "took")
"""Columns of the table that are made of others."""
_NEEDED: Final = ("name", "status", "started", "ended", "updated", "parent_id")
"""Columns that other cells are made of, whether shown or not."""


@dataclass(frozen=True, slots=True)
class RunsView:
    """The user's choice.

    Args:
        where: the filter as it is typed.
        sort: column and whether it is descending.
        columns: names in order; empty for the default ones.
        nested: runs stand below the run that made them.
    """

    where: str = ""
    sort: tuple[str, bool] = NEWEST_FIRST
    columns: tuple[str, ...] = ()
    nested: bool = True

    def frame(self, workspace: Workspace, columns: Sequence[str], condition: Condition) -> pl.DataFrame:
        """The rows to show, sorted and filtered, with these columns and those that their cells need.

        Args:
            workspace: what is known of the runs.
            columns: names of columns of the table.
            condition: what the filter means.
        """
        column, descending = self.sort
        order = [Order("duration_s" if column == "took" else column, descending)]
        wanted = [name for name in dict.fromkeys([*_NEEDED, *columns]) if name not in NOT_IN_CATALOG]
        frame = select(workspace, wanted, condition, order)
        return nest(frame) if self.nested else frame.with_columns(pl.lit("").alias(BRANCH))

    def sorted_by(self, column: str) -> RunsView:
        """The view after the user asked for a column: ascending, then descending, then newest first again.

        Who sorts looks for the first of all runs, wherever it was started from, so the sorted table is one list.
        """
        first = column in ("started", "updated", "ended")
        if self.sort[0] != column:
            return replace(self, sort=(column, first), nested=False)
        if self.sort[1] == first:
            return replace(self, sort=(column, not first))
        return self.newest_first()

    def newest_first(self) -> RunsView:
        """The view as it is at the beginning."""
        return replace(self, sort=NEWEST_FIRST, nested=True)
