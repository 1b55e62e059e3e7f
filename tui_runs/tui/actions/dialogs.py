"""What the keys do that open a dialog: columns aside, which belong to the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tui_runs.analysis.groups import COUNT, statistic
from tui_runs.display import moment
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.actions.table import TableActions

if TYPE_CHECKING:
    from tui_runs.tui.exporting import Exported
    from tui_runs.tui.marks import Marks
    from tui_runs.tui.widgets.below import Below


class DialogActions(TableActions):
    """The part of the main screen that shows more about runs, and takes them elsewhere."""

    marks: Marks
    below: Below

    def action_problems(self) -> None:
        """What could not be read."""
        from tui_runs.tui.screens.problems import ProblemsScreen  # noqa: PLC0415  not needed at the start

        own = [("", problem) for problem in self.app.problems]
        self.app.push_screen(ProblemsScreen([*own, *self.app.workspace.problems]))

    def action_associations(self) -> None:
        """What the params have to do with the metric under the column cursor, or with the one of most interest."""
        from tui_runs.tui.screens.associations import AssociationsScreen  # noqa: PLC0415  not needed at the start

        metric = self.metric_under_cursor() or self.trended
        if not metric:
            self.notify("There is no metric to ask about.", severity="warning")
            return
        self.app.push_screen(AssociationsScreen(self.app.workspace, self.condition, metric))

    def action_code(self) -> None:
        """How the code of two runs differs."""
        from tui_runs.tui.screens.code import CodeScreen, RunCode  # noqa: PLC0415  not needed at the start

        pair = self._pair()
        if pair is None:
            self.notify("Mark a run with space, and put the cursor on another one.", severity="warning")
            return
        self.app.push_screen(CodeScreen(*(RunCode.of(self.app.workspace, run) for run in pair)))

    def _pair(self) -> tuple[RunKey, RunKey] | None:
        """The baseline, and the run under the cursor where that is another; else the one marked last."""
        marked, cursor = self.marks.runs, self.cursor_run
        if not marked:
            return None
        baseline = self.below.comparing.baseline
        old = baseline if baseline in marked else marked[0]
        others = [run for run in (cursor, *reversed(marked)) if run is not None and run != old]
        return (old, others[0]) if others else None

    def action_export(self) -> None:
        """Write what is seen into a file, or to the clipboard."""
        from tui_runs.tui.screens.export import ExportScreen  # noqa: PLC0415  not needed at the start

        rows = self.table.frame.height
        choices: dict[str, Callable[[], Exported]] = {f"the table: {rows:,} rows": self._exported_table}
        diff = self.below.diff
        if (compared := diff.exported()) is not None and self.below.pane == "compare":
            choices[f"the comparison of {len(self.marks.runs)} runs, and their curves in HTML"] = lambda: replace(
                compared, charts=self.below.exported_charts(), subtitle=self._where()
            )
        self.app.push_screen(ExportScreen(choices, first=len(choices) - 1))

    def _exported_table(self) -> Exported:
        """The runs table as it is to be written."""
        from tui_runs.tui.exporting import Exported, text_columns  # noqa: PLC0415

        table = self.table
        names = [column.name for column in table.columns if column.name in table.frame.columns]
        columns = partial(text_columns, table.frame, [column for column in table.columns if column.name != "trend"])
        more = [name for name in (COUNT, *(statistic(name, "std") for name in names)) if name in table.frame.columns]
        return Exported(
            "Runs",
            table.frame.select(*dict.fromkeys(["source", "run_id", *names, *more])),
            columns,
            subtitle=self._where(),
        )

    def _where(self) -> str:
        """Where the runs are from, and what filter they passed."""
        stores = ", ".join(self.app.workspace.sources)
        now = moment(self.app.workspace.now())
        return f"{stores} · {self.view.where} · {now}" if self.view.where else f"{stores} · {now}"

    def action_views(self) -> None:
        """Save what is seen, or show what was saved."""
        from tui_runs.tui.screens.views import ViewsScreen  # noqa: PLC0415  not needed at the start

        if (main := self.app.main) is not None:
            self.app.push_screen(ViewsScreen(main, self.app.view_store))
