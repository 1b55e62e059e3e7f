"""Charts that were drawn lately: a page that was left is there at once when somebody comes back to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.strip import Strip

if TYPE_CHECKING:
    from tui_runs.drawing import Area

_MOST_CELLS: Final = 60_000
"""Cells that are kept: the charts of eight screens of 160 x 45, at 50 to 200 bytes a cell."""


class Sketch(NamedTuple):
    """A chart as it was drawn."""

    strips: Sequence[Strip]
    area: Area | None


class Drawings:
    """What was drawn, by all that decides what it looks like; what was looked at longest ago goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Sketch] = OrderedDict()
        self._cells = 0

    def get(self, key: Hashable) -> Sketch | None:
        """A drawing that looks as this key says, if it is kept."""
        sketch = self._kept.get(key)
        if sketch is not None:
            self._kept.move_to_end(key)
        return sketch

    def keep(self, key: Hashable, sketch: Sketch) -> None:
        """Keep a drawing; the latest one is kept however large it is."""
        self._kept[key] = sketch
        self._cells += _cells(sketch)
        while self._cells > _MOST_CELLS and len(self._kept) > 1:
            self._cells -= _cells(self._kept.popitem(last=False)[1])


def _cells(sketch: Sketch) -> int:
    return sum(strip.cell_length for strip in sketch.strips)
