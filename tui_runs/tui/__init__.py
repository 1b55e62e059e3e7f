"""The app. Importing this package is cheap: textual is imported when the app is run."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui_runs.adapter import OptionValue
    from tui_runs.sources.discover import Found


def run_app(
    found: Sequence[Found],
    options: dict[str, dict[str, OptionValue]],
    *,
    poll: float | None = None,
    where: str = "",
    sort: tuple[str, bool] | None = None,
    columns: Sequence[str] = (),
) -> int:
    """Open stores in the app; returns the exit code.

    Args:
        found: the stores and what reads them.
        options: values of the adapters' options, by adapter.
        poll: look at files every so many seconds instead of waiting for events.
        where: words that a run must contain.
        sort: a column, and whether the greatest comes first.
        columns: names of the columns to show; none for the usual ones.

    Raises:
        LocationError: a store cannot be opened; the screen has not been taken yet.
    """
    # Imports make nothing but objects that stay: collecting garbage among them costs a tenth of the start.
    gc.disable()
    from tui_runs.frames.workspace import Workspace  # noqa: PLC0415  polars: 0.25 s

    workspace = Workspace()
    workspace.open(found, options)
    workspace.read_ahead()
    # Reading is mostly done outside the interpreter lock, so it is over when textual (0.35 s) is imported.
    from tui_runs.tui.app import TuiRunsApp  # noqa: PLC0415
    from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView  # noqa: PLC0415

    app = TuiRunsApp(workspace, RunsView(where, sort or NEWEST_FIRST, tuple(columns)), poll)
    try:
        return app.run() or app.return_code or 0
    finally:
        workspace.close()
