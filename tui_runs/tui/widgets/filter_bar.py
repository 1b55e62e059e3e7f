"""The filter: one line above the table that narrows it down while it is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from tui_runs.display import printable
from tui_runs.errors import QueryError
from tui_runs.tui.filter_history import FilterHistory
from tui_runs.tui.widgets.completions import Completions

if TYPE_CHECKING:
    from tui_runs.analysis.completion import Suggestion

_PLACEHOLDER: Final = "filter: words, or metrics.loss < 0.3 and params.opt = adam"
_SIGN: Final = 3
"""Cells before the text."""
Complete = Callable[[str, int], "Sequence[Suggestion]"]


class FilterInput(Input):
    """The text field: escape empties it and gives the keys back to the table."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "clear", id="filter.clear", tooltip="Empty the filter and go back to the table"),
        Binding("tab", "complete", "complete", show=False, id="filter.complete",
                tooltip="Take what is suggested: the first, or the one chosen with the arrows"),
        Binding("down", "next", "next", show=False, id="filter.next",
                tooltip="The next suggestion, the filter after this one, or the table"),
        Binding("up", "previous", "previous", show=False, id="filter.previous",
                tooltip="The suggestion before, or the filter that was used before"),
    ]  # fmt: skip

    class Left(Message):
        """The user is done typing."""

    class Asked(Message):
        """A key was pressed that is about suggestions or earlier filters.

        Args:
            what: "complete", "next" or "previous".
        """

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    class Moved(Message):
        """The field was entered or left."""

    def action_dismiss(self) -> None:
        """Empty the filter and leave."""
        self.value = ""
        self.post_message(self.Left())

    def action_complete(self) -> None:
        """Take a suggestion."""
        self.post_message(self.Asked("complete"))

    def action_next(self) -> None:
        """On to the next of whatever there is."""
        self.post_message(self.Asked("next"))

    def action_previous(self) -> None:
        """Back to the one before."""
        self.post_message(self.Asked("previous"))

    def on_focus(self) -> None:
        """Tell the bar."""
        self.post_message(self.Moved())

    def on_blur(self, event: events.Blur) -> None:
        """Tell the bar."""
        self.post_message(self.Moved())


class FilterBar(Horizontal):
    """The filter and how many runs pass it, or why it is not understood.

    Args:
        text: what is typed in it at the beginning.
        complete: says what could be typed at a place of a text, the likeliest first.
        history: the filters that were used before.
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

    def __init__(self, text: str, complete: Complete, history: FilterHistory) -> None:
        super().__init__()
        self._text, self._complete, self._history = text, complete, history
        self._history_read = False

    def compose(self) -> ComposeResult:
        """Sign, field, count; and the list that hangs below."""
        yield Static("/", id="filter-sign", markup=False)
        yield FilterInput(self._text, _PLACEHOLDER, select_on_focus=False, compact=True, id="filter-input")
        yield Static("", id="filter-count", markup=False)
        yield Completions()

    @property
    def field(self) -> FilterInput:
        """The text field."""
        return self.query_one(FilterInput)

    @property
    def _list(self) -> Completions:
        return self.query_one(Completions)

    def say(self, shown: int, total: int, mistake: QueryError | None) -> None:
        """Show how many runs pass, of how many; nothing while there is no filter; or what is wrong with it."""
        text = f"{shown:,} of {total:,}" if self.field.value.strip() else ""
        if mistake is not None:
            text = printable(f"{mistake.position + 1}: {mistake.reason} {mistake.remedy}".strip())
        count = self.query_one("#filter-count", Static)
        count.set_class(mistake is not None, "-mistake")
        count.update(text)

    def _suggest(self) -> None:
        """Show what could be typed where the cursor is."""
        text, cursor = self.field.value, self.field.cursor_position
        if not self.field.has_focus or not text.strip():
            self._list.show(())
            return
        # What is there already is no suggestion.
        found = [one for one in self._complete(text, cursor) if one.text != text[one.start : one.end]]
        self._list.show(found, _SIGN + cell_len(text[: found[0].start]) if found else 0)

    def _take(self, suggestion: Suggestion) -> None:
        field = self.field
        field.value = field.value[: suggestion.start] + suggestion.text + field.value[suggestion.end :]
        field.cursor_position = suggestion.start + len(suggestion.text)

    def _recall(self, text: str | None) -> bool:
        if text is None:
            return False
        self.field.value = text
        self.field.cursor_position = len(text)
        self._list.show(())
        return True

    @on(FilterInput.Asked)
    def _asked(self, event: FilterInput.Asked) -> None:
        event.stop()
        if event.what == "complete":
            suggestion = self._list.chosen or self._list.first
            if suggestion is not None:
                self._take(suggestion)
        elif event.what == "next":
            if not self._list.move(1) and not self._recall(self._history.forth()) and self._list.chosen is None:
                self._leave()
        elif not self._list.move(-1):
            self._recall(self._history.back(self.field.value))

    @on(FilterInput.Moved)
    def _entered_or_left(self, event: FilterInput.Moved) -> None:
        event.stop()
        if self.field.has_focus and not self._history_read:
            self._history_read = True
            self.run_worker(self._history.load, thread=True)
        self._suggest()

    @on(Completions.Picked)
    def _picked(self, event: Completions.Picked) -> None:
        event.stop()
        self._take(event.suggestion)
        self.field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass the text on."""
        event.stop()
        self._suggest()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the suggestion that was moved to, and leaves where there is none."""
        event.stop()
        if (suggestion := self._list.chosen) is not None:
            self._take(suggestion)
        else:
            self._leave()

    def _leave(self) -> None:
        if self._history.use(self.field.value):
            self.run_worker(self._history.save, thread=True)
        self.post_message(FilterInput.Left())
