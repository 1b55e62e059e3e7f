"""Which colour is which run: in one line, or in one for each run with its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.display import clip, printable

_STROKES: Final = ("━━", "╺╸", "┅┅", "┉┉")
"""What a legend shows of the dash patterns of `tui_runs.drawing.DASHES`."""
_NAME: Final = 28
"""Cells of a name."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A run in the legend.

    Args:
        name: its name.
        colour: `#rrggbb`.
        dash: which dash pattern.
        facts: what else to say of it where there is a line for each: its values, what it was started with.
    """

    name: str
    colour: str
    dash: int
    facts: tuple[str, ...] = ()


class Legend(Widget):
    """Says how many runs did not fit."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"legend--muted"}
    DEFAULT_CSS = """
    Legend { height: 1; background: $background; .legend--muted { color: $foreground-muted; } }
    """

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[LegendEntry, ...] = ()
        self._note = ""
        self._lines = 1

    def show(self, entries: Sequence[LegendEntry], note: str, lines: int = 1) -> None:
        """Replace the runs, and what stands at the right end.

        Args:
            entries: the runs.
            note: for the right end of the first line.
            lines: how many to take; from two on, every run has one of its own.
        """
        if lines != self._lines:
            self._lines = self.styles.height = lines
        if (tuple(entries), note) != (self._entries, self._note):
            self._entries, self._note = tuple(entries), note
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line; see `textual.widget.Widget.render_line`."""
        if self.size.height > 1 or (len(self._entries) == 1 and self._entries[0].facts):
            return self._own_line(y)
        width, ground = self.size.width, self.rich_style
        muted = self.get_component_rich_style("legend--muted")
        note = Segment(self._note, muted)
        room = width - cell_len(self._note) - 2
        segments: list[Segment] = []
        used = 0
        for number, entry in enumerate(self._entries):
            name = _name(entry)
            length = cell_len(name) + 5
            more = len(self._entries) - number
            if used + length + (8 if more > 1 else 0) > room:
                segments.append(Segment(f"+{more} more", muted))
                used += len(f"+{more} more")
                break
            segments.append(Segment(f"{_stroke(entry)} {name}  ", ground + Style(color=entry.colour)))
            used += length
        gap = max(width - used - cell_len(self._note) - 1, 0)
        return Strip([*segments, Segment(" " * gap, ground), note, Segment(" ", ground)]).crop(0, width)

    def _own_line(self, y: int) -> Strip:
        """A run, its facts in columns; the last line says how many runs there is no line for."""
        width, ground = self.size.width, self.rich_style
        muted = self.get_component_rich_style("legend--muted")
        hidden = len(self._entries) - self.size.height + 1
        if y == self.size.height - 1 and hidden > 1:
            return Strip([Segment(f"+{hidden} more", muted)]).adjust_cell_length(width, ground)
        if y >= len(self._entries):
            return Strip.blank(width, ground)
        entry = self._entries[y]
        names = max(cell_len(_name(one)) for one in self._entries)
        line = [Segment(f"{_stroke(entry)} {set_cell_size(_name(entry), names)}  ", ground + Style(color=entry.colour))]
        note = self._note if y == 0 else ""
        room = width - names - 5 - cell_len(note) - 2
        for place, fact in enumerate(entry.facts):
            if room < 4:
                break
            text = clip(printable(fact), room)
            if place < len(entry.facts) - 1:  # the last one may be long, and nothing stands beside it
                cells = max(cell_len(printable(one.facts[place])) for one in self._entries)
                text = set_cell_size(text, min(cells, room)) + "  "
            line.append(Segment(text, ground if place == 0 else muted))
            room -= cell_len(text)
        strip = Strip(line).adjust_cell_length(width - cell_len(note) - 1, ground)
        return Strip([*strip, Segment(note, muted), Segment(" ", ground)]).adjust_cell_length(width, ground)


def _name(entry: LegendEntry) -> str:
    name = printable(entry.name)
    return name if cell_len(name) <= _NAME else set_cell_size(name, _NAME - 1) + "…"


def _stroke(entry: LegendEntry) -> str:
    return _STROKES[entry.dash % len(_STROKES)]
