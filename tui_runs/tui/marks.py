"""The runs that the user marked, and how each is drawn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_runs.frames.catalog import RunKey

if TYPE_CHECKING:
    from tui_runs.drawing.colours import Ground


@dataclass(frozen=True, slots=True)
class Look:
    """How a run is drawn everywhere.

    Args:
        colour: `#rrggbb`.
        dash: which dash pattern.
    """

    colour: str
    dash: int = 0


class Marks:
    """Marked runs in the order in which they were marked: a group of thousands may be marked at once."""

    def __init__(self) -> None:
        self._runs: dict[RunKey, None] = {}
        self._listed: list[RunKey] = []
        self._looks: dict[Ground, tuple[object, Mapping[RunKey, Look]]] = {}
        self.ground: Ground = "dark"
        """What the runs are drawn on."""

    @property
    def runs(self) -> list[RunKey]:
        """All of them; another list whenever others are marked."""
        return self._listed

    @runs.setter
    def runs(self, runs: Iterable[RunKey]) -> None:
        self._runs = dict.fromkeys(runs)
        self._listed = list(self._runs)

    def toggle(self, runs: Iterable[RunKey]) -> None:
        """Mark runs that are not marked yet; unmark them where all are."""
        runs = list(runs)
        if all(run in self._runs for run in runs):
            gone = set(runs)
            self.runs = [run for run in self._listed if run not in gone]
        else:
            self.runs = [*self._listed, *runs]

    def keep(self, known: Iterable[RunKey]) -> None:
        """Unmark runs that are gone."""
        there = set(known)
        if not there.issuperset(self._runs):
            self.runs = [run for run in self._listed if run in there]

    def clear(self) -> None:
        """Unmark all."""
        self.runs = []

    def looks(self, ground: Ground | None = None) -> Mapping[RunKey, Look]:
        """The look of each marked run: stable for a run, and no two alike.

        Args:
            ground: what they are drawn on, where it is not the screen.
        """
        if not self._listed:
            return {}
        from tui_runs.drawing import run_looks  # noqa: PLC0415  imports numpy, which the first rows do not need
        from tui_runs.drawing.terminals import colours_for  # noqa: PLC0415

        ground = ground or self.ground
        known = self._looks.get(ground)
        if known is None or known[0] is not self._listed:  # 60 us a run, and asked for in every line of the table
            looks = run_looks([run.run_id for run in self._listed], colours=colours_for(os.environ), ground=ground)
            found = {run: Look(colour, dash) for run, (colour, dash) in zip(self._listed, looks, strict=True)}
            known = self._looks[ground] = self._listed, found
        return known[1]
