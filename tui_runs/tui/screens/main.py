"""The main screen: the runs table, and below it the curves of the marked runs or all about one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from tui_runs.analysis.groups import COUNT
from tui_runs.analysis.ranking import by_interest
from tui_runs.conditions import Condition
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.frames.histories import SeriesKey
from tui_runs.tui import keys
from tui_runs.tui.actions.figures import FigureActions
from tui_runs.tui.arrivals import Arrivals
from tui_runs.tui.charts.curves import trend_cells
from tui_runs.tui.filter_history import FilterHistory
from tui_runs.tui.filtering import Completer, Filter, filter_columns, values_of
from tui_runs.tui.marks import Marks
from tui_runs.tui.pacing import FOR_DATA, FOR_USER, Pace
from tui_runs.tui.run_columns import TICKING, Looks, default_columns, make_columns
from tui_runs.tui.runs_view import NOT_IN_CATALOG, RunsView, telling
from tui_runs.tui.status import status_pieces
from tui_runs.tui.widgets.bars import Bar, Piece
from tui_runs.tui.widgets.below import Below
from tui_runs.tui.widgets.charts_pane import ChartsPane
from tui_runs.tui.widgets.columns import Cell, RowKey, TableColumn
from tui_runs.tui.widgets.filter_bar import FilterBar, FilterInput
from tui_runs.tui.widgets.frame_table import FrameTable

if TYPE_CHECKING:
    import polars as pl

    from tui_runs.drawing.colours import Ground
    from tui_runs.tui.app import TuiRunsApp

_CURSOR_SECONDS: Final = 0.06
"""The cursor must rest this long before what is below the table follows it: a held key must not be slowed down."""
_CELLS: Final = {"trends": "trend", "signs": "status"}
"""Columns of which cells change that are not in the frame of the runs."""
_FEWEST_ROWS: Final = 5
"""Rows that a table has room for, however few runs there are."""


class MainScreen(FigureActions):
    """Shows what the workspace holds. It reads no file: it asks the app for points that are missing."""

    AUTO_FOCUS = ""  # when a dialog closes over charts alone, the hidden filter must not get the keys
    BINDINGS: ClassVar[list[BindingType]] = [
        key.binding for key in keys.MAIN if key.action not in ("mark", "sort") and not key.action.startswith("app.")
    ]
    app: TuiRunsApp

    def __init__(self, view: RunsView) -> None:
        super().__init__(view)
        self.marks = Marks()
        self.arrivals = Arrivals()
        self._columns_seen: tuple[object, tuple[str, ...]] | None = None
        self._best: dict[str, float] = {}
        self._due: set[str] = set()
        self._ready = False
        self._pace = Pace(self, self._update)
        self._below_due = False
        self._waits_for_cursor = False
        self._shown_condition: Condition | None = None

    def compose(self) -> ComposeResult:
        """Status, filter, table, panes, keys."""
        self._filter = Filter(self.app.workspace)
        yield Bar(id="status")
        workspace = self.app.workspace
        columns = partial(filter_columns, workspace.catalog)
        yield FilterBar(self.view.where, Completer(columns, partial(values_of, workspace)), FilterHistory())
        yield FrameTable(id="runs", fixed=1)
        self.below = Below(workspace, self.marks, lambda: self.cursor_run, self._cursor_runs, self.figure_subject)
        yield self.below
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Give the keys to the table; ages tick once a second."""
        self._ready = True
        self.table.focus()
        self.table.empty_message = "Reading …"
        self._fit()
        self._show_keys()
        self.update_soon("table", "status")
        self.set_interval(1.0, self._tick)

    # --- parts ---------------------------------------------------------------------------------------------------

    def _cursor_runs(self) -> list[RunKey]:
        """The run under the cursor, or all of the group's."""
        return self.runs_of(self.table.cursor_key)

    @property
    def condition(self) -> Condition:
        """What the filter means."""
        return self._filter.condition(self.view.where)

    def _show_keys(self) -> None:
        """The keys bar; help and quit stay in sight when the others do not fit."""
        shown = [key for key in self.app.main_keys if key.footer]
        self.query_one("#keys", Bar).show(_key_pieces(shown[:-2]), _key_pieces(shown[-2:]))

    # --- what is painted, and when --------------------------------------------------------------------------------

    @property
    def settled(self) -> bool:
        """Whether nothing waits to be painted."""
        painted = self._ready and not self._due and not self._below_due and not self._waits_for_cursor
        return painted and self.below.figures.idle

    def update_soon(self, *parts: str) -> None:
        """Repaint some of "table", "below", "status": at once when nothing was painted lately, else soon.

        Of the table, "trends" and "signs" are the cells with curves and with what health has to say.
        With "changes" the cells of the table glow that say something else than before.
        """
        self._due.update(parts)
        if self._ready:
            self._pace.ask(FOR_USER)

    def keep_current(self, *parts: str) -> None:
        """The same for what the stores say, less often while they say much."""
        self._due.update(parts)
        if self._ready:
            self._pace.ask(FOR_DATA)

    def _update(self) -> None:
        if not self.children:
            return  # the app is being taken down
        due, self._due = self._due, set()
        if "table" in due:
            self._update_table(changes="changes" in due)
        elif "below" in due:
            self._update_below()
        if cells := [column for part, column in _CELLS.items() if part in due]:
            self.table.refresh_rows(cells)
        self._update_status()
        if "table" in due:
            # The table is on the screen before the charts are drawn: rows are what the user waits for.
            self._below_due = True
            self.call_after_refresh(self._update_below)

    def _update_table(self, *, changes: bool = False) -> None:
        catalog = self.app.workspace.catalog
        self.below.forget_metrics()
        self.marks.keep(run for run in self.marks.runs if run in catalog)
        metrics = by_interest(catalog.keys("metrics"))
        self.trended = self.trend_column or next(filter(catalog.has_curves, metrics), "")
        frame, columns = self._table_of(catalog, len(metrics))
        self.table.sort = tuple((one.column, one.descending) for one in self.view.sort)
        self.table.show(frame, columns, changes=changes)
        self.arrivals.seen(run for run in self.arrivals.runs if run not in catalog)
        self.table.fresh = self.arrivals.runs
        self.table.fixed = self.view.pinned
        self._put_cursor()
        self.table.empty_message = self._why_empty(len(catalog))
        # A short table leaves its room to the charts; what a filter hides does not move them.
        self.table.styles.max_height = max(len(catalog), _FEWEST_ROWS) + 2
        # Until all columns are known a filter that was given at the start may name one that is to come.
        mistake = None if self.app.reading else self._filter.mistake
        shown = int(frame[COUNT].sum()) if COUNT in frame.columns else frame.height
        self.query_one(FilterBar).say(shown, len(catalog), mistake)
        self._update_marks()

    def _table_of(self, catalog: Catalog, metrics: int) -> tuple[pl.DataFrame, list[TableColumn] | None]:
        """The rows, and the columns where they are others than before."""
        view = self.view
        # A param that looked like a number may turn out to be text as more runs come in.
        known = (catalog.runs_version, metrics, view.columns, view.widths, view.group_by, self.trended)
        fresh = self._columns_seen is None or known != self._columns_seen[0]
        if fresh:
            self.columns = view.columns or tuple(default_columns(catalog))
        self._shown_condition = self.condition
        frame = view.frame(self.app.workspace, self.columns, self._shown_condition, self.open_groups)
        shown = tuple(telling(self.columns, frame) if view.lean else self.columns)
        self._best.clear()
        self._best.update(view.best(frame, shown))
        if not fresh and self._columns_seen is not None and shown == self._columns_seen[1]:
            return frame, None
        self._columns_seen = (known, shown)
        values = catalog.wide([name for name in shown if name not in NOT_IN_CATALOG])
        width = 48 if view.group_by else 30
        signs = self.app.health.board.signs
        looks = Looks(self.app.workspace.now, self._trend, self.trended, self._best, view.widths, width, signs)
        return frame, make_columns(shown, values, looks)

    def _why_empty(self, runs: int) -> list[str]:
        if self.app.reading:
            return ["Reading …"]
        if runs:
            return ["No run passes the filter.", "esc in the filter shows all runs again"]
        if self.app.workspace.problems:
            return ["No run could be read.", "p shows what is wrong"]
        return ["There are no runs here yet.", "They will appear as soon as a training logs one."]

    def _update_marks(self) -> None:
        marks: Mapping[RowKey, str] = {run: look.colour for run, look in self.marks.looks().items()}
        if marks != self.table.marks:
            self.table.marks = marks
            self.table.refresh_rows(("trend",))  # curves are drawn in the colours of the marks

    def _trend(self, window: pl.DataFrame) -> Sequence[Cell]:
        return trend_cells(window, self.trended, self.app.workspace.histories, self.marks.looks(), 18)

    def _update_below(self) -> None:
        if not self.children:
            return  # as above
        self.app.workspace.go_on()
        self.below.better = self.view.better
        self.app.health.judge_by(self.view.better)
        self.below.update_pane()
        self._ask_for_points()
        self._below_due = False

    def _update_status(self) -> None:
        left, right = status_pieces(
            self.app.workspace,
            following=self.app.following,
            new=len(self.arrivals),
            alerts=self.app.health.board.count(self.app.workspace.now()),
            own_problems=len(self.app.problems),
        )
        self.query_one("#status", Bar).show(left, right)

    def _ask_for_points(self) -> None:
        """Have the points fetched that the screen needs and that are not held: charts first, then trends."""
        wanted = self.below.series()
        if self.trended and "trend" in self.columns and self.table.display:
            wanted += [SeriesKey(str(key[0]), str(key[1]), self.trended) for key in self.table.visible_keys if key[0]]
        self.app.fetch(wanted, self.below.charted())

    def _tick(self) -> None:
        """Ages and durations move on, runs grow old, and a filter by them lets others pass."""
        if self.app.screen is self:
            if self.condition is not self._shown_condition:
                self.update_soon("table")
            self.table.refresh_rows(TICKING)
            self.below.tick()
            self.arrivals.expire(self.app.workspace.now())
            self.table.fresh = self.arrivals.runs
            self._update_status()

    @on(ChartsPane.PointsForeseen)
    def _fetch_for_later(self, event: ChartsPane.PointsForeseen) -> None:
        self.app.fetch_for_later(event.series)

    # --- what the user does ---------------------------------------------------------------------------------------

    @on(FrameTable.RowHighlighted)
    def _cursor_moved(self) -> None:
        if not self._waits_for_cursor:
            self._waits_for_cursor = True
            self.set_timer(_CURSOR_SECONDS, self._cursor_rests)

    def _cursor_rests(self) -> None:
        self._waits_for_cursor = False
        if self.table.touched and self.cursor_run in self.arrivals.runs:  # untouched, it is on whatever comes
            self.arrivals.seen(self._cursor_runs())
            self.table.fresh = self.arrivals.runs
        self.update_soon("below")

    @on(FrameTable.Marked)
    def _toggle_mark(self, event: FrameTable.Marked) -> None:
        self.marks.toggle(self.runs_of(event.key))  # of a group all, and none when all are marked
        self._update_marks()
        self.update_soon("below")

    @on(FrameTable.RowSelected)
    def _open_run(self, event: FrameTable.RowSelected) -> None:
        if event.key[0]:
            self.action_pane("run")
        else:
            self._open_or_close(str(event.key[1]))

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self.view = replace(self.view, where=event.text)
        self.update_soon("table")

    @on(FilterInput.Left)
    def _filter_left(self) -> None:
        self.table.focus()

    @on(Bar.Pressed)
    async def _bar_pressed(self, event: Bar.Pressed) -> None:
        target = self.table if event.action in ("mark", "sort") else self
        await target.run_action(event.action)

    def show_filter(self, text: str) -> None:
        """Have a text in the filter's field."""
        self.query_one(FilterBar).field.value = text

    def draw_on(self, ground: Ground) -> None:
        """Draw the runs in colours for another ground; those that are not marked have that of text."""
        self.marks.ground = ground
        self._update_marks()
        self.update_soon("below")

    # --- actions --------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type into the filter."""
        self._go(below=False)
        self.query_one(FilterBar).field.focus()

    def action_unmark(self) -> None:
        """Unmark all runs."""
        self.marks.clear()
        self._update_marks()
        self.update_soon("below")

    def action_follow(self) -> None:
        """Follow, or hold still."""
        self.app.follow(not self.app.following)
        self.update_soon("status")

    def action_help(self) -> None:
        """All keys."""
        from tui_runs.tui.screens.help import HelpScreen  # noqa: PLC0415  not needed at the start

        self.app.push_screen(HelpScreen())

    def action_theme(self) -> None:
        """Dark or light."""
        self.app.switch_theme()


def _key_pieces(shown: Sequence[keys.Key]) -> list[Piece]:
    pieces = [Piece(" ")]
    for key in shown:
        pieces += [Piece(key.spelt, "key", key.action), Piece(f" {key.label}  ", "muted", key.action)]
    return pieces
