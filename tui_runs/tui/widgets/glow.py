"""Which cells of a table changed lately: they glow, and grow weaker until they look as the others do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tui_runs.tui.widgets.columns import RowKey

BRIGHTEST: Final = 3
"""Steps in which a cell fades."""


class Glow:
    """How bright each cell that changed is, from BRIGHTEST down to 1; it is empty most of the time."""

    def __init__(self) -> None:
        self._brightness: dict[RowKey, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._brightness)

    def light(self, before: Mapping[RowKey, Mapping[str, str]], after: Mapping[RowKey, Mapping[str, str]]) -> None:
        """Light the cells whose texts differ; those of rows and columns that were not there before do not.

        Args:
            before: texts by column name, by row.
            after: the same.
        """
        for key, texts in after.items():
            if key in before and before[key] != texts:
                old = before[key]
                changed = [name for name, text in texts.items() if old.get(name, text) != text]
                if changed:
                    self._brightness.setdefault(key, {}).update(dict.fromkeys(changed, BRIGHTEST))

    def fade(self) -> None:
        """Let all of them be one step weaker."""
        weaker = {
            key: {name: brightness - 1 for name, brightness in cells.items() if brightness > 1}
            for key, cells in self._brightness.items()
        }
        self._brightness = {key: cells for key, cells in weaker.items() if cells}

    def of(self, key: RowKey, columns: Sequence[str]) -> tuple[tuple[int, int], ...]:
        """The cells of a row that glow: their places among the columns, and how bright they are."""
        cells = self._brightness.get(key)
        if cells is None:
            return ()
        return tuple([(place, cells[name]) for place, name in enumerate(columns) if name in cells])
