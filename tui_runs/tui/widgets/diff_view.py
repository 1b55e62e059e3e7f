"""What differs between runs, as a table: keys down and runs across, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final

import polars as pl
from rich.cells import cell_len
from textual.binding import Binding, BindingType

from tui_runs.analysis.diff import Delta, DiffRow, alike, deltas, sections
from tui_runs.display import number, printable
from tui_runs.tui.comparing import Comparison
from tui_runs.tui.exporting import Exported, text_columns
from tui_runs.tui.widgets.columns import GUTTER, Cell, Piece, TableColumn
from tui_runs.tui.widgets.frame_table import MOVES, FrameTable, TableMessage

_TITLES: Final = {
    "run": "run", "param": "params", "metric": "metrics, last", "tag": "tags", "code": "code",
    "environment": "environment", "dataset": "datasets",
}  # fmt: skip
_BASELINE: Final = "◆ "
_MISSING, _EMPTY = Cell("missing", "muted"), Cell('""', "warn")
_NOTHING: Final = Cell("")
_COMMIT: Final = 10
"""Characters of a commit's hash, as git itself abbreviates it in a large repository."""
_LEAST_WIDTH, _MOST_WIDTH = 12, 34
"""Cells of a run's column, and of the keys at the most."""
_KEY: Final = ("kind", "key")
"""What tells lines apart; the key of a title is empty, as no other is."""


class DiffView(FrameTable, inherit_bindings=False):
    """Shows a comparison, and says what the user wants to see of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *MOVES,
        Binding("b,enter", "baseline", "baseline", id="diff.baseline",
                tooltip="Hold the others against the run under the column cursor; again: each against the one before"),
        Binding("I", "ignore", "ignore", id="diff.ignore",
                tooltip="Leave the key under the cursor out; on a title: show all that was left out again"),
        Binding("T", "transpose", "turn", id="diff.transpose", tooltip="Runs down and keys across, and back"),
    ]  # fmt: skip

    class BaselineChosen(TableMessage):
        """The others are to be held against a run.

        Args:
            table: this view.
            place: the run's among those compared.
        """

        def __init__(self, table: FrameTable, place: int) -> None:
            super().__init__(table)
            self.place = place

    class Ignored(TableMessage):
        """A row is not wanted; None: all are wanted again.

        Args:
            table: this view.
            row: which.
        """

        def __init__(self, table: FrameTable, row: DiffRow | None) -> None:
            super().__init__(table)
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(key=_KEY, fixed=1, id=id)
        self._comparison: Comparison | None = None
        self._transposed = False
        self._lines: list[tuple[str, DiffRow | None, tuple[Delta | None, ...]]] = []

    def show_comparison(self, comparison: Comparison | None) -> None:
        """Show another comparison; None where there is nothing to compare."""
        if comparison != self._comparison or comparison is None:
            self._comparison = comparison
            self._fill()

    @property
    def comparison(self) -> Comparison | None:
        """What is shown."""
        return self._comparison

    def _fill(self) -> None:
        comparison = self._comparison
        self.empty_message = _why_empty(comparison)
        self._lines = list(_lines(comparison)) if comparison else []
        if comparison is None:
            self.show(pl.DataFrame(schema=dict.fromkeys(_KEY, pl.String)), [])
        elif self._transposed:
            self._show_transposed(comparison)
        else:
            keys = [(row.kind, row.key) if row else (title, "") for title, row, _ in self._lines]
            # As many runs side by side as there is room for, and each as wide as they can be then.
            width = max(self._width, _LEAST_WIDTH)
            longest = max((cell_len(title) for title, _, _ in self._lines), default=0)
            longest = min(longest, _MOST_WIDTH, max(width // 3, _LEAST_WIDTH))
            room = (width - GUTTER - longest) // max(len(comparison.runs), 1) - 2
            each = max(_LEAST_WIDTH, min(room, _MOST_WIDTH))
            columns = [TableColumn("key", "", self._titles, max_width=longest), *self._run_columns(comparison, each)]
            self.show(_frame(keys), columns)

    def on_resize(self) -> None:
        """Give the runs' columns the room that there is now."""
        super().on_resize()
        if self._comparison is not None:
            self._fill()

    def _run_columns(self, comparison: Comparison, width: int) -> list[TableColumn]:
        columns = []
        for place, (name, colour) in enumerate(zip(comparison.names, comparison.colours, strict=True)):
            title = (_BASELINE if place == comparison.baseline else "") + printable(name)
            cells = partial(self._values, place)
            columns.append(TableColumn(str(place), title, cells, "right", 9, width, look=colour))
        return columns

    def _show_transposed(self, comparison: Comparison) -> None:
        rows = [(at, row) for at, (_, row, _) in enumerate(self._lines) if row is not None]
        names = [
            Cell((_BASELINE if place == comparison.baseline else "") + name, colour)
            for place, (name, colour) in enumerate(zip(comparison.names, comparison.colours, strict=True))
        ]
        columns = [TableColumn("run", "", lambda window: [names[at] for at in window["at"]], max_width=30)]
        for at, row in rows:
            columns.append(TableColumn(str(at), printable(row.key), partial(self._across, at), "right", 6, 26))
        self.show(_frame([("run", f"{run.source} {run.run_id}") for run in comparison.runs]), columns)

    # --- cells ----------------------------------------------------------------------------------------------------

    def _titles(self, window: pl.DataFrame) -> list[Cell]:
        cells = []
        for at in window["at"]:
            title, row, _ = self._lines[at]
            cells.append(Cell(title, "strong") if row is None else Cell(title, "" if row.differs else "muted"))
        return cells

    def _values(self, place: int, window: pl.DataFrame) -> list[Cell]:
        return [self._cell(at, place) for at in window["at"]]

    def _across(self, line: int, window: pl.DataFrame) -> list[Cell]:
        return [self._cell(line, place) for place in window["at"]]

    def _cell(self, line: int, place: int) -> Cell:
        _, row, changes = self._lines[line]
        if row is None:
            return _NOTHING
        value = row.values[place]
        if value is None or value == "":
            return _MISSING if value is None else _EMPTY
        if isinstance(value, str):
            text = printable(value[:_COMMIT] if row.key == "git_commit" else value)
        else:
            text = number(value)
        if not row.differs or self._is_as_held_against(row, place):
            return Cell(text, "muted")
        change = changes[place] if changes else None
        if change is None:
            return Cell(text, "bad" if text in ("NaN", "∞", "-∞") and row.kind == "metric" else "")
        note = _note(change, row)
        look = {True: "good", False: "bad", None: "" if change.difference else "muted"}[change.better]
        return Cell(text, look, (note,) if note else ())

    def _is_as_held_against(self, row: DiffRow, place: int) -> bool:
        """Whether a value is that of the run which it is held against."""
        baseline = self._comparison.baseline if self._comparison else None
        other = place - 1 if baseline is None else baseline
        return other not in (place, -1) and alike(row.kind, row.values[place], row.values[other])

    # --- export ---------------------------------------------------------------------------------------------------

    def exported(self) -> Exported | None:
        """The comparison as it is to be written: keys down and runs across; None where there is none."""
        comparison = self._comparison
        if comparison is None:
            return None
        places = [at for at, (_, row, _) in enumerate(self._lines) if row is not None]
        rows = [row for _, row, _ in self._lines if row is not None]
        headings: dict[int, str] = {}
        count = 0
        for title, row, _ in self._lines:
            if row is None:
                headings[count] = f"{headings[count]} · {title.strip()}" if count in headings else title
            else:
                count += 1
        window = pl.DataFrame({"at": places}, schema={"at": pl.Int64})
        keys = TableColumn("key", "", self._titles)
        columns = text_columns(window, [keys, *self._run_columns(comparison, _MOST_WIDTH)])
        columns[0] = replace(columns[0], title="", cells=[row.key for row in rows])
        names = [f"{name} {run.run_id}" for name, run in zip(comparison.names, comparison.runs, strict=True)]
        if len(set(comparison.names)) == len(names):
            names = list(comparison.names)
        frame = pl.DataFrame(
            {
                "kind": [row.kind for row in rows],
                "key": [row.key for row in rows],
                "differs": [row.differs for row in rows],
                **{
                    f"{name} (run)" if name in ("kind", "key", "differs") else name: [
                        None if (value := row.values[place]) is None else str(value) for row in rows
                    ]
                    for place, name in enumerate(names)
                },
            },
            schema_overrides=dict.fromkeys(names, pl.String),
        )
        colours = {place + 1: colour for place, colour in enumerate(comparison.colours)}
        return Exported("What differs", frame, columns, headings, colours)

    # --- what the user does ---------------------------------------------------------------------------------------

    def action_baseline(self) -> None:
        """Ask for the run under the cursor to be the baseline."""
        if self._comparison is None:
            return
        place = self.cursor_row if self._transposed else None
        if not self._transposed and self.cursor_column not in (None, "key"):
            place = int(self.cursor_column or 0)
        if place is None:
            self.notify("Put the column cursor on a run first: → and ←.", severity="warning")
        else:
            self.post_message(self.BaselineChosen(self, place))

    def action_ignore(self) -> None:
        """Ask for the row under the cursor to be left out; on a title, for all that was left out."""
        line: str | int | None = self.cursor_row
        if self._transposed:
            column = self.cursor_column or ""
            line = int(column) if column.isdigit() else None
        row = self._lines[int(line)][1] if line is not None else None
        self.post_message(self.Ignored(self, row))

    def action_transpose(self) -> None:
        """Runs down and keys across, and back."""
        self._transposed = not self._transposed
        self._fill()
        self.move_cursor(row=0)


def _frame(keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
    frame = pl.DataFrame(keys, schema=dict.fromkeys(_KEY, pl.String), orient="row")
    return frame.with_columns(pl.int_range(pl.len()).alias("at"))


def _lines(comparison: Comparison) -> Sequence[tuple[str, DiffRow | None, tuple[Delta | None, ...]]]:
    """Titles of kinds and of parents, and the rows below them: text, row, and how the values differ."""
    lines: list[tuple[str, DiffRow | None, tuple[Delta | None, ...]]] = []
    kind = None
    for section in sections(comparison.rows):
        if section.kind != kind:
            kind = section.kind
            lines.append((_TITLES.get(kind, printable(kind)), None, ()))
        if section.parent:
            lines.append((f"  {printable(section.parent)}", None, ()))
        indent = "    " if section.parent else "  "
        for row in section.rows:
            changes = deltas(row, comparison.baseline, comparison.direction(row))
            lines.append((indent + printable(section.leaf(row)), row, changes))
    return lines


def _note(change: Delta, row: DiffRow) -> Piece | None:
    """How much a number differs, as it is said: a share, or how many times where that is easier to grasp."""
    ratio, share = change.ratio, change.share
    if not change.difference:
        return None
    if ratio is None or share is None:
        text = f" {'+' if change.difference > 0 else ''}{number(change.difference, 3)}"
    elif ratio > 0 and not 0.5 < ratio < 2:
        text = f" ×{number(ratio, 3)}"
    else:
        text = f" {share:+.1%}" if abs(share) >= 0.001 else f" {share:+.2%}"
    return text, "muted" if row.kind == "param" else {True: "good", False: "bad", None: "muted"}[change.better]


def _why_empty(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return ["Mark two runs or more with space,", "and what differs between them stands here."]
    if comparison.alike or comparison.ignored:
        return ["Nothing differs.", "d shows what is the same, I on a title what is ignored."]
    return ["Nothing is known of these runs to compare."]
