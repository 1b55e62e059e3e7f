"""Which runs are asked for, in which order, with which columns: one way for the app and for the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from tui_runs.analysis.ordering import sort_runs
from tui_runs.conditions import All, Condition, Order
from tui_runs.frames.lookup import KINDS, find_column
from tui_runs.frames.progress import PROGRESS, progress_frame, seconds_left
from tui_runs.schema import RUNS

if TYPE_CHECKING:
    from tui_runs.frames.catalog import Catalog
    from tui_runs.frames.workspace import Workspace

DERIVED: Final = ("adapter", "duration_s", "age_s", *PROGRESS, "left_s")
"""adapter: what reads it. duration_s: until it ended, or until now while it is running. age_s: since it said
something last. Of running runs, see `tui_runs.frames.progress`: progress, from 0 to 1; steps_per_s, of late;
expected_end; left_s: until then."""


_ALSO: Final = {"duration": "duration_s", "took": "duration_s", "age": "age_s"}


def column_named(catalog: Catalog, text: str) -> str:
    """The column that a person names, those of `DERIVED` among them.

    Args:
        catalog: which columns there are; see `find_column` for one that is empty still.
        text: as typed: `params.lr`, or `lr` where only one fits; `duration` and `age` too.

    Raises:
        UsageError: there is no such column, or several.
    """
    return _ALSO[text] if text in _ALSO else find_column(catalog, text, DERIVED)


def known_columns(catalog: Catalog) -> frozenset[str]:
    """The name of every column that a filter may name."""
    return frozenset([*RUNS, *DERIVED, *(f"{kind}.{key}" for kind in KINDS for key in catalog.keys(kind))])


def wide(workspace: Workspace, columns: Sequence[str]) -> pl.DataFrame:
    """One row a run: `source`, `run_id` and the columns asked for, those of `DERIVED` too.

    See `tui_runs.frames.catalog.Catalog.wide` for the others.
    """
    names = list(dict.fromkeys(["source", "run_id", *columns]))
    stored = [name for name in names if name not in DERIVED]
    if stored == names:
        return workspace.catalog.wide(names)
    frame = workspace.catalog.wide([*stored, "status", "started", "ended", "updated"])
    adapters = {name: opened.adapter for name, opened in workspace.sources.items()}
    if not {*PROGRESS, "left_s"}.isdisjoint(names):
        on = ["source", "run_id"]
        frame = frame.join(progress_frame(workspace), on=on, how="left", maintain_order="left")
        frame = frame.with_columns(seconds_left(workspace.now()).alias("left_s"))
    now = pl.lit(workspace.now()).cast(RUNS["started"])
    until = pl.coalesce("ended", pl.when(pl.col("status") == "running").then(now))
    return frame.with_columns(
        pl.col("source").replace_strict(adapters, default=None, return_dtype=pl.String).alias("adapter"),
        ((until - pl.col("started")).dt.total_microseconds() / 1e6).round(3).alias("duration_s"),
        ((now - pl.col("updated")).dt.total_microseconds() / 1e6).round(3).alias("age_s"),
    ).select(names)


def select(
    workspace: Workspace,
    columns: Sequence[str],
    where: Condition = All(()),  # noqa: B008  immutable
    order: Sequence[Order] = (),
) -> pl.DataFrame:
    """The runs for which a condition holds, in order.

    Args:
        workspace: what is known of the runs.
        columns: names of columns, derived ones too; those that the condition and the order need come as well.
        where: what must hold.
        order: the first decides, the others where runs are equal by it; what is missing comes last.

    Returns:
        `source`, `run_id` and the columns.
    """
    wanted = [*columns, *(one.column for one in order)]
    if where == All(()):
        frame = wide(workspace, wanted)
    else:
        from tui_runs.analysis.evaluation import columns_of, holds  # noqa: PLC0415  not needed for the first screen

        frame = wide(workspace, [*wanted, *columns_of(where)])
        frame = frame.filter(holds(where, frame, workspace.catalog.containing))
    for one in reversed(order):
        frame = sort_runs(frame, one.column, descending=one.descending)
    return frame
