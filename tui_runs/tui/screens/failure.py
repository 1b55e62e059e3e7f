"""The dialog for an error that nobody expected: what was going on, and a text that can be copied for a report."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.display import printable


class FailureScreen(ModalScreen[None]):
    """Shows what failed; what is known of the runs stays on the screen behind it."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "copy", id="failure.copy", tooltip="Copy the text"),
        Binding("escape,q,enter", "dismiss", "close", id="failure.close", tooltip="Close"),
    ]

    def __init__(self, what: str, details: str) -> None:
        super().__init__()
        self._what, self._details = what, details

    def compose(self) -> ComposeResult:
        """What, the details, the keys."""
        with Vertical(classes="dialog"):
            yield Static(f"An error in tui-runs while {printable(self._what)}", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static("\n".join(map(printable, self._details.splitlines())), markup=False)
            yield Static("c copies the text for a report · esc closes", classes="dialog-keys", markup=False)

    def action_copy(self) -> None:
        """Copy by the terminal's own clipboard sequence."""
        self.app.copy_to_clipboard(f"tui-runs, while {self._what}\n{self._details}")
        self.notify("Copied.")
