"""What the keys do while the figure of all runs is shown: its own, and those of the charts, which then mean it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from textual import on

from tui_runs.analysis.columns import RUN_COLUMNS, split_aggregate
from tui_runs.analysis.ranking import by_interest
from tui_runs.conditions import Condition, Either
from tui_runs.errors import QueryError
from tui_runs.frames.selection import known_columns
from tui_runs.tui.actions.charts import ChartActions
from tui_runs.tui.actions.panes import PaneActions
from tui_runs.tui.figures.state import FigureKind, FigureState
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.widgets.below import MOST_CURVES
from tui_runs.tui.widgets.figure_view import FigureSubject
from tui_runs.tui.widgets.figures_pane import FiguresPane


class FigureActions(PaneActions, ChartActions):
    """The part of the main screen that changes what the figure shows, and is changed by it."""

    def __init__(self, view: RunsView) -> None:
        super().__init__(view)
        self._before_parts: dict[str, str] = {}
        """Filters with a part of an axis as their end, and what they were without it."""
        self._unbrushed: tuple[str, Condition] | None = None

    @property
    def figures(self) -> FiguresPane | None:
        """The figure, while it is shown."""
        return self.below.figures if self.below.pane == "figures" else None

    # --- what it is of --------------------------------------------------------------------------------------------

    def figure_subject(self) -> FigureSubject:
        """What the figure is of now."""
        column = self.table.cursor_column or ""
        metrics = by_interest(self.app.workspace.catalog.keys("metrics"))
        main = self.trended or (metrics[0] if metrics else "")
        metric = column if split_aggregate(column)[1].startswith("metrics.") else f"metrics.{main}" if main else ""
        marks = dict(islice(self.marks.looks().items(), MOST_CURVES))
        cursor = self.runs_of(self.table.cursor_key)
        return FigureSubject(self.condition, self._without_parts(), metric, self.view.better, marks, cursor)

    def _without_parts(self) -> Condition | None:
        """What the filter meant before parts of axes were chosen; None where none were."""
        text = self.view.where
        while text in self._before_parts:
            text = self._before_parts[text]
        if text == self.view.where:
            return None
        if self._unbrushed is None or self._unbrushed[0] != text:
            from tui_runs.analysis.query import parse  # noqa: PLC0415  not needed for the first screen

            try:
                workspace = self.app.workspace
                self._unbrushed = text, parse(text, known_columns(workspace.catalog), workspace.now())
            except QueryError:
                return None
        return self._unbrushed[1]

    @on(FiguresPane.FilterWanted)
    def _filter_by_part(self, event: FiguresPane.FilterWanted) -> None:
        """Add a condition to the filter, or take the last one that came from here back."""
        event.stop()
        text = self.view.where
        if not event.where:
            self.show_filter(self._before_parts.get(text, text))
            return
        whole = f"{self._joinable(text)} and {event.where}" if text.strip() else event.where
        self._before_parts[whole] = text
        self.show_filter(whole)

    def _joinable(self, text: str) -> str:
        """A filter to which `and` can be added."""
        return f"({text})" if isinstance(self.condition, Either) else text

    @on(FiguresPane.RunWanted)
    def _go_to_run(self, event: FiguresPane.RunWanted) -> None:
        event.stop()
        if not self.table.move_cursor(key=tuple(event.run)):
            self.notify("That run is in a group that is closed.", severity="warning")

    def show_filter(self, text: str) -> None:
        """Have a text in the filter's field."""
        raise NotImplementedError

    # --- its keys -------------------------------------------------------------------------------------------------

    def action_figures(self) -> None:
        """Show the figure; again: the next kind."""
        if (figures := self.figures) is None:
            self.action_pane("figures")
        else:
            figures.look(replace(figures.state, kind=figures.state.kind.next))

    def action_chart_group(self) -> None:
        """The next kind of figure, or the next group of charts."""
        if self.figures is None:
            super().action_chart_group()
        else:
            self.action_figures()

    def action_find_metric(self) -> None:
        """The figure of another metric, or only charts with something in their name."""
        if (figures := self.figures) is None:
            super().action_find_metric()
            return
        shown = figures.state
        names = [f"metrics.{key}" for key in by_interest(self.app.workspace.catalog.keys("metrics"))]
        self._pick("Figure of …", names, lambda name: figures.look(replace(shown, metric=name)))

    def action_x_metric(self) -> None:
        """What the metric is held against, or charts over any metric."""
        if (figures := self.figures) is None:
            super().action_x_metric()
            return
        catalog, state = self.app.workspace.catalog, figures.state
        told = list(figures.drawn.choices) if figures.drawn is not None else []
        others = [
            *(f"params.{key}" for key in catalog.keys("params")),
            *(f"metrics.{m}" for m in catalog.keys("metrics")),
        ]
        names = list(dict.fromkeys([*told, *others, *RUN_COLUMNS]))
        if state.kind is FigureKind.PARALLEL:
            self._pick("An axis to the front, or back …", names, figures.toggle_axis)
        elif state.kind is not FigureKind.HISTOGRAM:
            self._pick("Against …", names, lambda name: figures.look(replace(state, against=name)))

    def action_log_x(self) -> None:
        """Logarithmic or linear x axes."""
        if (figures := self.figures) is None:
            super().action_log_x()
        elif figures.state.kind not in (FigureKind.BOX, FigureKind.PARALLEL):  # these have no such axis
            figures.look(replace(figures.state, log_x=figures.drawn is None or not figures.drawn.log_x))

    def action_log_y(self) -> None:
        """The next scale of the y axes."""
        if (figures := self.figures) is None:
            super().action_log_y()
        elif figures.state.kind is not FigureKind.HISTOGRAM:
            figures.look(replace(figures.state, log_y=not figures.state.log_y))

    def action_x_axis(self) -> None:
        """The next param, or the next kind of x axis."""
        if (figures := self.figures) is None:
            super().action_x_axis()
        else:
            figures.step(1)

    def action_page(self, pages: int) -> None:
        """Another param, or other charts."""
        if (figures := self.figures) is None:
            super().action_page(pages)
        else:
            figures.step(pages)

    def action_chart_cursor(self, columns: int) -> None:
        """The run further to the right in the figure, or the values there in the charts."""
        if (figures := self.figures) is None:
            super().action_chart_cursor(columns)
        elif (run := figures.run_beside(self.cursor_run, columns)) is not None:
            self._go_to_run(FiguresPane.RunWanted(run))

    def action_chart_reset(self) -> None:
        """The figure as it is at the beginning, or all of the charts' x axis."""
        if (figures := self.figures) is None:
            super().action_chart_reset()
        else:
            figures.look(FigureState(kind=figures.state.kind))
