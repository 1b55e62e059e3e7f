"""The panes below the table, said once: tabs, the notes beside them and who takes the keys come from this table."""

from __future__ import annotations

from typing import Final, NamedTuple


class Pane(NamedTuple):
    """A pane.

    Args:
        name: as actions and saved views call it.
        title: on its tab.
        keys_to: the selector of the widget in it that takes the keys; without one they stay with the table.
        of_cursor: it is about the run under the table's cursor.
        widget: the id of what is shown, where that is not the name.
        draws: the runs' curves are in it.
    """

    name: str
    title: str
    keys_to: str = ""
    of_cursor: bool = False
    widget: str = ""
    draws: bool = False


PANES: Final = {
    pane.name: pane
    for pane in (
        Pane("compare", "Compare", "#diff", widget="charts", draws=True),
        Pane("charts", "Charts", draws=True),
        Pane("run", "Run", "#run", of_cursor=True),
        Pane("files", "Files", "#files-tree", of_cursor=True),
        Pane("log", "Log", "#log-lines", of_cursor=True),
        Pane("system", "System", "#machine", draws=True),
        Pane("figures", "Figures", "#figures"),
    )
}
