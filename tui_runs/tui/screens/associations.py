"""What mattered: how much each param has to do with a metric, over the runs that pass the filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import polars as pl
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.analysis.association import Association, associations
from tui_runs.display import printable
from tui_runs.frames.catalog import Column
from tui_runs.frames.selection import select
from tui_runs.tui.widgets.columns import Cell, TableColumn
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable

if TYPE_CHECKING:
    from tui_runs.conditions import Condition
    from tui_runs.frames.workspace import Workspace

_MOST: Final = 2_000
"""Params that are looked at."""
_BAR: Final = 20
_NOTE: Final = (
    "ρ: Spearman's rank correlation with numbers · share: of the variance of the metric's ranks that goes with the "
    "param (ρ²; for words η² of Kruskal and Wallis) · params changed together share it, and none need be a cause"
)


class AssociationList(FrameTable, inherit_bindings=False):
    """The params, the strongest first."""

    BINDINGS: ClassVar[list[BindingType]] = list(MOVES)

    def __init__(self) -> None:
        super().__init__(key=("at",), fixed=1)
        self.empty_message = "Working it out …"


class AssociationsScreen(ModalScreen[None]):
    """Works it out in a thread, on an immutable frame.

    Args:
        workspace: whose runs.
        condition: which of them.
        metric: by its key.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    AssociationsScreen .dialog { width: 100; height: 80%; }
    AssociationsScreen AssociationList { background: $panel; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,A,q,enter", "dismiss", "close", id="associations.close", tooltip="Close the list")
    ]

    class Found(Message):
        """They are worked out."""

        def __init__(self, found: Sequence[Association]) -> None:
            super().__init__()
            self.found = found

    def __init__(self, workspace: Workspace, condition: Condition, metric: str) -> None:
        super().__init__()
        params = [f"params.{key}" for key in workspace.catalog.keys("params")][:_MOST]
        name = f"metrics.{metric}"
        frame = select(workspace, [name, *params], condition)
        self._metric, self._runs = metric, frame.height
        self._work: Callable[[], list[Association]] = lambda: associations(frame, name, params)
        self._found: Sequence[Association] = ()

    def compose(self) -> ComposeResult:
        """Title, list, what the numbers are."""
        with Vertical(classes="dialog"):
            title = f"What has to do with {printable(self._metric)} in {self._runs:,} runs"
            yield Static(title, classes="dialog-title", markup=False)
            yield AssociationList()
            yield Static(_NOTE, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(AssociationList).focus()
        self.run_worker(lambda: self.post_message(self.Found(self._work())), thread=True)

    @on(Found)
    def _show(self, event: Found) -> None:
        event.stop()
        self._found = event.found
        table = self.query_one(AssociationList)
        table.empty_message = ["No param differs among runs that have this metric."]
        columns = [
            TableColumn("param", "param", self._cells(_name), max_width=34),
            TableColumn("rho", "ρ", self._cells(_rho), "right", min_width=6),
            TableColumn("share", "share", self._cells(_share), "right", min_width=6),
            TableColumn("bar", "", self._cells(_bar), width=_BAR),
            TableColumn("runs", "runs", self._cells(lambda one: Cell(f"{one.runs:,}", "muted")), "right", min_width=5),
            TableColumn("note", "", self._cells(_note), max_width=22),
        ]
        table.show(pl.DataFrame({"at": range(len(event.found))}, schema={"at": pl.Int64}), columns)
        table.move_cursor(row=0)

    def _cells(self, cell: Callable[[Association], Cell]) -> Callable[[pl.DataFrame], list[Cell]]:
        return lambda window: [cell(self._found[at]) for at in window["at"]]


def _name(one: Association) -> Cell:
    return Cell(printable(Column.of(one.column).key), "muted" if one.small else "")


def _rho(one: Association) -> Cell:
    return Cell("", "muted") if one.correlation is None else Cell(f"{one.correlation:+.2f}")


def _share(one: Association) -> Cell:
    return Cell(f"{one.share:.0%}")


def _bar(one: Association) -> Cell:
    filled = round(one.share * _BAR)
    return Cell("━" * filled, "muted" if one.small else "accent", (("─" * (_BAR - filled), "muted"),))


def _note(one: Association) -> Cell:
    if one.small:
        return Cell("too few to say much", "warn")
    return Cell(f"{one.distinct} values", "muted")
