"""What differs between the marked runs, as a table: keys down, runs across, the first of them the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from tui_runs.analysis.diff import DiffRow, relative_change
from tui_runs.analysis.ranking import better_direction
from tui_runs.display import number, printable
from tui_runs.tui.widgets.text_pane import TextPane

_KEY_WIDTH: Final = 24
_LEAST_WIDTH, _MOST_WIDTH = 9, 22
"""Cells of one run's column."""
_TITLES: Final = {"param": "params", "metric": "metrics, last", "tag": "tags"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs that are compared.

    Args:
        names: of the runs, the baseline first.
        colours: `#rrggbb` of each.
        rows: of all kinds, in the order to be shown.
        differing_only: leave out what is the same everywhere.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    rows: tuple[DiffRow, ...]
    differing_only: bool


class DiffView(TextPane):
    """Shows a comparison; scrolls. Runs that do not fit are counted, not squeezed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._comparison: Comparison | None = None
        self._drawn: object = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="diff-text", markup=False)

    def show(self, comparison: Comparison | None) -> None:
        """Show another comparison; None where there is nothing to compare."""
        self._comparison = comparison
        self._draw()

    def on_resize(self) -> None:
        """As many runs as fit now."""
        self._draw()

    def _draw(self) -> None:
        width = self.size.width - 2
        state = (self._comparison, width, self.app.theme)
        if state != self._drawn and width > 0:
            self._drawn = state
            self.query_one("#diff-text", Static).update(self._text(width))

    def _text(self, width: int) -> Text:
        variables = self.app.theme_variables
        looks = {name: variables.get(name, "") for name in ("muted", "warning", "error", "success")}
        comparison = self._comparison
        if comparison is None:
            return Text("Mark two runs or more with space, and what differs between them stands here.", looks["muted"])
        return _Table(comparison, width, looks).text()


class _Table:
    """Lays a comparison out for a width."""

    def __init__(self, comparison: Comparison, width: int, looks: dict[str, str]) -> None:
        self._comparison, self._looks = comparison, looks
        rows = [row for row in comparison.rows if row.differs or not comparison.differing_only]
        longest = max((cell_len(printable(row.key)) for row in rows), default=4)
        self._rows, self._key_width = rows, min(longest, _KEY_WIDTH, max(width // 3, 6))
        room = width - self._key_width
        self._fitting = max(1, min(len(comparison.names), room // (_LEAST_WIDTH + 2)))
        self._width = max(3, min(_MOST_WIDTH, room // self._fitting - 2))

    def text(self) -> Text:
        """The table."""
        comparison, looks = self._comparison, self._looks
        text = Text(no_wrap=True, overflow="crop")
        text.append(" " * self._key_width, looks["muted"])
        for name, colour in list(zip(comparison.names, comparison.colours, strict=True))[: self._fitting]:
            text.append("  " + self._right(printable(name)), f"bold {colour}")
        text.append("\n")
        kind = ""
        for row in self._rows:
            if row.kind != kind:
                kind = row.kind
                text.append(f"{_TITLES[kind]}\n", f"bold {looks['muted']}")
            self._add(text, row)
        if not self._rows:
            text.append("These runs have the same params, metrics and tags.\n", looks["muted"])
        hidden = len(comparison.rows) - len(self._rows)
        if hidden:
            text.append(f"\n{hidden} the same everywhere; d shows them\n", looks["muted"])
        more = len(comparison.names) - self._fitting
        if more:
            text.append(f"\n{more} more run{'s' if more > 1 else ''} beyond the edge; z makes room\n", looks["muted"])
        return text

    def _add(self, text: Text, row: DiffRow) -> None:
        text.append(self._left(printable(row.key)), self._looks["muted"] if row.differs else "dim")
        for position, value in enumerate(row.values[: self._fitting]):
            text.append("  ")
            if value is None:
                text.append(self._right("missing"), self._looks["muted"])
            elif value == "":
                text.append(self._right('""'), self._looks["warning"])
            elif isinstance(value, str):
                text.append(self._right(printable(value)), "" if row.differs else self._looks["muted"])
            else:
                self._add_number(text, row, position, value)
        text.append("\n")

    def _add_number(self, text: Text, row: DiffRow, position: int, value: float) -> None:
        """A metric: its value, and for all but the baseline how much better or worse it is."""
        shown = number(value)
        change = relative_change(value, row.values[0]) if position else None
        if change is None or change == 0:
            text.append(self._right(shown), self._looks["error"] if shown in ("NaN", "∞", "-∞") else "")
            return
        gain = change * better_direction(row.key)
        share = f" {change:+.1%}" if abs(change) >= 0.001 else f" {change:+.2%}"
        note = share if abs(change) < 9.995 else f" ×{change + 1:.0f}"
        if len(shown) + len(note) > self._width:
            note = ""
        text.append(
            self._right(shown + note), self._looks["success"] if gain > 0 else self._looks["error"] if gain < 0 else ""
        )

    def _left(self, text: str) -> str:
        return _fitted(text, self._key_width)

    def _right(self, text: str) -> str:
        return " " * (self._width - cell_len(text)) + _fitted(text, self._width).rstrip()


def _fitted(text: str, width: int) -> str:
    """Text in so many cells, filled up or cut with an ellipsis."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
