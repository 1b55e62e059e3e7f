"""All keys, made from the tables of bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui_runs.tui.keymap import shown_keys, spell
from tui_runs.tui.widgets.diff_view import DiffView
from tui_runs.tui.widgets.figures_pane import FiguresPane
from tui_runs.tui.widgets.file_tree import FileTree
from tui_runs.tui.widgets.files_pane import FilesPane
from tui_runs.tui.widgets.filter_bar import FilterInput
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable
from tui_runs.tui.widgets.log_pane import LogPane

if TYPE_CHECKING:
    from tui_runs.tui.app import TuiRunsApp

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
_WIDE: Final = 150
"""Columns of a terminal in which two lists of keys stand beside each other."""
_ELSEWHERE: Final = {
    "In the table": FrameTable.BINDINGS,
    "In the filter": FilterInput.BINDINGS,
    "In the files": [
        *FileTree.BINDINGS[-2:],
        *FilesPane.BINDINGS,
    ],
    "In the log": LogPane.BINDINGS,
    "In parallel coordinates": FiguresPane.BINDINGS,
    "In the comparison": [binding for binding in DiffView.BINDINGS if binding not in MOVES],
}


class HelpScreen(ModalScreen[None]):
    """Lists every key and what it does."""

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    HelpScreen .dialog Horizontal { height: auto; }
    HelpScreen .dialog Horizontal Static { width: 1fr; padding: 0 2 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter", "dismiss", "close", id="help.close", tooltip="Close the help")
    ]

    app: TuiRunsApp

    def compose(self) -> ComposeResult:
        """The keys in a text that scrolls; in two where there is room beside each other."""
        sections = self._sections()
        columns = [sections]
        if self.app.size.width >= _WIDE:
            lines = [section.row_count + 1 for section in sections]
            half = min(range(len(sections)), key=lambda at: abs(2 * sum(lines[:at]) - sum(lines)))
            columns = [sections[:half], sections[half:]]
        with Vertical(classes="dialog"):
            yield Static("Keys", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True), Horizontal():
                for column in columns:
                    yield Static(Group(*column), markup=False)
            yield Static(_MOUSE, classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        """Two columns need more room than other dialogs."""
        if self.app.size.width >= _WIDE:
            self.query_one(".dialog").styles.width = "96%"

    def _sections(self) -> list[Table]:
        found = []
        for group, title in _GROUPS.items():
            of_group = [key for key in self.app.main_keys if key.id.split(".")[0] == group]
            lines = [(key.spelt if key.shown else spell(key.keys), key.says) for key in of_group]
            found.append(self._section(title, lines))
        for title, bindings in _ELSEWHERE.items():
            own = [one for one in bindings if isinstance(one, Binding)]
            lines = [(shown_keys(one, self.app), one.tooltip or one.description) for one in own]
            found.append(self._section(title, lines))
        return found

    def _section(self, title: str, lines: Sequence[tuple[str, str]]) -> Table:
        variables = self.app.theme_variables
        look, muted = f"bold {variables.get('primary', '')}", variables.get("muted", "")
        section = Table(box=None, show_header=False, expand=True, title=title, title_justify="left", title_style=muted)
        section.add_column(width=12, style=look, no_wrap=True)
        section.add_column(ratio=1)
        for spelt, says in lines:
            section.add_row(Text(spelt), Text(says))
        section.add_row()
        return section
