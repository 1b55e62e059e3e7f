"""Saved views: what is seen now is saved under a name, and shown again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_runs.display import printable
from tui_runs.errors import ViewError
from tui_runs.tui.saved_views import SavedView, ViewStore
from tui_runs.tui.view_state import capture, restore

if TYPE_CHECKING:
    from tui_runs.tui.screens.main import MainScreen


class ViewsScreen(ModalScreen[None]):
    """Lists the views of the stores that are open; files are read and written in a thread.

    Args:
        main: the screen whose view is saved and changed.
        store: where the views are.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ViewsScreen OptionList { background: $panel; border: none; height: auto; max-height: 60vh; padding: 0; }
    ViewsScreen OptionList:focus { border: none; background-tint: transparent 0%; }
    ViewsScreen Input { background: $panel; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close", id="views.close", tooltip="Close the list"),
        Binding("delete", "delete", "delete", id="views.delete", tooltip="Remove the view under the cursor"),
    ]

    class Listed(Message):
        """The names of the views were read."""

        def __init__(self, names: list[str]) -> None:
            super().__init__()
            self.names = names

    class Done(Message):
        """A view was read or written, or could not be.

        Args:
            says: what to tell the user.
            saved: to be shown, where one was read.
            failed: it could not be done.
        """

        def __init__(self, says: str, saved: SavedView | None = None, *, failed: bool = False) -> None:
            super().__init__()
            self.says, self.saved, self.failed = says, saved, failed

    def __init__(self, main: MainScreen, store: ViewStore) -> None:
        super().__init__()
        self._main, self._store = main, store
        self._names: list[str] = []

    def compose(self) -> ComposeResult:
        """List, name, keys."""
        with Vertical(classes="dialog"):
            yield Static("Views", classes="dialog-title", markup=False)
            yield OptionList()
            yield Input(placeholder="a name saves what you see now", compact=True, select_on_focus=False, max_length=80)
            yield Static(
                "enter shows a view, or saves under the name typed · tab changes over · delete removes · esc closes",
                classes="dialog-keys",
                markup=False,
            )

    def on_mount(self) -> None:
        """Read the names."""
        self._list_names()

    def _list_names(self) -> None:
        self.run_worker(lambda: self.post_message(self.Listed(self._store.names())), thread=True)

    @on(Listed)
    def _show_names(self, event: Listed) -> None:
        event.stop()
        self._names = event.names
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Text(printable(name))) for name in event.names])
        options.display = bool(event.names)
        (options if event.names else self.query_one(Input)).focus()
        if event.names:
            options.highlighted = 0
        where = Text(printable(str(self._store.directory)), self.app.theme_variables.get("muted", ""))
        self.query_one(".dialog-title", Static).update(Text.assemble("Views   ", where))

    @on(OptionList.OptionSelected)
    def _load(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = self._names[event.option_index]

        def load() -> None:
            try:
                self.post_message(self.Done(f"View {name!r}.", self._store.load(name)))
            except ViewError as error:
                self.post_message(self.Done(f"{error.message} {error.remedy}", failed=True))

        self.run_worker(load, thread=True)

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        event.stop()
        name, saved = event.value, capture(self._main)

        def save() -> None:
            try:
                path = self._store.save(name, saved)
                self.post_message(self.Done(f"Saved {name.strip()!r} in {path}"))
            except ViewError as error:
                self.post_message(self.Done(f"{error.message} {error.remedy}", failed=True))

        self.run_worker(save, thread=True)

    @on(Done)
    def _done(self, event: Done) -> None:
        event.stop()
        self.notify(printable(event.says), severity="error" if event.failed else "information", markup=False)
        if event.saved is not None:
            for missing in restore(self._main, event.saved):
                self.notify(printable(missing), severity="warning", markup=False)
        if not event.failed:
            self.dismiss()

    def action_delete(self) -> None:
        """Remove the view under the cursor."""
        place = self.query_one(OptionList).highlighted
        if place is not None and self.query_one(OptionList).has_focus:
            name = self._names[place]

            def delete() -> None:
                try:
                    self._store.delete(name)
                except ViewError as error:
                    self.post_message(self.Done(f"{error.message} {error.remedy}", failed=True))
                self.post_message(self.Listed(self._store.names()))

            self.run_worker(delete, thread=True)
