"""The app. Importing this package is cheap: textual is imported when the app is run."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tui_runs.adapter import OptionValue
    from tui_runs.conditions import Order, Wanted
    from tui_runs.sources.discover import Found
    from tui_runs.tui.runs_view import RunsView

_FIRST_ROWS: Final = 200
"""Runs that a source is asked for before all others, where the user wants certain ones."""


def run_app(
    found: Sequence[Found],
    options: dict[str, dict[str, OptionValue]],
    *,
    poll: float | None = None,
    where: str = "",
    sort: Sequence[Order] = (),
    columns: Sequence[str] = (),
) -> int:
    """Open stores in the app; returns the exit code.

    Args:
        found: the stores and what reads them.
        options: values of the adapters' options, by adapter.
        poll: look at files every so many seconds instead of waiting for events.
        where: a filter; see `tui_runs.analysis.query`.
        sort: the columns that decide the order; none for the newest first.
        columns: names of the columns to show; none for the usual ones.

    Raises:
        LocationError: a store cannot be opened; the screen has not been taken yet.
    """
    # Imports make nothing but objects that stay: collecting garbage among them costs a tenth of the start.
    gc.disable()
    from tui_runs.frames.workspace import Workspace  # noqa: PLC0415  polars: 0.25 s
    from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView  # noqa: PLC0415

    workspace = Workspace()
    workspace.open(found, options)
    view = RunsView(where, tuple(sort) or NEWEST_FIRST, tuple(columns), nested=not sort)
    workspace.read_ahead(_wanted_first(view) if where or sort else None)
    # Reading is mostly done outside the interpreter lock, so it is over when textual (0.35 s) is imported.
    from tui_runs.tui.app import TuiRunsApp  # noqa: PLC0415

    app = TuiRunsApp(workspace, view, poll, [why for store in found if (why := store.why_here)])
    try:
        return app.run() or app.return_code or 0
    finally:
        workspace.close()


def _wanted_first(view: RunsView) -> Wanted | None:
    """The runs that the first screen shows; None where the filter is not understood before the columns are known."""
    from tui_runs.analysis.query import parse  # noqa: PLC0415
    from tui_runs.conditions import Wanted  # noqa: PLC0415
    from tui_runs.errors import QueryError  # noqa: PLC0415

    try:
        return Wanted(parse(view.where), view.sort, _FIRST_ROWS)
    except QueryError:
        return None
