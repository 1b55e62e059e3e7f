"""Asks what is to be written, and where; the ending of the file's name says how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from tui_runs.display import printable
from tui_runs.errors import UsageError
from tui_runs.tui.exporting import Exported, format_of, render, write

_KEYS: Final = (
    "↑ ↓ choose what · enter writes it · without a name Markdown goes to the clipboard · esc closes\n"
    ".csv .json .jsonl .parquet for programs · .md .tex .html for people"
)
_MOST_COPIED: Final = 100_000
"""Characters that terminals take for the clipboard."""


class ExportScreen(ModalScreen[None]):
    """Writes in a thread.

    Args:
        choices: what can be written, by what it is called; made when it is asked for.
        first: which of them is most likely meant.
    """

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ExportScreen OptionList { background: $panel; border: none; height: auto; padding: 0; }
    ExportScreen Input { background: $panel; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "close", id="export.close", tooltip="Close without writing"),
        Binding("down", "move(1)", "down", show=False, id="export.down", tooltip="The next thing to write"),
        Binding("up", "move(-1)", "up", show=False, id="export.up", tooltip="The thing before"),
    ]

    class Done(Message):
        """It was written, or could not be.

        Args:
            says: what came of it.
            failed: nothing was written.
            copied: what is to go to the clipboard.
        """

        def __init__(self, says: str, *, failed: bool = False, copied: str = "") -> None:
            super().__init__()
            self.says, self.failed, self.copied = says, failed, copied

    def __init__(self, choices: Mapping[str, Callable[[], Exported]], first: int = 0) -> None:
        super().__init__()
        self._choices, self._first = dict(choices), first
        self._warned: Path | None = None

    def compose(self) -> ComposeResult:
        """What, where, keys."""
        with Vertical(classes="dialog"):
            yield Static("Export", classes="dialog-title", markup=False)
            yield OptionList(*self._choices, markup=False, compact=True)
            yield Input(placeholder="a file, such as runs.csv or report.html", compact=True)
            yield Static(_KEYS, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """The keys go to the name."""
        options = self.query_one(OptionList)
        options.can_focus = False
        options.highlighted = self._first
        self.query_one(Input).focus()

    def action_move(self, by: int) -> None:
        """Choose something else to write."""
        options = self.query_one(OptionList)
        options.highlighted = ((options.highlighted or 0) + by) % len(self._choices)

    @on(Input.Submitted)
    def _write(self, event: Input.Submitted) -> None:
        event.stop()
        name = list(self._choices)[self.query_one(OptionList).highlighted or 0]
        exported = self._choices[name]()
        text = event.value.strip()
        if not text:
            self.run_worker(lambda: self._copy(exported), thread=True, exclusive=True)
            return
        path = Path(text).expanduser()
        try:
            format_name = format_of(path)
        except UsageError as error:
            self._say(f"{error.message} {error.remedy}", failed=True)
            return

        def work() -> None:
            try:
                if path.exists() and self._warned != path:
                    self._warned = path
                    self.post_message(self.Done(f"{path} is there already; enter again replaces it.", failed=True))
                    return
                write(render(exported, format_name), path)
            except UsageError as error:
                self.post_message(self.Done(f"{error.message} {error.remedy}", failed=True))
            else:
                self.post_message(self.Done(f"Written: {path.absolute()}"))

        self.run_worker(work, thread=True, exclusive=True)

    def _copy(self, exported: Exported) -> None:
        text = render(exported, "markdown").decode()
        if len(text) > _MOST_COPIED:
            says = "That is more than a terminal takes for the clipboard; give a file."
            self.post_message(self.Done(says, failed=True))
        else:
            self.post_message(self.Done("Copied as Markdown.", copied=text))

    def _say(self, text: str, *, failed: bool = False) -> None:
        self.notify(printable(text), severity="warning" if failed else "information", markup=False)

    @on(Done)
    def _done(self, event: Done) -> None:
        event.stop()
        if event.copied:
            self.app.copy_to_clipboard(event.copied)
        self._say(event.says, failed=event.failed)
        if not event.failed:
            self.dismiss()
