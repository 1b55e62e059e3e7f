"""The list of events: what is wrong with runs and disks, since when, and the end of the log where that tells more."""

from __future__ import annotations

from typing import ClassVar, Final

import polars as pl
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.display import how_long_ago, moment, printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.health.board import Entry, EventKey, HealthBoard
from tui_runs.tui.widgets.columns import Cell, RowKey, TableColumn
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable

_KEYS: Final = "enter goes to the run · space, x dismiss · X all · esc closes"
_LOOKS: Final = {"nan": "bad", "diverging": "bad", "crashed": "bad", "disk": "bad", "stale": "warn", "plateau": "warn"}
_SCHEMA: Final = {"source": pl.String, "run_id": pl.String, "kind": pl.String}


class EventList(FrameTable, inherit_bindings=False):
    """The events, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *MOVES,
        Binding("enter", "select", "go to the run", id="health.open", tooltip="Go to the run"),
        Binding("space,x,delete", "mark", "dismiss", id="health.dismiss", tooltip="Leave the event out of the list"),
    ]

    def __init__(self) -> None:
        super().__init__(key=tuple(_SCHEMA), fixed=0)


class HealthScreen(ModalScreen[RunKey | None]):
    """Shows the board, and what comes to it meanwhile; gives the run that the user wants to go to.

    Args:
        board: what is wrong.
        workspace: whose runs.
    """

    CSS_PATH: ClassVar = ["dialog.tcss", "health.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,H,q", "dismiss", "close", id="health.close", tooltip="Close the list"),
        Binding("X", "dismiss_all", "dismiss all", id="health.dismiss_all", tooltip="Leave all out of the list"),
    ]

    def __init__(self, board: HealthBoard, workspace: Workspace) -> None:
        super().__init__()
        self._board, self._workspace = board, workspace
        self._version = -1
        self._entries: dict[RowKey, Entry] = {}
        self._names: dict[RunKey, str] = {}

    def compose(self) -> ComposeResult:
        """Title, list, all about the event under the cursor, keys."""
        with Vertical(classes="dialog"):
            yield Static("Health", classes="dialog-title", markup=False)
            yield EventList()
            with VerticalScroll(id="about", can_focus=False):
                yield Static(id="event", markup=False)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Ages tick, as in the table of runs."""
        table = self.query_one(EventList)
        table.empty_message = [
            "Nothing is wrong.",
            "No training is NaN, diverges, stands still or is silent, and none crashed within a day",
        ]
        table.focus()
        columns = [
            TableColumn("when", "when", self._whens, "right", width=8),
            TableColumn("kind", "what", self._kinds, width=11),
            TableColumn("run", "run", self._runs, min_width=8, max_width=24),
            TableColumn("sentence", "", self._sentences, max_width=200),
        ]
        table.show(pl.DataFrame(schema=_SCHEMA), columns)
        self.refresh_events()
        table.move_cursor(row=0)
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        """Ages go on, and what came to the board meanwhile is shown."""
        if self._version != self._board.version:
            self.refresh_events()
        else:
            self.query_one(EventList).refresh_rows(("when",))

    def refresh_events(self) -> None:
        """Show what the board has now."""
        self._version = self._board.version
        entries = self._board.entries
        self._entries = {tuple(key): entry for key, entry in entries}
        self._names = self._workspace.catalog.names({run for key, _ in entries if (run := key.run) is not None})
        frame = pl.DataFrame([tuple(key) for key, _ in entries], schema=_SCHEMA, orient="row")
        table = self.query_one(EventList)
        table.show(frame)
        table.refresh_rows()  # an event may say something else than before
        count = len(entries)
        over = sum(entry.event.over for _, entry in entries)
        said = f"{count:,} event{'s' if count != 1 else ''}" if count else ""
        told = f"Health   {said}" + (f", {over:,} over" if over else "")
        self.query_one(".dialog-title", Static).update(Text(told.rstrip()))
        self._show_event()

    # --- cells ----------------------------------------------------------------------------------------------------

    def _of(self, window: pl.DataFrame) -> list[tuple[EventKey, Entry]]:
        return [(EventKey(*row), self._entries[row]) for row in window.select(_SCHEMA.keys()).iter_rows()]

    def _whens(self, window: pl.DataFrame) -> list[Cell]:
        now = self._workspace.now()
        return [Cell(how_long_ago(entry.began, now), "muted") for _, entry in self._of(window)]

    def _kinds(self, window: pl.DataFrame) -> list[Cell]:
        return [_kind(entry) for _, entry in self._of(window)]

    def _runs(self, window: pl.DataFrame) -> list[Cell]:
        return [Cell(self._called(key), "muted" if entry.event.over else "strong") for key, entry in self._of(window)]

    def _sentences(self, window: pl.DataFrame) -> list[Cell]:
        return [Cell(entry.event.sentence, "muted" if entry.event.over else "") for _, entry in self._of(window)]

    def _called(self, key: EventKey) -> str:
        return printable(key.source if key.run is None else self._names.get(key.run, key.run_id))

    # --- the event under the cursor -------------------------------------------------------------------------------

    def _show_event(self) -> None:
        cursor = self.query_one(EventList).cursor_key
        text = Text()
        if cursor is not None and cursor in self._entries:
            key, entry = EventKey(*cursor), self._entries[cursor]  # type: ignore[arg-type]
            muted = self.app.theme_variables.get("muted", "")
            text.append(f"{self._called(key)}  ", "bold")
            where = f"{key.source} · since {moment(entry.began)}"
            text.append(f"{printable(where)}{' · over' if entry.event.over else ''}\n", muted)
            text.append(f"{entry.event.sentence}\n")
            if entry.event.lines:
                text.append("\nits last lines\n", muted)
                text.append("\n".join(entry.event.lines))
        self.query_one("#event", Static).update(text)
        self.query_one("#about").scroll_end(animate=False)  # the last line tells most

    # --- what the user does ---------------------------------------------------------------------------------------

    @on(FrameTable.RowHighlighted)
    def _cursor_moved(self, event: FrameTable.RowHighlighted) -> None:
        event.stop()
        self._show_event()

    @on(FrameTable.RowSelected)
    def _go(self, event: FrameTable.RowSelected) -> None:
        event.stop()
        run = EventKey(*event.key).run  # type: ignore[arg-type]
        if run is None:
            self.notify("This is about the disk of the whole store.", severity="warning")
        elif run not in self._workspace.catalog:
            self.notify("This run is gone.", severity="warning")
        else:
            self.dismiss(run)

    @on(FrameTable.Marked)
    def _dismiss_event(self, event: FrameTable.Marked) -> None:
        event.stop()
        self._board.dismiss(EventKey(*event.key))  # type: ignore[arg-type]
        self.refresh_events()

    @on(FrameTable.HeaderSelected)
    def _ignore(self, event: FrameTable.HeaderSelected) -> None:
        event.stop()

    def action_dismiss_all(self) -> None:
        """Leave all events out of the list."""
        for key, _ in self._board.entries:
            self._board.dismiss(key)
        self.refresh_events()


def _kind(entry: Entry) -> Cell:
    name = "NaN" if entry.event.kind == "nan" else entry.event.kind
    return Cell(f"  {name}", "muted") if entry.event.over else Cell(f"▲ {name}", _LOOKS[entry.event.kind])
