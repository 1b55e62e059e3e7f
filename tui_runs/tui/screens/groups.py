"""What makes groups of runs: all params but the seed, or columns that are chosen one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.analysis.groups import all_but
from tui_runs.display import printable
from tui_runs.frames.catalog import Column
from tui_runs.frames.selection import select
from tui_runs.tui.widgets.columns import Cell, RowKey, TableColumn
from tui_runs.tui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from tui_runs.tui.actions.table import TableActions

_RUN_COLUMNS: Final = ("experiment", "status", "user", "host", "group", "job_type", "git_commit", "command", "source")
_MOST: Final = 400
"""Params and tags that are offered."""
_SHOWN: Final = "#5cc8dc"
_KEYS: Final = "space chooses · a all but the seed · n no groups · enter, esc close"
_KINDS: Final = {"run": "run", "params": "param", "tags": "tag"}


class GroupsScreen(ModalScreen[None]):
    """Changes the groups of the table below it with every key.

    Args:
        table: whose runs are grouped.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    GroupsScreen .dialog { height: 80%; width: 80; }
    GroupsScreen FrameTable { background: $panel; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,M,q", "dismiss", "close", id="groups.close", tooltip="Close the list"),
        Binding("a", "all_but", "all but the seed", id="groups.all_but", tooltip="Group by every param but the seed"),
        Binding("n", "none", "no groups", id="groups.none", tooltip="Single runs again"),
    ]

    def __init__(self, table: TableActions) -> None:
        super().__init__()
        self._of = table
        names = [f"{kind}.{key}" for kind in ("params", "tags") for key in self._keys(kind)][:_MOST]
        frame = select(table.app.workspace, [*_RUN_COLUMNS, *names], table.condition)
        counts = {name: frame[name].n_unique() for name in (*names, *_RUN_COLUMNS)}
        self._frame = frame
        # What is the same in all runs, or another in each, makes no groups.
        self._counts = {
            name: count
            for name, count in counts.items()
            if 1 < count < max(frame.height, 3) or name in table.view.group_by
        }

    def _keys(self, kind: str) -> list[str]:
        return [key for key in self._of.app.workspace.catalog.keys(kind) if not key.startswith("mlflow.")]

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        with Vertical(classes="dialog"):
            yield Static("Groups of runs with the same …", classes="dialog-title", markup=False)
            yield FrameTable(key=("column",), fixed=1)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        table = self.query_one(FrameTable)
        table.empty_message = ["There is nothing that several runs share and others do not."]
        table.focus()
        columns = [
            TableColumn("column", "column", _names, max_width=40),
            TableColumn("kind", "kind", _kinds, width=6),
            TableColumn("values", "values", self._values, "right", width=8),
        ]
        table.show(pl.DataFrame({"column": list(self._counts)}, schema={"column": pl.String}), columns)
        table.move_cursor(row=0)
        self._show_marks()

    def _values(self, window: pl.DataFrame) -> list[Cell]:
        return [Cell(f"{self._counts[name]:,}", "muted") for name in window["column"]]

    def _show_marks(self) -> None:
        by = self._of.view.group_by
        self.query_one(FrameTable).marks = dict.fromkeys([(name,) for name in by], _SHOWN)

    def _group_by(self, columns: list[str]) -> None:
        self._of.group_by(columns)
        self._show_marks()

    @on(FrameTable.Marked)
    def _toggle(self, event: FrameTable.Marked) -> None:
        event.stop()
        self._toggle_column(event.key)

    def _toggle_column(self, key: RowKey) -> None:
        name, by = str(key[0]), list(self._of.view.group_by)
        self._group_by([one for one in by if one != name] if name in by else [*by, name])

    @on(FrameTable.RowSelected)
    def _close(self, event: FrameTable.RowSelected) -> None:
        event.stop()
        self.dismiss()

    @on(FrameTable.SortRequested)
    @on(FrameTable.HeaderSelected)
    @on(FrameTable.RowHighlighted)
    def _ignore(self, event: FrameTable.SortRequested) -> None:
        event.stop()

    def action_all_but(self) -> None:
        """Group by every param in which runs differ but the seed."""
        by = all_but(self._frame)
        if not by:
            self.notify("These runs differ in no param but the seed.", severity="warning")
        else:
            self._group_by(by)

    def action_none(self) -> None:
        """Single runs again."""
        self._group_by([])


def _names(window: pl.DataFrame) -> list[Cell]:
    return [Cell(printable(Column.of(name).key)) for name in window["column"]]


def _kinds(window: pl.DataFrame) -> list[Cell]:
    return [Cell(_KINDS[Column.of(name).kind], "muted") for name in window["column"]]
