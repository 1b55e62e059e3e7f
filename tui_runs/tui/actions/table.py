"""What the keys of the runs table do: its order, its columns, what is best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.screen import Screen

from tui_runs.analysis.columns import split_aggregate, with_aggregate
from tui_runs.analysis.reproduction import reproducing_line
from tui_runs.conditions import Condition, Order
from tui_runs.display import printable
from tui_runs.frames.catalog import Column, RunKey
from tui_runs.tui.grouping import members_of
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.widgets.columns import RowKey
from tui_runs.tui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from tui_runs.tui.app import TuiRunsApp


class TableActions(Screen[None]):
    """The part of the main screen that changes its view of the runs.

    Args:
        view: filter, sort and columns to begin with.
    """

    app: TuiRunsApp

    def __init__(self, view: RunsView) -> None:
        super().__init__()
        self.view = view
        self.columns: tuple[str, ...] = ()
        """The columns of the table, those too that are left out because they say the same of every run."""
        self.trend_column: str | None = None
        self.trended = ""
        """The metric that trends are of."""
        self.open_groups: frozenset[str] = frozenset()
        """Ids of the groups whose runs are shown."""
        self._cursor_goes: tuple[int | None, str | None] = (None, None)

    @property
    def table(self) -> FrameTable:
        """The runs table."""
        return self.query_one("#runs", FrameTable)

    @property
    def cursor_run(self) -> RunKey | None:
        """The run under the cursor; None on a group."""
        key = self.table.cursor_key
        return RunKey(str(key[0]), str(key[1])) if key and key[0] else None

    def update_soon(self, *parts: str) -> None:
        """Have parts of the screen repainted."""
        raise NotImplementedError

    def look(self, view: RunsView, *, row: int | None = None, column: str | None = None) -> None:
        """See the runs in another way, and put the table's cursors somewhere when it is done."""
        self._cursor_goes = (row, column)
        self.view = view
        self.update_soon("table")

    def _put_cursor(self) -> None:
        """Put the cursors where they are to go, now that the table shows it."""
        row, column = self._cursor_goes
        if row is not None or column is not None:
            self._cursor_goes = (None, None)
            self.table.move_cursor(row=row, column=column)

    def width_of(self, column: str) -> int:
        """How many terminal cells a column of the table takes now."""
        return self.table.width_of(column)

    # --- groups ---------------------------------------------------------------------------------------------------

    def action_group(self) -> None:
        """Choose what makes groups."""
        from tui_runs.tui.screens.groups import GroupsScreen  # noqa: PLC0415  not needed at the start

        self.app.push_screen(GroupsScreen(self))

    def group_by(self, columns: Sequence[str]) -> None:
        """Make groups of runs that are the same in these columns; of none, show single runs."""
        self.open_groups = frozenset()
        self.look(self.view.grouped_by(columns, self.columns), row=0)
        self.grouped(bool(columns))

    def grouped(self, on: bool) -> None:
        """Called when groups are made or given up."""
        raise NotImplementedError

    def runs_of(self, key: RowKey | None) -> list[RunKey]:
        """The run of a row, or the runs of a group."""
        if key is None:
            return []
        if key[0]:
            return [RunKey(str(key[0]), str(key[1]))]
        frame = self.view.runs(self.app.workspace, self.condition)
        return members_of(frame, self.view.group_by, str(key[1]))

    @property
    def condition(self) -> Condition:
        """What the filter means."""
        raise NotImplementedError

    def _open_or_close(self, group: str) -> None:
        """Show the runs of a group, or hide them."""
        self.open_groups ^= {group}
        self.update_soon("table")

    # --- order ----------------------------------------------------------------------------------------------------

    @on(FrameTable.SortRequested)
    @on(FrameTable.HeaderSelected)
    def _sort(self, event: FrameTable.SortRequested | FrameTable.HeaderSelected) -> None:
        if event.column != "trend":
            self.look(self.view.sorted_by(event.column))

    def action_then_by(self) -> None:
        """Sort by the column under the column cursor as well."""
        column = self.table.cursor_column
        if column and column != "trend":
            self.look(self.view.then_by(column))

    def action_newest(self) -> None:
        """Sort by start, the newest first."""
        self.look(self.view.newest_first())

    def action_nest(self) -> None:
        """Runs below the run that made them, or all in one list."""
        self.look(replace(self.view, nested=not self.view.nested))

    def action_leaderboard(self) -> None:
        """The best of each run's history in the metric under the column cursor, the best run first."""
        metric = self._metric()
        if metric is None:
            return
        greatest = self.view.direction(f"metrics.{metric}") == "higher"
        best = with_aggregate("max" if greatest else "min", f"metrics.{metric}")
        columns = [name for name in self.columns if name != best]
        columns.insert(max(self.view.pinned, 1), best)
        order = (Order(best, descending=greatest),)
        view = replace(self.view, columns=tuple(columns), sort=order, nested=False)
        self.look(view, row=0, column=best)

    def action_better(self) -> None:
        """The other way is better for the metric under the column cursor."""
        metric = self._metric()
        if metric is not None:
            self.look(self.view.turned(metric))
            way = self.view.direction(f"metrics.{metric}") or "neither way"
            self.notify(f"{printable(metric)}: {way} is better", markup=False)
            self.update_soon("below")

    def metric_under_cursor(self) -> str | None:
        """The metric whose column the cursor is on, if it is on one."""
        kind, key = Column.of(split_aggregate(self.table.cursor_column or "")[1])
        return key if kind == "metrics" else None

    def _metric(self) -> str | None:
        """The same; without one the user is told."""
        if (metric := self.metric_under_cursor()) is not None:
            return metric
        self.notify("Put the column cursor on a metric first: → and ←.", severity="warning")
        return None

    def action_copy_command(self) -> None:
        """Copy the line that runs the training under the cursor again."""
        run = self.cursor_run
        if run is None or run not in self.app.workspace.catalog:
            return
        line = reproducing_line(self.app.workspace.catalog.run(run))
        if line is None:
            self.notify("The tracker did not note how this run was started.", severity="warning")
            return
        self.app.copy_to_clipboard(line)
        self.notify(printable(line), title="Copied", markup=False)

    # --- columns --------------------------------------------------------------------------------------------------

    def action_columns(self) -> None:
        """Choose the columns."""
        from tui_runs.tui.screens.columns import ColumnsScreen  # noqa: PLC0415  not needed at the start

        self.app.push_screen(ColumnsScreen(self))

    def action_hide_column(self) -> None:
        """Leave the column under the column cursor out."""
        if column := self.table.cursor_column:
            self.look(self.view.without(column, self.columns))

    def action_move_column(self, places: int) -> None:
        """Move the column under the column cursor to the right, or to the left."""
        table = self.table
        shown = [column.name for column in table.columns]
        column = table.cursor_column
        if column is None:
            return
        to = max(0, min(shown.index(column) + places, len(shown) - 1))
        # Columns that are left out for saying nothing are passed over.
        distance = self.columns.index(shown[to]) - self.columns.index(column)
        self.look(self.view.moved(column, distance, self.columns))

    def action_aggregate(self) -> None:
        """The next thing that can be said of the history of the metric under the column cursor."""
        column = self.table.cursor_column
        if column is None or self._metric() is None:
            return
        view = self.view.with_aggregate(column, self.columns)
        self.look(view, column=view.columns[self.columns.index(column)])

    def action_lean(self) -> None:
        """Leave out the columns that say the same of every run, or show them too."""
        self.look(replace(self.view, lean=not self.view.lean))

    def action_trend(self) -> None:
        """Trend of the metric under the column cursor, or of the first one again."""
        self.trend_column = self.metric_under_cursor()
        self.update_soon("table")
