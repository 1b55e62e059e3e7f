"""The picker of columns: every key that any run has, those that are shown first; what is chosen is seen at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui_runs.analysis.columns import split_aggregate
from tui_runs.display import printable
from tui_runs.frames.catalog import Column
from tui_runs.schema import RUNS
from tui_runs.tui.runs_view import NOT_IN_CATALOG, RunsView
from tui_runs.tui.widgets.columns import Cell, RowKey, TableColumn
from tui_runs.tui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    from tui_runs.tui.actions.table import TableActions

_WIDER: Final = 4
"""Cells by which a column grows or shrinks."""
_BETTER: Final = {"lower": "↓ lower", "higher": "↑ higher", None: ""}
_KINDS: Final = {"run": "run", "params": "param", "metrics": "metric", "tags": "tag"}
_SHOWN: Final = "#5cc8dc"


def _binding(keys: str, action: str, name: str, says: str) -> Binding:
    return Binding(keys, action, name.replace("_", " "), id=f"picker.{name}", tooltip=says)


class ColumnsScreen(ModalScreen[None]):
    """Changes the view of the screen below it with every key.

    Args:
        table: whose columns are chosen.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ColumnsScreen .dialog { height: 88%; }
    ColumnsScreen Input { background: $panel; }
    ColumnsScreen FrameTable { background: $panel; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        _binding("escape,C,q", "dismiss", "close", "Close the picker"),
        _binding("slash", "search", "search", "Find a column by a part of its name"),
        _binding("shift+up,K", "move(-1)", "up", "Move the column to the left"),
        _binding("shift+down,J", "move(1)", "down", "Move the column to the right"),
        _binding("p", "pin", "pin", "Let the column stay when the others scroll"),
        _binding("a", "aggregate", "aggregate", "Last value, best, the step of the best …"),
        _binding("b", "better", "better", "Which way is better"),
        _binding("plus,equals_sign", f"resize({_WIDER})", "wider", "Make the column wider"),
        _binding("minus", f"resize({-_WIDER})", "narrower", "Make the column narrower"),
        _binding("0", "resize(0)", "fitting", "Let the text decide how wide the column is"),
        _binding("i", "lean", "lean", "Leave out what says the same of every run"),
        _binding("r", "reset", "reset", "The usual columns again"),
    ]

    def __init__(self, table: TableActions) -> None:
        super().__init__()
        self._of = table
        self._catalog = table.app.workspace.catalog
        self._known: dict[str, tuple[int, int]] = {}

    def compose(self) -> ComposeResult:
        """Search, list, keys."""
        with Vertical(classes="dialog"):
            yield Static("Columns", classes="dialog-title", markup=False)
            yield Input(placeholder="/ finds a column by a part of its name", compact=True, select_on_focus=False)
            yield FrameTable(key=("column",), fixed=1)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        self._table.focus()
        self._show()
        self._table.move_cursor(row=0)

    @property
    def _table(self) -> FrameTable:
        return self.query_one(FrameTable)

    @property
    def _view(self) -> RunsView:
        return self._of.view

    def _change(self, view: RunsView) -> None:
        self._of.look(view)
        if view.columns:
            self._of.columns = view.columns
        self._show()

    def _show(self) -> None:
        shown = list(self._of.columns)
        metrics = {split_aggregate(name)[1] for name in shown}
        every = [f"{kind}.{key}" for kind in ("metrics", "params", "tags") for key in self._catalog.keys(kind)]
        others = [name for name in [*RUNS, *NOT_IN_CATALOG] if name not in shown]
        others += [name for name in every if name not in metrics and name not in shown]
        needle = self.query_one(Input).value.strip().lower()
        names = [name for name in [*shown, *others] if needle in name.lower()]
        self._table.show(pl.DataFrame({"column": names}, schema={"column": pl.String}), _columns(self))
        self._table.empty_message = ["No column has that in its name."]
        self._table.marks = dict.fromkeys([(name,) for name in shown], _SHOWN)
        count = f"{len(shown):,} of {len(shown) + len(others):,} columns"
        lean = " · what says the same of every run is left out" if self._view.lean else ""
        self.query_one(".dialog-title", Static).update(f"{count}{lean}")

    # --- cells ----------------------------------------------------------------------------------------------------

    def places(self, window: pl.DataFrame) -> list[Cell]:
        """Where each column stands; a pin for those that do not scroll."""
        place = {name: number for number, name in enumerate(self._of.columns)}
        pinned = self._view.pinned
        return [
            Cell("")
            if name not in place
            else Cell(f"{place[name] + 1}{' ▪' if place[name] < pinned else '  '}", "muted")
            for name in window["column"]
        ]

    def notes(self, window: pl.DataFrame) -> list[Cell]:
        """Which way is better, and a width that was chosen."""
        cells = []
        for name in window["column"]:
            width = self._view.widths.get(name)
            says = [_BETTER[self._view.direction(name)], f"{width} wide" if width else ""]
            cells.append(Cell(" · ".join(filter(None, says)), "muted"))
        return cells

    def values(self, window: pl.DataFrame) -> list[Cell]:
        """In how many runs each column says something, and how many different things."""
        cells = []
        for name in window["column"]:
            if name in NOT_IN_CATALOG:
                cells.append(Cell(""))
                continue
            if name not in self._known:
                values = self._catalog.wide([name])[name].drop_nulls()
                self._known[name] = len(values), values.n_unique()
            runs, distinct = self._known[name]
            says = "the same" if distinct == 1 and runs > 1 else f"{distinct:,} values"
            cells.append(Cell(f"{says} in {runs:,}" if runs else "in no run", "muted"))
        return cells

    # --- what the user does ---------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> str | None:
        key = self._table.cursor_key
        return str(key[0]) if key else None

    @on(FrameTable.Marked)
    def _toggle(self, event: FrameTable.Marked) -> None:
        event.stop()
        self._toggle_column(event.key)

    @on(FrameTable.RowSelected)
    def _toggle_selected(self, event: FrameTable.RowSelected) -> None:
        event.stop()
        self._toggle_column(event.key)

    @on(FrameTable.SortRequested)
    @on(FrameTable.HeaderSelected)
    @on(FrameTable.RowHighlighted)
    def _ignore(self, event: FrameTable.SortRequested) -> None:
        event.stop()

    def _toggle_column(self, key: RowKey) -> None:
        name, shown = str(key[0]), self._of.columns
        view = self._view
        self._change(view.without(name, shown) if name in shown else view.with_column(name, shown))

    def _with_chosen(self, change: Callable[[str, Sequence[str]], RunsView]) -> None:
        """Change the column under the cursor, where it is shown."""
        name = self._chosen
        if name is not None and name in self._of.columns:
            self._change(change(name, self._of.columns))

    def action_move(self, places: int) -> None:
        """Move the column."""
        self._with_chosen(lambda name, shown: self._view.moved(name, places, shown))

    def action_pin(self) -> None:
        """Pin the column, or let it scroll."""
        self._with_chosen(self._view.pinned_at)

    def action_aggregate(self) -> None:
        """The next thing that can be said of a metric."""
        name, shown = self._chosen, self._of.columns
        if name in shown:
            view = self._view.with_aggregate(name, shown)
            self._change(view)
            if view.columns:
                self._table.move_cursor(key=(view.columns[shown.index(name)],))

    def action_better(self) -> None:
        """Turn round which way is better."""
        kind, key = Column.of(split_aggregate(self._chosen or "")[1])
        if kind == "metrics":
            self._change(self._view.turned(key))

    def action_resize(self, cells: int) -> None:
        """Make the column wider or narrower; 0 leaves it to its text."""
        name = self._chosen
        if name is None or name not in self._of.columns:
            return
        now = self._view.widths.get(name) or self._of.width_of(name)
        self._change(self._view.resized(name, max(now + cells, 3) if cells else 0))

    def action_lean(self) -> None:
        """Leave out what says the same of every run, or show it."""
        self._change(replace(self._view, lean=not self._view.lean))

    def action_reset(self) -> None:
        """The usual columns."""
        self._of.look(replace(self._view, columns=(), lean=False, pinned=1, widths={}))
        self._of.call_after_refresh(self._show)

    def action_search(self) -> None:
        """Type a part of a name."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        self._show()
        self._table.move_cursor(row=0)

    @on(Input.Submitted)
    def _found(self, event: Input.Submitted) -> None:
        event.stop()
        self._table.focus()

    def key_down(self) -> None:
        """From the search to the list."""
        if self.query_one(Input).has_focus:
            self._table.focus()


_KEYS: Final = (
    "space shows or hides · shift+↑ ↓ moves · p pins · a last, best … · b better way · + - width · i only what tells · "
    "r resets · / searches · esc closes"
)


def _columns(screen: ColumnsScreen) -> list[TableColumn]:
    return [
        TableColumn("column", "column", _names, max_width=44),
        TableColumn("place", "place", screen.places, "right", width=7),
        TableColumn("kind", "kind", partial(_cells, _kind), width=6),
        TableColumn("values", "values", screen.values, max_width=26),
        TableColumn("note", "", screen.notes, max_width=20),
    ]


def _names(window: pl.DataFrame) -> list[Cell]:
    cells = []
    for name in window["column"]:
        aggregate, column = split_aggregate(name)
        said = "" if aggregate == "last" else aggregate.replace("_", " of the ").replace("of the step", "step")
        cells.append(Cell(printable(Column.of(column).key), "", ((f"  {said}", "accent"),) if said else ()))
    return cells


def _cells(text: Callable[[str], str], window: pl.DataFrame) -> list[Cell]:
    return [Cell(text(name), "muted") for name in window["column"]]


def _kind(name: str) -> str:
    return _KINDS[Column.of(split_aggregate(name)[1]).kind]
