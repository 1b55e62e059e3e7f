"""What lies below the table: which pane it is, how much room it has, and what its widgets want to know."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual import events, on

from tui_runs.analysis.chart_choices import Spread
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.actions.dialogs import DialogActions
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.widgets.below import Below
from tui_runs.tui.widgets.chart_grid import ChartGrid
from tui_runs.tui.widgets.files_pane import FilesPane
from tui_runs.tui.widgets.log_pane import LogPane
from tui_runs.tui.widgets.system_pane import SystemPane

_NARROW: Final = (100, 30)
"""Below this width or height there is room for the table or what is below it, not for both."""


class PaneActions(DialogActions):
    """The part of the main screen that shares its room between the table and the panes, and serves the panes."""

    def __init__(self, view: RunsView) -> None:
        super().__init__(view)
        self._zoomed = False
        self._detail = False

    # --- room -----------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Show both parts where there is room for them."""
        self._fit()

    def _fit(self) -> None:
        width, height = self.app.size
        self.set_class(width < _NARROW[0], "-narrow")
        only_one = self._zoomed or width < _NARROW[0] or height < _NARROW[1]
        self.set_class(only_one and not self._detail, "-only-table")
        self.set_class(only_one and self._detail, "-only-below")
        self.update_soon("below")

    def _go(self, *, below: bool) -> None:
        """Give the keys to the table, or to what is below it."""
        self._detail = below
        self._fit()
        if not below:
            self.table.focus()
        else:
            self.below.focus_pane()

    def grouped(self, on: bool) -> None:
        """Curves of a group are drawn as their mean and a band."""
        charts = self.below.charts
        charts.state = replace(charts.state, bands=Spread.DEVIATION if on else None)
        self.update_soon("below")

    def action_pane(self, name: str) -> None:
        """Show a pane below the table, one of `PANES`."""
        if name == self.below.pane == "system":
            self.below.system.switch()
        self.below.choose(name)
        if self.has_class("-only-table") or self.has_class("-only-below"):
            self._go(below=True)
        self.update_soon("below")

    def action_health(self) -> None:
        """What is wrong with runs, and a way to them."""
        from tui_runs.tui.screens.health import HealthScreen  # noqa: PLC0415  not needed at the start

        self.app.push_screen(HealthScreen(self.app.health.board, self.app.workspace), self._go_to)

    def _go_to(self, run: RunKey | None) -> None:
        """Put the cursor on a run, and show everything about it."""
        if run is None:
            return
        if self.table.move_cursor(key=tuple(run)):
            self.action_pane("run")
        else:
            self.notify("The filter hides this run, or it is in a group that is closed.", severity="warning")

    def action_diff(self) -> None:
        """Compare the marked runs; again: show what is the same everywhere too, or leave it out."""
        if self.below.pane == "compare":
            self.below.comparing.differing_only = not self.below.comparing.differing_only
            self.update_soon("below")
        else:
            self.action_pane("compare")

    def action_zoom(self) -> None:
        """One part on the whole screen, or both."""
        self._zoomed = not self._zoomed
        self._fit()

    def action_next_pane(self) -> None:
        """From the table to what is below it, and back."""
        self._go(below=not self._detail)

    # --- what the panes want --------------------------------------------------------------------------------------

    @on(Below.DetailsWanted)
    def _read_details(self, event: Below.DetailsWanted) -> None:
        self.app.fetch_details(event.run, event.what_for)

    @on(Below.ComparisonWanted)
    def _read_compared(self, event: Below.ComparisonWanted) -> None:
        self.app.fetch_compared(event.runs)

    @on(Below.Changed)
    def _below_changed(self) -> None:
        self.update_soon("below")

    @on(FilesPane.Wanted)
    def _read_files(self, event: FilesPane.Wanted) -> None:
        if not self.app.ask_files(event.run, event.what_for, event.question, event.read):
            self.below.files.say("This kind of store has no files of runs.")

    @on(LogPane.Wanted)
    def _read_log(self, event: LogPane.Wanted) -> None:
        if not self.app.ask_log(event.run, event.question, event.read):
            self.below.log_pane.say("This kind of store keeps no console log.")

    @on(SystemPane.Wanted)
    def _read_machine(self, event: SystemPane.Wanted) -> None:
        self.app.read_machine(event.paths, event.runs)

    @on(ChartGrid.PageChanged)
    def _page_changed(self) -> None:
        self.update_soon("below")
