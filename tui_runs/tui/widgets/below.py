"""What lies below the table: one of the panes of `tui_runs.tui.panes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher

from tui_runs.analysis.direction import Direction
from tui_runs.analysis.progress import Best, best_so_far
from tui_runs.capabilities import Details
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.frames.progress import progress_of
from tui_runs.frames.workspace import Workspace
from tui_runs.tui.comparing import Comparing, Comparison, told
from tui_runs.tui.marks import Look, Marks
from tui_runs.tui.panes import PANES
from tui_runs.tui.status import pane_tabs
from tui_runs.tui.widgets.bars import Bar
from tui_runs.tui.widgets.charts_pane import ChartsPane
from tui_runs.tui.widgets.diff_view import DiffView
from tui_runs.tui.widgets.figure_view import FigureSubject
from tui_runs.tui.widgets.figures_pane import FiguresPane
from tui_runs.tui.widgets.files_pane import FilesPane
from tui_runs.tui.widgets.frame_table import FrameTable, TableMessage
from tui_runs.tui.widgets.log_pane import LogPane
from tui_runs.tui.widgets.run_pane import RunDetails, RunPane
from tui_runs.tui.widgets.system_pane import SystemPane

if TYPE_CHECKING:
    from tui_runs.export.html import HtmlCharts

MOST_CURVES: Final = 50
"""Marked runs that are drawn and compared."""


class Below(Vertical):
    """The panes, one of them shown. It takes what it shows from the workspace when it is told to.

    Args:
        workspace: where the runs are.
        marks: the marked runs; the screen changes them.
        cursor_run: says which run is under the table's cursor.
        cursor_runs: says which runs are: those of a group, perhaps.
        figure_subject: says what the figure is of.
    """

    class DetailsWanted(Message):
        """More is to be read of a run.

        Args:
            run: which.
            what_for: of what is wanted for the same, only the latest is read.
        """

        def __init__(self, run: RunKey, what_for: str = "details") -> None:
            super().__init__()
            self.run, self.what_for = run, what_for

    class ComparisonWanted(Message):
        """Runs are compared of which more is to be read.

        Args:
            runs: all that are compared.
        """

        def __init__(self, runs: Sequence[RunKey]) -> None:
            super().__init__()
            self.runs = runs

    class Changed(Message):
        """The user wants to see something else of what is shown."""

    def __init__(
        self,
        workspace: Workspace,
        marks: Marks,
        cursor_run: Callable[[], RunKey | None],
        cursor_runs: Callable[[], list[RunKey]],
        figure_subject: Callable[[], FigureSubject],
    ) -> None:
        super().__init__(id="below")
        self._workspace, self._marks, self._cursor_run, self._cursor_runs = workspace, marks, cursor_run, cursor_runs
        self.pane = "charts"
        self.comparing = Comparing()
        self.better: Mapping[str, Direction | None] = {}
        """Which way metrics are better, where the user says so."""
        self._compared: tuple[RunKey, ...] = ()
        self.charts = ChartsPane(workspace)
        self.files = FilesPane(id="files")
        self.log_pane = LogPane(id="log")
        self.figures = FiguresPane(workspace, id="figures")
        self._figure_subject = figure_subject
        self.system = SystemPane(workspace, marks)
        self._details: tuple[RunKey, pl.DataFrame] | None = None
        self._details_of: tuple[RunKey, object, object] | None = None
        self._best: tuple[RunKey, Best] | None = None
        self._updates: dict[str, Callable[[], None]] = {
            "compare": self._update_comparison,
            "charts": self._update_charts,
            "run": self._update_run,
            "files": self._update_files,
            "log": self._update_log,
            "figures": self._update_figures,
            "system": self._update_system,
        }
        """What brings each pane up to date."""

    def compose(self) -> ComposeResult:
        """Tabs, and the panes: the comparison stands beside the charts."""
        yield Bar(id="tabs")
        with ContentSwitcher(initial="charts", id="panes"):
            with Horizontal(id="charts"):
                yield DiffView(id="diff")
                yield self.charts
            yield RunPane(id="run")
            yield self.files
            yield self.log_pane
            yield self.figures
            yield self.system

    def forget_metrics(self) -> None:
        """Look again which metrics the charted runs have."""
        self.charts.forget_metrics()
        self.system.charts.forget_metrics()

    @property
    def charts_shown(self) -> ChartsPane:
        """The charts that the keys of charts are for."""
        return self.system.charts if self.pane == "system" else self.charts

    @property
    def diff(self) -> DiffView:
        """The comparison."""
        return self.query_one(DiffView)

    def exported_charts(self) -> HtmlCharts | None:
        """The curves of the runs that are charted, by step, of the metrics that are on the screen; those held."""
        from tui_runs.export.html import HtmlCharts  # noqa: PLC0415  not needed for the first screen
        from tui_runs.export.svg import SvgCurve, curves_svg  # noqa: PLC0415  imports numpy

        runs, looks = self.charted(), self._marks.looks("unknown")
        names = self._workspace.catalog.names(runs)
        charts = []
        for metric in self.charts.metrics_shown:
            curves = []
            for run in runs:
                points = self._workspace.histories.points(SeriesKey(*run, metric))
                if not points.is_empty() and run in looks:
                    x, y = points["step"].cast(pl.Float64).to_numpy(), points["value"].to_numpy()
                    curves.append(SvgCurve(names[run], looks[run].colour, x, y, looks[run].dash))
            charts.append(curves_svg(metric, curves))
        legend = [(names[run], looks[run].colour) for run in runs if run in looks]
        return HtmlCharts("Curves, by step", legend, charts)

    def choose(self, pane: str) -> None:
        """Show another pane, one of `PANES`."""
        self.pane = pane
        self.set_class(pane == "compare", "-compare")
        self.query_one("#panes", ContentSwitcher).current = PANES[pane].widget or pane

    def focus_pane(self) -> None:
        """Give the keys to what scrolls."""
        if keys_to := PANES[self.pane].keys_to:
            self.query_one(keys_to).focus()

    def charted(self) -> list[RunKey]:
        """The runs whose curves are drawn: the marked ones, or else the one under the cursor, or those of its group."""
        runs = self._marks.runs or [run for run in self._cursor_runs() if run in self._workspace.catalog]
        return runs[:MOST_CURVES]

    def series(self) -> list[SeriesKey]:
        """The curves on the screen; of the run pane, the one whose best value is told, and the speed."""
        if self.display and self.pane == "run" and self._best is not None:
            return [SeriesKey(*self._best[0], self._best[1].metric)]
        if not self.display or not PANES[self.pane].draws:
            return []
        return self.charts_shown.series(self.charted())

    def update_pane(self) -> None:
        """Show what is now known of the runs."""
        if not self.display:
            return
        self._updates[self.pane]()
        compared = told(self.query_one(DiffView).comparison) if self.pane == "compare" else ()
        compared = ["all runs in view"] if self.pane == "figures" else compared
        compared = self.system.notes if self.pane == "system" else compared
        tabs, right = pane_tabs(self.pane, len(self._marks.runs), self._cursor_run() is not None, compared)
        self.query_one("#tabs", Bar).show(tabs, right)

    def _update_run(self) -> None:
        self.query_one(RunPane).show(self._run_details(), self._workspace.now())

    def _update_files(self) -> None:
        self.files.show(self._cursor_run())

    def _update_log(self) -> None:
        self.log_pane.show(self._cursor_run())

    def _update_figures(self) -> None:
        self.figures.show_runs(self._figure_subject())

    def _update_comparison(self) -> None:
        self._update_charts()
        self.query_one(DiffView).show_comparison(self._comparison(self.charted()))

    def _run_details(self) -> RunDetails | None:
        run, catalog = self._cursor_run(), self._workspace.catalog
        if run is None or run not in catalog:
            return None
        facts, known = catalog.run(run), self._details
        # What a store knows more of a run is asked for when the cursor comes to it, and when the run has changed.
        if self._details_of != (run, facts["updated"], facts["status"]):
            self._details_of = (run, facts["updated"], facts["status"])
            self.post_message(self.DetailsWanted(run))
        params, tags = catalog.texts_of("params", run), catalog.texts_of("tags", run)
        details = known[1] if known is not None and known[0] == run else None
        metrics = catalog.metrics_of(run)
        best = best_so_far(metrics, self.better, partial(self._points, run))
        self._best = None if best is None else (run, best)
        return RunDetails(facts, params, tags, metrics, details, progress_of(self._workspace, run), best)

    def _points(self, run: RunKey, metric: str) -> pl.DataFrame:
        return self._workspace.histories.points(SeriesKey(*run, metric))

    def tick(self) -> None:
        """Let the ages and the time left go on that the run pane tells."""
        if self.display and self.pane == "run":
            self.query_one(RunPane).tick(self._workspace.now())

    def take_details(self, run: RunKey, details: Details) -> None:
        """Take in what the store knows more of a run."""
        for charts in (self.charts, self.system.charts):
            charts.take_details(run, details.frame)
        # What was asked for is kept wherever the cursor is by now: it is not asked for again.
        if self._details_of is not None and run == self._details_of[0]:
            self._details = run, details.frame

    @on(ChartsPane.DetailsWanted)
    def _read_of_charts(self, event: ChartsPane.DetailsWanted) -> None:
        event.stop()
        self.post_message(self.DetailsWanted(event.run, f"axes of {event.run}"))

    def _update_charts(self) -> None:
        self.charts.show_runs(*self._drawn())

    def _update_system(self) -> None:
        self.system.show(*self._drawn())

    def _drawn(self) -> tuple[dict[RunKey, Look], str]:
        """The runs whose curves are drawn, how each is, and what there is to say of that."""
        runs = self.charted()
        plain = Look(self.app.theme_variables.get("foreground", "#808080"))
        marked = self._marks.looks()
        cut = len(self._marks.runs) - len(runs)
        note = f"{cut} more marked runs are not drawn" if cut > 0 else ""
        return {run: marked.get(run, plain) for run in runs}, note

    def _comparison(self, runs: Sequence[RunKey]) -> Comparison | None:
        if len(self._marks.runs) < 2:
            return None
        if self._compared != tuple(runs):
            self._compared = tuple(runs)
            self.post_message(self.ComparisonWanted(self._compared))
        looks = self._marks.looks()
        return self.comparing.comparison(self._workspace, {run: looks[run] for run in runs}, self.better)

    @on(DiffView.BaselineChosen)
    def _choose_baseline(self, event: DiffView.BaselineChosen) -> None:
        event.stop()
        self.comparing.choose_baseline(self._compared[event.place])
        self.post_message(self.Changed())

    @on(DiffView.Ignored)
    def _ignore(self, event: DiffView.Ignored) -> None:
        event.stop()
        if event.row is None:
            self.comparing.ignore = ()
        else:
            self.comparing.ignore_row(event.row)
        self.post_message(self.Changed())

    @on(FrameTable.RowHighlighted)
    @on(FrameTable.HeaderSelected)
    @on(FrameTable.Marked)
    @on(FrameTable.RowSelected)
    def _of_the_diff(self, event: TableMessage) -> None:
        """What is done in a table in here is not done in the runs table."""
        event.stop()
        if isinstance(event, FrameTable.HeaderSelected) and event.column.isdigit():
            self.query_one(DiffView).action_baseline()
