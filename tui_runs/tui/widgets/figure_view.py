"""Has a figure of runs drawn in a thread, and shows it."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual import on
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui_runs.analysis.columns import split_aggregate
from tui_runs.analysis.direction import Direction, direction_of
from tui_runs.conditions import Condition
from tui_runs.display import clip, printable
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.selection import known_columns, select
from tui_runs.frames.workspace import SourceState, Workspace
from tui_runs.tui.figures.state import FigureKind, FigureState
from tui_runs.tui.marks import Look
from tui_runs.tui.messages import ReaderFailed

if TYPE_CHECKING:
    from tui_runs.analysis.parallel import Axis
    from tui_runs.drawing.parallel import Pointer
    from tui_runs.tui.figures.drawing import FigureDrawn, FigureRequest, Palette, Telling

_LIVE_SECONDS: Final = 0.25
"""Between two drawings where nothing but the data is new."""
_MOST_PARAMS: Final = 200
"""Params that are looked at for what they have to do with the metric."""
_CUT_SECONDS: Final = 0.015
"""How long columns are cut out of the catalog before keys get their turn."""
_BREATH_SECONDS: Final = 0.001
_LEAST_READING: Final = 20
"""Cells of a title for the run under the cursor, whatever else there is to be said."""
_BARS: Final = 2
"""Lines of the title and of the keys."""
_HINTS: Final = {
    FigureKind.SCATTER: "7 next kind · m metric · X against · n N other params · , . runs · Y y log",
    FigureKind.PARALLEL: "7 next kind · m metric · X axes · n N others · , . runs · tab: choose a part",
    FigureKind.BOX: "7 next kind · m metric · X by · n N other params · , . runs · y log",
    FigureKind.HISTOGRAM: "7 next kind · m metric · , . runs · Y log",
}


@dataclass(frozen=True, slots=True)
class FigureSubject:
    """What the figure is of.

    Args:
        passing: what the filter means.
        context: what it meant before parts of axes were chosen; None where none were.
        metric: the column of the metric where the user chose none; "" where there is none.
        better: which way metrics are better, where the user says so.
        marks: marked runs.
        cursor: the runs under the table's cursor.
    """

    passing: Condition
    context: Condition | None
    metric: str
    better: Mapping[str, Direction | None]
    marks: Mapping[RunKey, Look]
    cursor: Sequence[RunKey]


class FigureView(Widget):
    """Asks for a new figure when something else is to be seen, and shows the latest that is ready.

    Args:
        workspace: where the runs are.
    """

    class Drawn(Message):
        """A figure is ready."""

        def __init__(self, drawn: FigureDrawn | None) -> None:
            super().__init__()
            self.drawn = drawn

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"figure--title", "figure--note", "figure--reading"}
    DEFAULT_CSS = """
    FigureView {
        width: 1fr;
        height: 1fr;
        margin: 0 1;
        background: $background;
        color: $foreground;
        .figure--title { text-style: bold; color: $foreground; }
        .figure--note { color: $foreground-muted; }
        .figure--reading { color: $foreground; }
    }
    """

    def __init__(self, workspace: Workspace, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = FigureState()
        self.drawn: FigureDrawn | None = None
        """What is shown."""
        self._workspace = workspace
        self._subject: FigureSubject | None = None
        self._request: FigureRequest | None = None
        """What is to be drawn next."""
        self._busy = False
        self._finished = 0.0
        self._shown: object = None
        self._telling: tuple[object, Telling | None] = (None, None)
        self._pointer: Pointer | None = None
        self._cut: tuple[object, int] = (None, 0)
        """How many of the params the catalog has cut out, and for which figure."""
        self._cutting = False

    @property
    def idle(self) -> bool:
        """Whether what is shown is what was asked for last."""
        return not self._busy and not self._cutting and self._request is None

    @property
    def against(self) -> str:
        """The column that the metric is held against."""
        return self.drawn.against if self.drawn is not None else ""

    def look(self, state: FigureState) -> None:
        """See the runs in another way."""
        self.state = state
        self._pointer = None
        self._ask()

    def show_runs(self, subject: FigureSubject) -> None:
        """Have a figure drawn of what is now known of runs."""
        self._subject = subject
        self._ask()

    def step(self, by: int) -> None:
        """Another param, or other axes."""
        choices = list(self.drawn.choices) if self.drawn is not None else []
        if self.state.kind is FigureKind.PARALLEL:
            most = len(choices) - len(self.state.axes) - 1
            self.look(replace(self.state, skipped=max(0, min(self.state.skipped + by, most))))
        elif choices and self.state.kind is not FigureKind.HISTOGRAM:
            at = choices.index(self.against) + by if self.against in choices else 0
            self.look(replace(self.state, against=choices[at % len(choices)]))

    def toggle_axis(self, column: str) -> None:
        """Have a column among the first axes of parallel coordinates, or no longer."""
        others = tuple(name for name in self.state.axes if name != column)
        self.look(replace(self.state, axes=others if len(others) < len(self.state.axes) else (column, *others)))

    def run_beside(self, run: RunKey | None, by: int) -> RunKey | None:
        """The run so many places to the right of another in the figure; the first one where that is not in it."""
        order = list(self.drawn.order) if self.drawn is not None else []
        if not order:
            return None
        return order[max(0, min(order.index(run) + by, len(order) - 1))] if run in order else order[0]

    # --- what is to be drawn --------------------------------------------------------------------------------------

    def _ask(self) -> None:
        subject, (width, height) = self._subject, self.size
        if subject is None or width < 1 or height < 1:
            return
        metric = self.state.metric or subject.metric
        if not metric:
            self.drawn = None
            self.refresh()
            return
        from tui_runs.drawing.parallel import most_axes  # noqa: PLC0415  imports numpy
        from tui_runs.tui.figures.drawing import FigureRequest  # noqa: PLC0415

        state, catalog = self.state, self._workspace.catalog
        params = [f"params.{key}" for key in catalog.keys("params")[:_MOST_PARAMS]]
        parallel = state.kind is FigureKind.PARALLEL
        # Runs outside the parts of axes that were chosen stay in sight, and so the axes do not change either.
        shown = subject.context if parallel and subject.context is not None else subject.passing
        # Looked at again when all runs are there, or twice as many, and not at every one: axes are to stay in place.
        reading = any(one.state is SourceState.READING for one in self._workspace.sources.values())
        telling_of = (shown, metric, tuple(params), reading, len(catalog).bit_length())
        telling = self._telling[1] if self._telling[0] == telling_of else None
        if telling is None and not self._cut_out(telling_of, params):
            return
        columns: Sequence[str] = params  # until it is known which of them tell something
        if telling is not None:
            axes = telling.columns[: len(state.axes) + state.skipped + most_axes(width)]
            columns = axes if parallel else [telling.against(replace(state, against=""), width) or metric]
        known = known_columns(catalog)
        own = [name for name in (state.against, *state.axes) if split_aggregate(name)[1] in known]
        columns = list(dict.fromkeys(["name", metric, *own, *columns]))
        keys = None
        if shown != subject.passing:
            keys = select(self._workspace, [], subject.passing).select("source", "run_id")
        self._request = FigureRequest(
            state if not state.against or state.against in own else replace(state, against=""),
            select(self._workspace, columns, shown),
            metric,
            params,
            telling,
            telling_of,
            keys,
            direction_of(split_aggregate(metric)[1].removeprefix("metrics."), subject.better),
            (width, height - _BARS),
            self._palette(),
            {run: look.colour for run, look in subject.marks.items()},
            tuple(subject.cursor),
            self._pointer if parallel and self.has_focus else None,
        )
        self._draw_soon()

    def _cut_out(self, telling_of: object, params: Sequence[str]) -> bool:
        """Whether the catalog has cut out all of these columns; if not, it goes on with them after a breath."""
        if self._cutting:
            return False
        done = self._cut[1] if self._cut[0] == telling_of else 0
        end = time.monotonic() + _CUT_SECONDS
        for param in params[done:]:
            self._workspace.catalog.wide([param])
            done += 1
            if time.monotonic() >= end:
                break
        self._cut = telling_of, done
        self._cutting = done < len(params)
        if self._cutting:
            self.set_timer(_BREATH_SECONDS, self._cut_on)
        return not self._cutting

    def _cut_on(self) -> None:
        self._cutting = False
        self._ask()

    def _palette(self) -> Palette:
        from tui_runs.drawing.terminals import colour_system, glyphs_for  # noqa: PLC0415  imports numpy
        from tui_runs.tui.figures.drawing import Palette  # noqa: PLC0415

        theme = self.app.current_theme
        return Palette(
            theme.foreground or "#d6dde3",
            theme.background or "#0f1318",
            theme.primary,
            dark=theme.dark,
            system=None if os.environ.get("NO_COLOR") else colour_system(os.environ),
            glyphs=glyphs_for(os.environ),
        )

    def _draw_soon(self) -> None:
        """Have a thread draw what was asked for last, when it has drawn what it is at."""
        if self._busy or self._request is None:
            return
        self._busy = True
        wait = self._finished + _LIVE_SECONDS - time.monotonic()
        # What the user does is seen at once, what the runs do a few times a second.
        if self._request.looks == self._shown and wait > 0:
            self.set_timer(wait, self._draw)
        else:
            self._draw()

    def _draw(self) -> None:
        request, self._request = self._request, None
        assert request is not None, "there is something to draw"
        self._shown = request.looks

        def draw() -> None:
            from tui_runs.tui.figures.drawing import draw_figure  # noqa: PLC0415  imports numpy

            drawn = None
            try:
                drawn = draw_figure(request)
            except Exception:  # data may be odd in ways that nobody foresaw; the app says so and goes on
                self.app.post_message(ReaderFailed("drawing a figure", traceback.format_exc()))
            self.post_message(self.Drawn(drawn))

        self.run_worker(draw, thread=True, group="figure")

    @on(Drawn)
    def _take(self, event: Drawn) -> None:
        event.stop()
        self._busy, self._finished = False, time.monotonic()
        if event.drawn is not None:
            self.drawn = event.drawn
            self._telling = event.drawn.request.telling_of, event.drawn.telling
            if self._pointer is not None and self._pointer.axis >= len(event.drawn.axes):
                self._pointer = None
            self.refresh()
        self._draw_soon()

    def on_resize(self) -> None:
        """Draw anew in another size."""
        self._ask()

    def notify_style_update(self) -> None:
        """Draw anew in the colours of another theme."""
        super().notify_style_update()
        if self.is_attached:
            self._ask()

    # --- on the screen --------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line; see `textual.widget.Widget.render_line`."""
        width, height = self.size
        ground, drawn = self.rich_style, self.drawn
        if y == height - 1:
            line = [Segment(clip(self.hint(), width), self.get_component_rich_style("figure--note"))]
        elif drawn is None:
            text = "No run here has a metric yet." if y == height // 2 else ""
            line = [Segment(text.center(width)[:width], self.get_component_rich_style("figure--note"))]
        elif y == 0:
            line = self._title(drawn, width)
        elif drawn.message:
            text = clip(drawn.message, width).center(width) if y == height // 2 else ""
            line = [Segment(text, self.get_component_rich_style("figure--note"))]
        else:
            line = drawn.lines[y - 1] if y - 1 < len(drawn.lines) else []
        return Strip(line).apply_style(ground).adjust_cell_length(width, ground)

    def _title(self, drawn: FigureDrawn, width: int) -> list[Segment]:
        """The metric, what is to be said of the figure, and to the right the run under the cursor."""
        title = clip(printable(split_aggregate(drawn.request.metric)[1].removeprefix("metrics.")), width)
        if split_aggregate(drawn.request.metric)[0] != "last":
            title = clip(printable(drawn.request.metric), width)
        room = width - cell_len(title) - 2
        reading = clip(drawn.reading, max(_LEAST_READING, room - cell_len(drawn.note) - 2))
        note = clip(drawn.note, max(room - cell_len(reading) - 2, 0))
        gap = width - cell_len(title) - 2 - cell_len(note) - cell_len(reading)
        return [
            Segment(title, self.get_component_rich_style("figure--title")),
            Segment(f"  {note}{' ' * max(gap, 0)}", self.get_component_rich_style("figure--note")),
            Segment(reading, self.get_component_rich_style("figure--reading")),
        ]

    @property
    def axes(self) -> Sequence[Axis]:
        """Those of parallel coordinates, where they are shown."""
        return self.drawn.axes if self.drawn is not None and self.state.kind is FigureKind.PARALLEL else ()

    def hint(self) -> str:
        """The keys there are."""
        return _HINTS[self.state.kind]
