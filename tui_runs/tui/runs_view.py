"""What the user chose to see of the runs: filter, sort, columns, groups; and the frame that follows from it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from tui_runs.analysis.columns import AGGREGATES, split_aggregate, with_aggregate
from tui_runs.analysis.direction import Direction, direction_of
from tui_runs.analysis.nesting import BRANCH, nest
from tui_runs.conditions import Condition, Order
from tui_runs.frames.selection import select
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.grouping import COUNT, group_table

NEWEST_FIRST: Final = (Order("started", descending=True),)
_MADE_OF: Final = {"took": "duration_s", "progress": "progress", "rate": "steps_per_s", "left": "expected_end"}
"""What columns of the table are called in frames that are not called the same, or not known to the catalog."""
NOT_IN_CATALOG: Final = ("trend", *_MADE_OF)
"""Columns of the table that are made of others."""
NEEDED: Final = ("name", "status", "started", "ended", "updated", "parent_id")
"""Columns that other cells are made of, whether shown or not."""
_GREATEST_FIRST: Final = ("started", "updated", "ended", "took", "progress", "rate")
"""Columns of which people want to see the greatest first."""

_OTHER_WAY: Final[Mapping[Direction | None, Direction | None]] = {"lower": "higher", "higher": None, None: "lower"}


@dataclass(frozen=True, slots=True)
class RunsView:
    """The user's choice.

    Args:
        where: the filter as it is typed.
        sort: the first column decides, the others where runs are equal by it.
        columns: names in order; empty for the default ones.
        lean: columns that say the same, or nothing, of every run are left out.
        pinned: how many of the first columns stay when the others scroll.
        widths: of columns that the user made wider or narrower, in terminal cells.
        better: which way metrics are better, where the user says so; None means neither.
        nested: runs stand below the run that made them.
        group_by: columns whose values make groups; empty for single runs.
    """

    where: str = ""
    sort: tuple[Order, ...] = NEWEST_FIRST
    columns: tuple[str, ...] = ()
    lean: bool = False
    pinned: int = 1
    widths: Mapping[str, int] = field(default_factory=dict)
    better: Mapping[str, Direction | None] = field(default_factory=dict)
    nested: bool = True
    group_by: tuple[str, ...] = ()

    def frame(
        self, workspace: Workspace, columns: Sequence[str], condition: Condition, opened: Collection[str] = ()
    ) -> pl.DataFrame:
        """The rows to show, sorted and filtered, with these columns and those that their cells need.

        Args:
            workspace: what is known of the runs.
            columns: names of columns of the table.
            condition: what the filter means.
            opened: the ids of the groups whose runs are shown.
        """
        # Of a run, "took" is made of its times, so that it goes on by itself.
        made = [_MADE_OF[name] for name in columns if name in _MADE_OF and (name != "took" or self.group_by)]
        stored = [name for name in columns if name not in NOT_IN_CATALOG]
        frame = select(workspace, [*dict.fromkeys([*NEEDED, *self.group_by, *made, *stored])], condition, self.order)
        if self.group_by:
            return group_table(frame, self.group_by, opened, self.order)
        return nest(frame) if self.nested else frame.with_columns(pl.lit("").alias(BRANCH))

    def runs(self, workspace: Workspace, condition: Condition) -> pl.DataFrame:
        """The runs that pass, in their order, with the columns that make the groups."""
        return select(workspace, list(self.group_by), condition, self.order)

    def grouped_by(self, columns: Sequence[str], shown: Sequence[str]) -> RunsView:
        """The view with groups of runs that are the same in these columns; of none, with single runs again.

        Args:
            columns: the columns.
            shown: the columns of the table; those that make the groups come to stand in front.
        """
        if not columns:
            return replace(self, group_by=())
        pinned = [name for name in shown[: self.pinned] if name not in columns]
        rest = [name for name in shown[self.pinned :] if name not in columns]
        return replace(self, group_by=tuple(columns), columns=(*pinned, *columns, *rest), pinned=len(pinned))

    @property
    def order(self) -> list[Order]:
        """The sort by columns that frames have."""
        return [Order(_MADE_OF.get(one.column, one.column), one.descending) for one in self.sort]

    # --- sorting --------------------------------------------------------------------------------------------------

    def sorted_by(self, column: str) -> RunsView:
        """The view after the user asked for a column: best or least first, then the other way, then newest first again.

        Who sorts looks for the first of all runs, wherever it was started from, so the sorted table is one list.
        """
        first = Order(column, self._best_is_greatest(column))
        if self.sort[0].column != column or len(self.sort) > 1:
            return replace(self, sort=(first,), nested=False)
        if self.sort[0] == first:
            return replace(self, sort=(Order(column, not first.descending),), nested=False)
        return self.newest_first()

    def then_by(self, column: str) -> RunsView:
        """The view sorted by one column more, where runs are equal by those that it is sorted by; again: turned round.

        A third time takes the column out.
        """
        first = Order(column, self._best_is_greatest(column))
        others = tuple(one for one in self.sort if one.column != column)
        if self.sort == NEWEST_FIRST:
            return replace(self, sort=(first,), nested=False)
        if first in self.sort:
            turned = tuple(Order(column, not one.descending) if one == first else one for one in self.sort)
            return replace(self, sort=turned, nested=False)
        if len(others) < len(self.sort):
            return replace(self, sort=others, nested=False) if others else self.newest_first()
        return replace(self, sort=(*self.sort, first), nested=False)

    def newest_first(self) -> RunsView:
        """The view as it is at the beginning."""
        return replace(self, sort=NEWEST_FIRST, nested=True)

    def _best_is_greatest(self, column: str) -> bool:
        return column in _GREATEST_FIRST or self.direction(column) == "higher"

    # --- which way is better --------------------------------------------------------------------------------------

    def direction(self, column: str) -> Direction | None:
        """Which way a column is better; None where that is not known or there is no such way."""
        aggregate, column = split_aggregate(column)
        if not column.startswith("metrics.") or aggregate not in ("last", "min", "max"):
            return None
        metric = column.removeprefix("metrics.")
        return direction_of(metric, self.better)

    def turned(self, metric: str) -> RunsView:
        """The view with the other way better for a metric: lower, higher, neither."""
        now = self.direction(f"metrics.{metric}")
        return replace(self, better={**self.better, metric: _OTHER_WAY[now]})

    def best(self, frame: pl.DataFrame, columns: Sequence[str]) -> dict[str, float]:
        """The best value among the rows of each column that has one: nothing where fewer than two numbers differ."""
        if COUNT in frame.columns:  # of groups, the best mean
            frame = frame.filter(pl.col(COUNT).is_not_null())
        found = {}
        for name in columns:
            way = self.direction(name)
            if way is None or name not in frame.columns:
                continue
            values = frame[name].cast(pl.Float64)
            least, greatest = values.min(), values.max()  # NaN is passed over
            if math.inf in (greatest, least) or -math.inf in (greatest, least):
                values = values.filter(values.is_finite())
                least, greatest = values.min(), values.max()
            if isinstance(least, float) and isinstance(greatest, float) and least < greatest:
                found[name] = least if way == "lower" else greatest
        return found

    # --- columns --------------------------------------------------------------------------------------------------

    def with_aggregate(self, column: str, shown: Sequence[str]) -> RunsView:
        """The view with the next thing that can be said of a metric in a column: the last value, the best, its step.

        Args:
            column: one of those shown; the view stays as it is where it is no metric.
            shown: the columns now shown.
        """
        aggregate, metric = split_aggregate(column)
        if not metric.startswith("metrics."):
            return self
        best, worst = ("max", "min") if self.direction(metric) == "higher" else ("min", "max")
        circle = ["last", best, f"{best}_step", worst, f"{worst}_step", "last_step", "count"]
        assert set(circle) == set(AGGREGATES)
        for step in range(1, len(circle)):
            name = with_aggregate(circle[(circle.index(aggregate) + step) % len(circle)], metric)
            if name not in shown:
                break
        columns = tuple(name if one == column else one for one in shown)
        sort = tuple(Order(name, one.descending) if one.column == column else one for one in self.sort)
        return replace(self, columns=columns, sort=sort)

    def without(self, column: str, shown: Sequence[str]) -> RunsView:
        """The view without a column; the last one stays."""
        columns = tuple(name for name in shown if name != column)
        place = shown.index(column) if column in shown else len(shown)
        pinned = self.pinned - (place < self.pinned)
        return replace(self, columns=columns, pinned=max(pinned, 0)) if columns else self

    def with_column(self, column: str, shown: Sequence[str]) -> RunsView:
        """The view with one column more, at the end."""
        return self if column in shown else replace(self, columns=(*shown, column))

    def moved(self, column: str, places: int, shown: Sequence[str]) -> RunsView:
        """The view with a column moved to the right, or to the left where `places` is negative."""
        columns = [name for name in shown if name != column]
        if len(columns) == len(shown):
            return self
        to = max(0, min(shown.index(column) + places, len(columns)))
        columns.insert(to, column)
        return replace(self, columns=tuple(columns))

    def pinned_at(self, column: str, shown: Sequence[str]) -> RunsView:
        """The view with a column among those that do not scroll; or, where it is, without."""
        place = list(shown).index(column)
        if place < self.pinned:
            view = self.moved(column, self.pinned - 1 - place, shown)
            return replace(view, pinned=self.pinned - 1)
        view = self.moved(column, self.pinned - place, shown)
        return replace(view, pinned=self.pinned + 1)

    def resized(self, column: str, width: int) -> RunsView:
        """The view with a column of so many cells; 0 leaves it to the text again."""
        widths = {name: size for name, size in self.widths.items() if name != column}
        return replace(self, widths={**widths, column: width} if width > 0 else widths)


def telling(names: Sequence[str], frame: pl.DataFrame) -> list[str]:
    """The columns that do not say the same, or nothing, of every row; what names a run stays whatever it says."""
    if frame.height < 2:
        return list(names)
    return [name for name in names if name in ("name", "status", *NOT_IN_CATALOG) or frame[name].n_unique() > 1]
