"""The list of what could not be read: what, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.adapter import Problem
from tui_runs.display import printable

_MOST = 500


class ProblemsScreen(ModalScreen[None]):
    """Shows problems as they were when it was opened."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,p,q,enter", "dismiss", "close", id="problems.close", tooltip="Close the list")
    ]

    def __init__(self, problems: Sequence[tuple[str, Problem]]) -> None:
        super().__init__()
        self._problems = problems

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        count = len(self._problems)
        with Vertical(classes="dialog"):
            yield Static(f"{count:,} problem{'s' if count != 1 else ''}", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(self._text(), markup=False)
            yield Static("esc closes", classes="dialog-keys", markup=False)

    def _text(self) -> Text:
        variables = self.app.theme_variables
        muted, warning = variables.get("muted", ""), variables.get("warning", "")
        if not self._problems:
            return Text("Everything could be read.")
        text = Text()
        for _, problem in self._problems[:_MOST]:
            text.append("▲ ", warning)
            text.append(printable(problem.what) + "\n", "bold")
            text.append(f"  {printable(problem.uri)}\n", muted)
            text.append(f"  {printable(problem.remedy)}\n\n")
        if len(self._problems) > _MOST:
            text.append(f"… and {len(self._problems) - _MOST:,} more; `tui-runs doctor` lists them all.\n", muted)
        return text
