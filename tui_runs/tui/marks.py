"""The runs that the user marked, and how each is drawn."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tui_runs.frames.catalog import RunKey


@dataclass(frozen=True, slots=True)
class Look:
    """How a run is drawn everywhere.

    Args:
        colour: `#rrggbb`.
        dash: which dash pattern.
    """

    colour: str
    dash: int = 0


@dataclass(slots=True)
class Marks:
    """Marked runs in the order in which they were marked."""

    runs: list[RunKey] = field(default_factory=list)

    def toggle(self, run: RunKey) -> None:
        """Mark a run, or unmark it."""
        if run in self.runs:
            self.runs.remove(run)
        else:
            self.runs.append(run)

    def keep(self, known: Iterable[RunKey]) -> None:
        """Unmark runs that are gone."""
        there = set(known)
        self.runs = [run for run in self.runs if run in there]

    def clear(self) -> None:
        """Unmark all."""
        self.runs = []

    def looks(self) -> Mapping[RunKey, Look]:
        """The look of each marked run: stable for a run, and no two alike."""
        if not self.runs:
            return {}
        from tui_runs.drawing import run_looks  # noqa: PLC0415  imports numpy, which the first rows do not need
        from tui_runs.drawing.terminals import colours_for  # noqa: PLC0415

        looks = run_looks([run.run_id for run in self.runs], colours=colours_for(os.environ))
        return {run: Look(colour, dash) for run, (colour, dash) in zip(self.runs, looks, strict=True)}
