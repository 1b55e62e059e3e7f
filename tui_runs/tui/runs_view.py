"""What the user chose to see of the runs: filter, sort and columns; and the frame that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tui_runs.analysis.ordering import sort_runs
from tui_runs.frames.catalog import Catalog

NEWEST_FIRST: Final = ("started", True)
NOT_IN_CATALOG: Final = ("trend", "took")
"""Columns of the table that are made of others."""
_NEEDED: Final = ("name", "status", "started", "ended", "updated")
"""Columns that other cells are made of, whether shown or not."""


@dataclass(frozen=True, slots=True)
class RunsView:
    """The user's choice.

    Args:
        words: every one of them must occur in a run's texts, upper or lower case.
        sort: column and whether it is descending.
        columns: names in order; empty for the default ones.
    """

    words: str = ""
    sort: tuple[str, bool] = NEWEST_FIRST
    columns: tuple[str, ...] = ()

    def frame(self, catalog: Catalog, columns: Sequence[str]) -> pl.DataFrame:
        """The rows to show, sorted and filtered, with these columns and those that their cells need."""
        column, descending = self.sort
        by_duration = column == "took"
        wanted = [name for name in dict.fromkeys([*_NEEDED, *columns, column]) if name not in NOT_IN_CATALOG]
        frame = catalog.wide(wanted)
        for word in self.words.split():
            frame = frame.join(catalog.containing(word), on=["source", "run_id"], how="semi", maintain_order="left")
        if by_duration:
            frame = frame.with_columns((pl.col("ended") - pl.col("started")).dt.total_microseconds().alias("took"))
        return sort_runs(frame, column, descending=descending)

    def sorted_by(self, column: str) -> tuple[str, bool]:
        """The sort after the user asked for a column: ascending, then descending, then newest first again."""
        if self.sort[0] != column:
            return column, column in ("started", "updated", "ended")
        first = column in ("started", "updated", "ended")
        return (column, not first) if self.sort[1] == first else NEWEST_FIRST
