"""Asks for one of many names; typing narrows them down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_runs.display import printable

_KEYS: Final = "type a part of the name · enter takes it · esc closes"
_MOST: Final = 200
"""Names in the list; typing finds the others."""


class PickScreen(ModalScreen[str | None]):
    """Gives the chosen name; None when the user left it.

    Args:
        title: what is asked for.
        names: to choose from.
        text: what is typed already.
        any_text: what is typed is the answer, whatever stands in the list.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    PickScreen Input { background: $panel; }
    PickScreen OptionList { background: $panel; height: auto; max-height: 60vh; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close", id="pick.close", tooltip="Close without choosing"),
        Binding("down", "move(1)", "down", show=False, id="pick.down", tooltip="The next name"),
        Binding("up", "move(-1)", "up", show=False, id="pick.up", tooltip="The name before"),
    ]

    def __init__(self, title: str, names: Sequence[str], text: str = "", *, any_text: bool = False) -> None:
        super().__init__()
        self._title, self._names, self._text, self._any_text = title, tuple(names), text, any_text
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        """Title, search, list."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(self._text, compact=True)
            yield OptionList(compact=True)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """The keys go to the search."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Input).focus()
        self._show(self._text)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        self._found = [name for name in self._names if text.lower() in name.lower()]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Text(printable(name))) for name in self._found[:_MOST]])
        options.highlighted = 0 if self._found and not self._any_text else None

    def action_move(self, rows: int) -> None:
        """Go up or down in the list."""
        options = self.query_one(OptionList)
        if options.highlighted is None:
            options.highlighted = 0 if self._found else None
        elif rows > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    @on(Input.Submitted)
    def _take(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self.dismiss(self._found[place])
        elif self._any_text:
            self.dismiss(self.query_one(Input).value.strip())

    @on(OptionList.OptionSelected)
    def _take_clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index])
