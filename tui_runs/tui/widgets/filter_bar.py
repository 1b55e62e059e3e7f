"""The filter: one line above the table that narrows it down while it is typed."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from tui_runs.display import printable
from tui_runs.errors import QueryError

_PLACEHOLDER: Final = "filter: words, or metrics.loss < 0.3 and params.opt = adam"


class FilterInput(Input):
    """The text field; escape empties it and gives the keys back to the table, tab takes what is suggested."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "clear", id="filter.clear", tooltip="Empty the filter and go back to the table"),
        Binding("tab", "cursor_right", "complete", show=False, id="filter.complete", tooltip="Take the suggestion"),
        Binding("down", "leave", "to the table", show=False, id="filter.leave", tooltip="Go to the table"),
    ]

    class Left(Message):
        """The user is done typing."""

    def action_dismiss(self) -> None:
        """Empty the filter and leave."""
        self.value = ""
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Leave, and keep what is typed."""
        self.post_message(self.Left())


class FilterBar(Horizontal):
    """The filter and how many runs pass it, or why it is not understood.

    Args:
        text: what is typed in it at the beginning.
        suggester: offers what could be typed next.
    """

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        background: $background;
        #filter-sign { width: 3; color: $primary; text-style: bold; padding: 0 1; }
        #filter-count { width: auto; max-width: 60%; color: $foreground-muted; padding: 0 1; }
        #filter-count.-mistake { color: $warning; }
        FilterInput { width: 1fr; background: $background; padding: 0; }
        FilterInput:focus { background: $background; }
    }
    """

    class Changed(Message):
        """The text is different now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

        def can_replace(self, message: Message) -> bool:
            """Of a burst, only the last matters."""
            return isinstance(message, FilterBar.Changed)

    def __init__(self, text: str, suggester: Suggester) -> None:
        super().__init__()
        self._text, self._suggester = text, suggester

    def compose(self) -> ComposeResult:
        """Sign, field, count."""
        yield Static("/", id="filter-sign", markup=False)
        yield FilterInput(
            self._text, _PLACEHOLDER, suggester=self._suggester, select_on_focus=False, compact=True, id="filter-input"
        )
        yield Static("", id="filter-count", markup=False)

    def on_mount(self) -> None:
        """The field gets the keys by `/`, not by tab."""
        self.field.can_focus = True

    @property
    def field(self) -> FilterInput:
        """The text field."""
        return self.query_one(FilterInput)

    def say(self, shown: int, total: int, mistake: QueryError | None) -> None:
        """Show how many runs pass, of how many; nothing while there is no filter; or what is wrong with it."""
        text = f"{shown:,} of {total:,}" if self.field.value.strip() else ""
        if mistake is not None:
            text = printable(f"{mistake.position + 1}: {mistake.reason} {mistake.remedy}".strip())
        count = self.query_one("#filter-count", Static)
        count.set_class(mistake is not None, "-mistake")
        count.update(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter leaves as well."""
        event.stop()
        self.post_message(FilterInput.Left())
