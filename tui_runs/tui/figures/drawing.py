"""Draws the figure of all runs from an immutable frame: called in a thread, so that no key waits for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from tui_runs.analysis.arrays import Integers
from tui_runs.analysis.columns import kind_of
from tui_runs.analysis.direction import Direction
from tui_runs.analysis.distributions import measure, numbers_or_words
from tui_runs.analysis.ordering import are_numbers
from tui_runs.analysis.parallel import Axis, axis_of, telling_columns, wants_log
from tui_runs.display import printable
from tui_runs.drawing.colours import blended
from tui_runs.drawing.figures import MIN_HEIGHT, MIN_WIDTH, Look, most_categories
from tui_runs.drawing.framed import screen_lines
from tui_runs.drawing.kinds import Kind, RunId, Sign, axis_kind, draw_kind, note_of
from tui_runs.drawing.parallel import (
    MIN_HEIGHT as MIN_PARALLEL,
)
from tui_runs.drawing.parallel import (
    Area,
    ParallelLook,
    Pointer,
    draw_parallel,
    most_axes,
    named,
)
from tui_runs.drawing.ramp import layer_runs, ramp
from tui_runs.drawing.raster import BRAILLE, Glyphs
from tui_runs.drawing.readings import texts_apart, x_text
from tui_runs.errors import UsageError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.figures.state import FigureKind, FigureState

Lines = list[list[Segment]]

_FRAMED: Final[Mapping[FigureKind, Kind]] = {
    FigureKind.SCATTER: "scatter",
    FigureKind.BOX: "box",
    FigureKind.HISTOGRAM: "histogram",
}
_CURSOR: Final = "◆"
_MARK: Final = "●"
_PLAIN: Final = 0.7
"""How much of the text's colour runs have that do not stand out."""
_BARS: Final = 0.45
"""The same of the bars of a histogram, which are large."""
_FRAME: Final = 0.5
_CONTEXT: Final = 0.22


@dataclass(frozen=True)
class Palette:
    """The colours of a figure, and what the terminal can show.

    Args:
        text: `#rrggbb` of texts and of the run under the cursor.
        ground: what lies behind.
        accent: of what is chosen.
        dark: the ground is.
        system: how many colours there are; None where none are wanted.
        glyphs: what dots are drawn with.
    """

    text: str
    ground: str
    accent: str
    dark: bool = True
    system: ColorSystem | None = ColorSystem.TRUECOLOR
    glyphs: Glyphs = BRAILLE

    def faint(self, share: float) -> Style:
        """The colour of text, of which so much is left."""
        return Style(color=blended(self.text, self.ground, share))


@dataclass(frozen=True)
class Telling:
    """The params that tell something of a metric.

    Args:
        columns: the strongest first.
        numbers: those that are numbers.
        counts: how many different values each has.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, frame: pl.DataFrame, metric: str, params: Sequence[str]) -> Telling:
        """Look which do."""
        columns = telling_columns(frame, metric, params)
        numbers = frozenset(name for name in columns if are_numbers(frame[name]))
        return cls(tuple(columns), numbers, {name: frame[name].n_unique() for name in columns})

    def choices(self, kind: FigureKind, width: int) -> list[str]:
        """The columns to hold the metric against: for boxes those for which there is room, else numbers first."""
        if kind is FigureKind.BOX:
            most = most_categories(width)
            return [name for name in self.columns if self.counts[name] <= most]
        return sorted(self.columns, key=lambda name: name not in self.numbers)

    def against(self, state: FigureState, width: int) -> str:
        """The column that is taken: the one chosen, or the first that can be."""
        if state.kind is FigureKind.HISTOGRAM:
            return ""
        return state.against or next(iter(self.choices(state.kind, width)), "")


@dataclass(frozen=True, eq=False)
class FigureRequest:
    """A figure to be drawn.

    Args:
        state: what the user chose.
        frame: the runs: source, run_id, name, the metric and the columns that it may be held against.
        metric: the column that is shown.
        params: the columns that it is held against where the user chose none.
        telling: which of them tell something; None where that is not known yet.
        telling_of: what they hang on.
        passing: source and run_id of the runs that pass the filter, where the frame has others as context.
        better: which way the metric is better.
        size: width and height in cells.
        palette: colours.
        marks: colours of marked runs.
        cursor: the runs under the table's cursor.
        pointer: where the user points in parallel coordinates.
    """

    state: FigureState
    frame: pl.DataFrame
    metric: str
    params: Sequence[str]
    telling: Telling | None
    telling_of: object
    passing: pl.DataFrame | None
    better: Direction | None
    size: tuple[int, int]
    palette: Palette
    marks: Mapping[RunKey, str] = field(default_factory=dict)
    cursor: Sequence[RunKey] = ()
    pointer: Pointer | None = None

    @property
    def looks(self) -> object:
        """All but the runs."""
        return self.state, self.telling_of, self.size, self.palette, self.marks, self.cursor, self.pointer


@dataclass(frozen=True, eq=False)
class FigureDrawn:
    """A figure that was drawn.

    Args:
        request: what for.
        telling: the params that tell something.
        lines: of the figure; none where there is nothing to draw.
        note: what else its title says.
        reading: what the run under the cursor has.
        message: why there are no lines.
        against: the column that the metric is held against.
        choices: those that it can be held against.
        log_x: the x axis is logarithmic.
        order: the runs from left to right.
        spots: of each of them where it stands: column and line of a scatter, n x 2; of others 0 x 2.
        axes: of parallel coordinates.
        area: where these are.
    """

    request: FigureRequest
    telling: Telling
    lines: Lines = field(default_factory=list)
    note: str = ""
    reading: str = ""
    message: str = ""
    against: str = ""
    choices: Sequence[str] = ()
    log_x: bool = False
    order: Sequence[RunKey] = ()
    spots: Integers = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    axes: Sequence[Axis] = ()
    area: Area | None = None


def draw_figure(request: FigureRequest) -> FigureDrawn:
    """Draw a figure; what cannot be drawn is said."""
    telling = request.telling
    if telling is None:
        telling = Telling.of(request.frame, request.metric, request.params)
    width, height = request.size
    parallel = request.state.kind is FigureKind.PARALLEL
    if width < MIN_WIDTH or height < (MIN_PARALLEL if parallel else MIN_HEIGHT):
        return FigureDrawn(request, telling, message="There is no room for a figure here; z gives it more.")
    if not _passing(request)[request.metric].is_finite().any():
        return FigureDrawn(request, telling, message=f"No run in view has a value of {_called(request.metric)}.")
    try:
        return _draw_parallel(request, telling) if parallel else _draw_framed(request, telling)
    except UsageError as error:
        choices, against = telling.choices(request.state.kind, width), telling.against(request.state, width)
        return FigureDrawn(request, telling, message=error.message, against=against, choices=choices)


def _called(column: str) -> str:
    return printable(named(column))


def _passing(request: FigureRequest) -> pl.DataFrame:
    if request.passing is None:
        return request.frame
    return request.frame.join(request.passing, on=["source", "run_id"], how="semi", maintain_order="left")


def _keys_of(frame: pl.DataFrame) -> list[RunKey]:
    return [RunKey(*key) for key in frame.select("source", "run_id").iter_rows()]


def _draw_framed(request: FigureRequest, telling: Telling) -> FigureDrawn:
    state, palette, (width, height) = request.state, request.palette, request.size
    choices, against = telling.choices(state.kind, width), telling.against(state, width) or None
    if against is None and state.kind is FigureKind.SCATTER:
        return FigureDrawn(request, telling, message="No param differs among these runs; X chooses another column.")
    log_x, log_y = _logs(request, against)
    logs = (log_x, False) if state.kind is FigureKind.HISTOGRAM else (log_y, log_x)
    measured = measure(request.frame, request.metric, against, log_metric=logs[0], log_against=logs[1])
    signs, inks = _signs(request)
    look = Look(width, height, palette.glyphs, log_x, log_y, axis_kind(against) if against else "number")
    kind = _FRAMED[state.kind]
    drawn = draw_kind(kind, measured, against, look, signs)
    note = note_of(
        kind, named(against or ""), measured.left_out, drawn.remark, drawn.frame.height, log_x=log_x, log_y=log_y
    )
    if drawn.figure is None:
        message = f"No run can be drawn: {', '.join(f'{runs:,} {why}' for why, runs in measured.left_out.items())}."
        if against and measured.left_out.keys() == {"missing"}:
            message = f"No run has both {_called(request.metric)} and {_called(against)}."
        return FigureDrawn(request, telling, message=message, note=note, against=against or "", choices=choices)
    by = [name for name in ("place", "x", "value") if name in drawn.frame.columns]
    order = drawn.frame.select(pl.arg_sort_by(by, maintain_order=True)).to_series().to_numpy()
    spots = drawn.figure.spots
    if len(spots):  # as columns and lines, from the upper left corner
        column, row = spots[order].T
        spots = np.stack((drawn.figure.left + column, drawn.figure.rows - row), axis=1)
    return FigureDrawn(
        request,
        telling,
        lines=screen_lines(drawn.figure, palette.faint(_FRAME), inks),
        note=note,
        reading=_reading(request, [against] if against else []),
        against=against or "",
        choices=choices,
        order=_keys_of(drawn.frame[order]),
        log_x=log_x,
        spots=spots,
    )


def _logs(request: FigureRequest, against: str | None) -> tuple[bool, bool]:
    """Which of the axes of a framed figure are logarithmic."""
    state = request.state
    log_x = bool(state.log_x)
    if state.kind is FigureKind.SCATTER and against is not None:
        numbers = numbers_or_words(request.frame[against]).dtype != pl.String
        log_x = numbers and (wants_log(request.frame, against) if state.log_x is None else state.log_x)
    return log_x and state.kind is not FigureKind.BOX, state.log_y and state.kind is not FigureKind.HISTOGRAM


def _signs(request: FigureRequest) -> tuple[dict[RunId, Sign], list[Style]]:
    """How marked runs and those under the cursor stand out, the latter on top; and the inks."""
    plain = _BARS if request.state.kind is FigureKind.HISTOGRAM else _PLAIN
    inks = [request.palette.faint(plain), Style(color=request.palette.text, bold=True)]
    signs: dict[RunId, Sign] = {}
    for run, colour in request.marks.items():
        signs[run] = Sign(_MARK, len(inks))
        inks.append(Style(color=colour, bold=True))
    for run in request.cursor:
        ink = signs.pop(run).ink if run in signs else 1
        signs[run] = Sign(_CURSOR, ink)
    return signs, inks


def _draw_parallel(request: FigureRequest, telling: Telling) -> FigureDrawn:
    state, palette, frame, (width, height) = request.state, request.palette, request.frame, request.size
    first = [name for name in state.axes if name in frame.columns and name != request.metric]
    others = [name for name in telling.columns if name not in first]
    columns = [*first, *others[min(state.skipped, max(len(others) - 1, 0)) :]][: most_axes(width) - 1]
    axes = [*(axis_of(frame, name) for name in columns), axis_of(frame, request.metric, log=state.log_y or None)]
    runs = _keys_of(frame)
    place = {run: at for at, run in enumerate(runs)}
    context = None
    if request.passing is not None:
        passing = set(_keys_of(request.passing))
        context = np.array([run not in passing for run in runs])
    cursor = Style(color=palette.text, bold=True)
    standouts = [(place[run], Style(color=colour, bold=True)) for run, colour in request.marks.items() if run in place]
    standouts += [(place[run], cursor) for run in request.cursor if run in place]
    colours = ramp(dark=palette.dark, system=palette.system) if palette.system is not None else (palette.text,)
    shades = [Style(color=colour) for colour in colours]
    layers, lines = layer_runs(axes[-1].values, request.better, shades, palette.faint(_CONTEXT), context, standouts)
    look = ParallelLook(
        width,
        height,
        palette.glyphs,
        text=Style(color=palette.text),
        muted=palette.faint(_FRAME),
        accent=Style(color=palette.accent, bold=True),
    )
    # In a narrower figure, or of fewer runs, there may be fewer axes than when the user pointed at one.
    pointer = request.pointer if request.pointer is not None and request.pointer.axis < len(axes) else None
    drawn = draw_parallel(axes, layers, lines, look, pointer)
    shown = frame.height if context is None else int((~context).sum())
    missing = int(np.isnan(axes[-1].values if context is None else axes[-1].values[~context]).sum())
    left_out = {f"without {_called(request.metric)}": missing} if missing else {}
    strongest = "yellow" if palette.dark else "blue" if palette.system is ColorSystem.STANDARD else "violet"
    remark = f"{strongest} is {'best' if request.better else 'greatest'}" if palette.system is not None else ""
    order = np.argsort(axes[-1].values, kind="stable")
    kept = [at for at in order.tolist() if not np.isnan(axes[-1].values[at]) and (context is None or not context[at])]
    return FigureDrawn(
        request,
        telling,
        lines=drawn.lines,
        note=note_of("parallel", None, left_out, remark, shown, log_x=False, log_y=axes[-1].log),
        reading=_reading(request, []),
        choices=[*first, *others],
        order=[runs[at] for at in kept],
        axes=axes,
        area=drawn.area,
    )


def _reading(request: FigureRequest, columns: Sequence[str]) -> str:
    """The name and the values of the run under the cursor; how many there are where there are several."""
    if len(request.cursor) != 1:
        return f"{_CURSOR} {len(request.cursor)} runs of a group" if request.cursor else ""
    run = request.cursor[0]
    found = request.frame.filter((pl.col("source") == run.source) & (pl.col("run_id") == run.run_id))
    if not found.height:
        return ""
    values = [f"{_called(name)} {_value_text(found[name], name)}" for name in (request.metric, *columns)]
    return f"{_CURSOR} {printable(found['name'][0] or run.run_id)}  {' · '.join(values)}"


def _value_text(values: pl.Series, column: str) -> str:
    """The one value of a run."""
    if values.dtype.is_numeric():
        return texts_apart([values[0]])[0]
    if kind_of(column) == "time" and values[0] is not None:
        return x_text(float(numbers_or_words(values)[0]), "time")
    return texts_apart([None])[0] if values[0] is None else printable(str(values[0]))
