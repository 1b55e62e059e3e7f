"""What is compared: the marked runs, against which of them, and what of the comparison is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tui_runs.analysis.diff import DiffRow, Facts, compare
from tui_runs.analysis.direction import Direction, direction_of
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.comparison import facts_of
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.marks import Look


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs that are compared.

    Args:
        runs: two or more.
        names: of the runs.
        colours: `#rrggbb` of each.
        rows: of all kinds, in the order to be shown.
        baseline: the place among the runs of the one that the others are held against; None holds each against the
            one before.
        alike: how many rows are left out as they are the same in all runs.
        ignored: how many are left out as the user does not want to see them.
        better: which way metrics are better, by key, where the user says so.
    """

    runs: tuple[RunKey, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    rows: tuple[DiffRow, ...]
    baseline: int | None = 0
    alike: int = 0
    ignored: int = 0
    better: Mapping[str, Direction | None] = field(default_factory=dict)

    def direction(self, row: DiffRow) -> Direction | None:
        """Which way a row is better; None where that is not known."""
        return direction_of(row.key, self.better) if row.kind == "metric" else None


@dataclass(slots=True)
class Comparing:
    """The user's choice, and what has been read for it.

    Args:
        differing_only: leave out what is the same in all runs.
        baseline: the run that the others are held against; the first marked one where that is not among the marked.
        each_before: hold each run against the one before instead.
        ignore: regular expressions; rows in whose full name, such as `params.seed`, one is found are left out.
    """

    differing_only: bool = True
    baseline: RunKey | None = None
    each_before: bool = False
    ignore: tuple[str, ...] = ()
    details: Mapping[RunKey, Facts] = field(default_factory=dict)
    """What sources know of the runs beyond params, metrics and tags, as far as it was read."""

    def comparison(
        self, workspace: Workspace, looks: Mapping[RunKey, Look], better: Mapping[str, Direction | None]
    ) -> Comparison:
        """Compare runs by what is known of them now.

        Args:
            workspace: what is known.
            looks: the runs, in their order, and how each is drawn.
            better: which way metrics are better, where the user says so.
        """
        runs = tuple(looks)
        names = workspace.catalog.names(runs)
        rows = compare(facts_of(workspace, runs, self.details))
        ignored = [re.compile(pattern) for pattern in self.ignore]
        wanted = [row for row in rows if not any(pattern.search(row.name) for pattern in ignored)]
        shown = [row for row in wanted if row.differs or not self.differing_only]
        baseline = None if self.each_before else runs.index(self.baseline) if self.baseline in runs else 0
        return Comparison(
            runs,
            tuple(names.get(run, run.run_id) for run in runs),
            tuple(look.colour for look in looks.values()),
            tuple(shown),
            baseline,
            alike=len(wanted) - len(shown),
            ignored=len(rows) - len(wanted),
            better=better,
        )

    def choose_baseline(self, run: RunKey) -> None:
        """Hold the others against this run; where they are already, each against the one before."""
        self.each_before = self.baseline == run and not self.each_before
        self.baseline = run

    def ignore_row(self, row: DiffRow) -> None:
        """Leave a row out from now on."""
        self.ignore = (*self.ignore, f"^{re.escape(row.name)}$")


def told(comparison: Comparison | None) -> Sequence[str]:
    """What stands beside the tabs while runs are compared."""
    if comparison is None:
        return []
    against = "each against the one before"
    if comparison.baseline is not None:
        against = f"against {comparison.names[comparison.baseline]}"
    says = [f"{len(comparison.runs)} runs, {against}"]
    if comparison.alike:
        says.append(f"{comparison.alike} the same (d)")
    if comparison.ignored:
        says.append(f"{comparison.ignored} ignored (I)")
    return says
