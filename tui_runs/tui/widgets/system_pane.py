"""This machine as it is now, and beside it what the runs logged of theirs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from tui_runs.analysis.chart_choices import XAxis
from tui_runs.analysis.ranking import is_system
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.charts.state import ChartState
from tui_runs.tui.marks import Look, Marks
from tui_runs.tui.widgets.charts_pane import ChartsPane
from tui_runs.tui.widgets.machine_view import MachineView

if TYPE_CHECKING:
    from tui_runs.machine.owners import RunClaim
    from tui_runs.machine.watch import Snapshot
    from tui_runs.tui.app import TuiRunsApp

_SECONDS: Final = 1.0
"""Between two readings."""
_LATE_SECONDS: Final = 5.0
"""An answer that takes longer is said to be missing: a driver hangs, perhaps."""
_BESIDE: Final = 130
"""Cells from which on there is room for readings and charts."""


class SystemCharts(ChartsPane):
    """The charts of what runs logged of the machines that they ran on, by time.

    Args:
        workspace: where the runs are.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.state = ChartState(x=XAxis.RELATIVE)

    @property
    def metrics(self) -> list[str]:
        """The system metrics that the runs have, those of GPUs first."""
        return sorted(filter(is_system, super().metrics), key=lambda key: "gpu" not in key.lower())

    def series(self, runs: Sequence[RunKey]) -> list[SeriesKey]:
        """The curves on the screen, and what they are drawn over."""
        return super().series(runs) if self.display else []

    def offers(self, runs: Sequence[RunKey]) -> bool:
        """Whether some of these runs logged anything of their machine."""
        self._runs = tuple(runs)
        return bool(self.metrics)


class SystemPane(Horizontal):
    """Has the machine read once a second while it is on the screen, and never else.

    Args:
        workspace: where the runs are.
        marks: the marked runs.
    """

    DEFAULT_CSS = """
    SystemPane {
        height: 1fr;
        MachineView { width: 1fr; height: 1fr; }
        SystemCharts { width: 1fr; height: 1fr; }
    }
    """
    app: TuiRunsApp

    class Wanted(Message):
        """The machine is to be read.

        Args:
            paths: what lies on the file systems that are of interest.
            runs: those that a process may be of.
        """

        def __init__(self, paths: Sequence[str], runs: Sequence[RunClaim]) -> None:
            super().__init__()
            self.paths, self.runs = paths, runs

    def __init__(self, workspace: Workspace, marks: Marks) -> None:
        super().__init__(id="system")
        self._workspace, self._marks = workspace, marks
        self.view = MachineView(id="machine")
        self.charts = SystemCharts(workspace)
        self.charts.display = False
        self._charts_alone = self._logged = self._polling = False
        self._asked_at: float | None = None
        self._claims: tuple[int, Sequence[RunClaim]] = (-1, ())

    def compose(self) -> ComposeResult:
        """Readings and charts."""
        yield self.view
        yield self.charts

    # --- what is shown --------------------------------------------------------------------------------------------

    def show(self, looks: Mapping[RunKey, Look], note: str) -> None:
        """Show the machine, and what some runs logged of theirs where they did and there is room.

        Args:
            looks: the runs, and how each is drawn.
            note: for the charts' legend.
        """
        if not self._polling:
            self._polling = True
            self.set_interval(_SECONDS, self._poll)
            self._poll()
        self._logged = self.charts.offers(list(looks))
        beside = self.size.width >= _BESIDE
        self.charts.display = self._logged and (self._charts_alone or beside)
        self.view.display = not (self._logged and self._charts_alone)
        if self.charts.display:
            self.charts.show_runs(looks, note)

    def switch(self) -> None:
        """Show what the runs logged alone, or this machine too."""
        self._charts_alone = not self._charts_alone and self._logged

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of what is shown."""
        if self._is_late:
            return ("this machine does not answer",)
        if not self._logged:
            return ("the run logged no readings",)
        return ("6: this machine",) if self._charts_alone else ("6: what the run logged",)

    def take(self, snapshot: Snapshot) -> None:
        """Take in the machine's readings."""
        from tui_runs.tui.machine.lines import RunName  # noqa: PLC0415  not needed for the first screen

        if self._is_late:
            self.post_message(self.charts.PageChanged())  # it answers again
        self._asked_at = None
        found = {pid: RunKey(*run) for pid, run in snapshot.runs.items()}
        names, looks = self._workspace.catalog.names(found.values()), self._marks.looks()
        self.view.show(
            snapshot,
            {
                pid: RunName(names[run], looks[run].colour if run in looks else "")
                for pid, run in found.items()
                if run in names
            },
        )

    @property
    def _is_late(self) -> bool:
        return self._asked_at is not None and time.monotonic() - self._asked_at > _LATE_SECONDS

    def on_resize(self) -> None:
        """There may be room for both now, or for one only."""
        self.post_message(self.charts.PageChanged())

    # --- what is asked for ----------------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not (self.is_on_screen and self.app.screen is self.screen and self.app.following):
            return
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        elif self._is_late:
            self.post_message(self.charts.PageChanged())  # which says so; and it is asked again: a reading may fail
        else:
            return
        from tui_runs.machine.paths import local_path  # noqa: PLC0415  as above
        from tui_runs.tui.machine.sampler import run_claims  # noqa: PLC0415  as above

        catalog = self._workspace.catalog
        if self._claims[0] != catalog.runs_version:
            self._claims = catalog.runs_version, run_claims(catalog.runs)
        stores = [local_path(opened.source.uri) for opened in self._workspace.sources.values()]
        self.post_message(self.Wanted([path for path in stores if path] or [os.curdir], self._claims[1]))
