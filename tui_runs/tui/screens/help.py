"""All keys, made from the tables of bindings."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.tui import keys
from tui_runs.tui.widgets.filter_bar import FilterInput
from tui_runs.tui.widgets.frame_table import FrameTable

_GROUPS = {
    "runs": "Runs",
    "columns": "Columns",
    "view": "Charts and panes",
    "chart": "In the charts",
    "live": "Live",
    "store": "Store",
    "app": "Program",
}
_MOUSE = "esc closes · the mouse works too: a click on a title sorts, one at the left edge marks"
_SPELT = {
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
}


class HelpScreen(ModalScreen[None]):
    """Lists every key and what it does."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="help.close", tooltip="Close the help")
    ]

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        with Vertical(classes="dialog"):
            yield Static("Keys", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(self._text(), markup=False)
            yield Static(_MOUSE, classes="dialog-keys", markup=False)

    def _text(self) -> Text:
        key_look = f"bold {self.app.theme_variables.get('primary', '')}"
        muted = self.app.theme_variables.get("muted", "")
        text = Text()
        for group, title in _GROUPS.items():
            text.append(f"{title}\n", muted)
            for key in keys.MAIN:
                if key.id.split(".")[0] == group:
                    _line(text, key.spelt if key.shown else _spell(key.keys), key.says, key_look)
            text.append("\n")
        for title, bindings in (("In the table", FrameTable.BINDINGS), ("In the filter", FilterInput.BINDINGS)):
            text.append(f"{title}\n", muted)
            for binding in bindings:
                if isinstance(binding, Binding):
                    _line(text, _spell(binding.key), binding.tooltip or binding.description, key_look)
            text.append("\n")
        return text


def _spell(keys_of: str) -> str:
    return " ".join(_SPELT.get(key, key) for key in keys_of.split(","))


def _line(text: Text, spelt: str, says: str, look: str) -> None:
    text.append(f"  {spelt:<14}", look)
    text.append(f"{says}\n")
