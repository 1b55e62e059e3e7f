"""The filter: one line above the table in which words narrow it down while they are typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FilterInput(Input):
    """The text field; escape empties it and gives the keys back to the table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "clear", id="filter.clear", tooltip="Empty the filter and go back to the table"),
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
    """The filter and how many runs pass it."""

    DEFAULT_CSS = """
    FilterBar {
        height: 1;
        background: $background;
        #filter-sign { width: 3; color: $primary; text-style: bold; padding: 0 1; }
        #filter-count { width: auto; color: $foreground-muted; padding: 0 1; }
        FilterInput { width: 1fr; background: $background; padding: 0; }
        FilterInput:focus { background: $background; }
    }
    """

    class Changed(Message):
        """The words are different now."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

        def can_replace(self, message: Message) -> bool:
            """Of a burst, only the last matters."""
            return isinstance(message, FilterBar.Changed)

    def compose(self) -> ComposeResult:
        """Sign, field, count."""
        yield Static("/", id="filter-sign", markup=False)
        yield FilterInput(placeholder="filter: words in names, params, tags, notes", compact=True, id="filter-input")
        yield Static("", id="filter-count", markup=False)

    def on_mount(self) -> None:
        """The field gets the keys by `/`, not by tab."""
        self.field.can_focus = True

    @property
    def field(self) -> FilterInput:
        """The text field."""
        return self.query_one(FilterInput)

    def say(self, shown: int, total: int) -> None:
        """Show how many runs pass, of how many; nothing while there is no filter."""
        text = f"{shown:,} of {total:,}" if self.field.value.strip() else ""
        self.query_one("#filter-count", Static).update(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the words on."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter leaves as well."""
        event.stop()
        self.post_message(FilterInput.Left())
