"""The app. Importing this package is cheap: textual is imported when the app is run."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tui_runs.adapter import OptionValue
    from tui_runs.conditions import Order, Wanted
    from tui_runs.frames.workspace import Workspace
    from tui_runs.sources.discover import Found
    from tui_runs.tui.runs_view import RunsView
    from tui_runs.tui.saved_views import SavedView

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
    saved: str = "",
) -> int:
    """Open stores in the app; returns the exit code.

    Args:
        found: the stores and what reads them.
        options: values of the adapters' options, by adapter.
        poll: look at files every so many seconds instead of waiting for events.
        where: a filter; see `tui_runs.analysis.query`.
        sort: the columns that decide the order; none for the newest first.
        columns: names of the columns to show; none for the usual ones.
        saved: the name of a view that was saved over these stores, or the path of one's file.

    Raises:
        LocationError: a store cannot be opened; the screen has not been taken yet.
        ViewError: there is no such view, or it cannot be read.
    """
    # Imports make nothing but objects that stay: collecting garbage among them costs a tenth of the start.
    gc.disable()
    from tui_runs.config import load_config  # noqa: PLC0415  no other command needs it
    from tui_runs.frames.workspace import Workspace  # noqa: PLC0415  polars: 0.25 s
    from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView  # noqa: PLC0415

    workspace = Workspace()
    workspace.open(found, options)
    chosen = _saved_view(workspace, saved) if saved else None
    view = chosen.view if chosen else RunsView()
    if sort:
        view = replace(view, sort=tuple(sort), nested=False)
    view = replace(view, where=where or view.where, columns=tuple(columns) or view.columns)
    workspace.read_ahead(_wanted_first(view) if view.where or view.sort != NEWEST_FIRST else None)
    # Reading is mostly done outside the interpreter lock, so it is over when textual (0.35 s) is imported.
    from tui_runs.tui.app import TuiRunsApp  # noqa: PLC0415

    config, problems = load_config()
    notices = [why for store in found if (why := store.why_here)]
    app = TuiRunsApp(workspace, view, poll, notices, chosen, config, problems)
    try:
        return app.run() or app.return_code or 0
    finally:
        workspace.close()


def _saved_view(workspace: Workspace, text: str) -> SavedView:
    """The view that a name or a path means.

    Raises:
        ViewError: there is none.
    """
    from tui_runs.tui.saved_views import ViewStore, load_view  # noqa: PLC0415  hardly ever needed

    path = Path(text)
    if path.suffix == ".toml" or os.sep in text:
        return load_view(path)
    return ViewStore([opened.source.uri for opened in workspace.sources.values()]).load(text)


def _wanted_first(view: RunsView) -> Wanted | None:
    """The runs that the first screen shows; None where the filter is not understood before the columns are known."""
    from tui_runs.analysis.query import parse  # noqa: PLC0415
    from tui_runs.conditions import Wanted  # noqa: PLC0415
    from tui_runs.errors import QueryError  # noqa: PLC0415

    try:
        return Wanted(parse(view.where), view.sort, _FIRST_ROWS)
    except QueryError:
        return None
