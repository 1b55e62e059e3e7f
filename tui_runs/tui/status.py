"""What the bars of the main screen say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from tui_runs.display import clip, how_long_ago
from tui_runs.frames.workspace import SourceState, Workspace
from tui_runs.tui.panes import PANES
from tui_runs.tui.widgets.bars import Piece


def status_pieces(
    workspace: Workspace,
    *,
    following: bool,
    new: int = 0,
    alerts: tuple[int, bool] = (0, False),
    own_problems: int = 0,
) -> tuple[list[Piece], list[Piece]]:
    """The line at the top: which stores, how many runs, and how current all of it is.

    Args:
        workspace: what is open.
        following: whether it is kept current.
        new: how many runs have come that the user has not looked at.
        alerts: how many events of health there are to look at, and whether one of them is bad.
        own_problems: how many there are that are not of a store.
    """
    left = [Piece(" tui-runs ", "title")]
    counts = workspace.catalog.count_by_source()
    for opened in workspace.sources.values():
        read = counts.get(opened.name, 0)
        left += [Piece(f"  {opened.adapter} ", "muted"), Piece(clip(opened.name, 48))]
        if opened.state is SourceState.READING:
            of = f" of {opened.total:,}" if opened.total else ""
            left.append(Piece(f"  reading {read:,}{of} …", "warn"))
        else:
            left.append(Piece(f"  {read:,} run{'s' if read != 1 else ''}", "muted"))
        if opened.polling and opened.state is SourceState.FOLLOWING:
            left.append(Piece(" · polled", "muted"))
        if opened.state is SourceState.STALE and opened.trouble is not None:
            left.append(Piece(f"  ◍ stale: {opened.trouble.what}", "bad", "problems"))
    right: list[Piece] = []
    if new:
        right.append(Piece(f"+ {new:,} new  ", "good"))
    running = workspace.catalog.count("running")
    if running:
        right.append(Piece(f"▶ {running:,} running  ", "good"))
    events, bad = alerts
    if events:
        said = f"▲ {events:,} alert{'s' if events != 1 else ''}  "
        right.append(Piece(said, "bad" if bad else "warn", "health"))
    problems = len(workspace.problems) + own_problems
    if problems:
        right.append(Piece(f"▲ {problems:,} problem{'s' if problems != 1 else ''}  ", "warn", "problems"))
    if not following:
        right.append(Piece("not following  ", "warn", "follow"))
    if workspace.updated is not None:
        right.append(Piece(f"updated {_how_long_ago(workspace.updated, workspace.now())} ", "muted"))
    return left, right


def _how_long_ago(then: datetime, now: datetime) -> str:
    """After ten seconds in steps of ten: a line that says something else each second is painted each second."""
    seconds = (now - then).total_seconds()
    return how_long_ago(then, now - timedelta(seconds=seconds % 10) if seconds >= 10 else now)


def pane_tabs(pane: str, marked: int, has_run: bool, compared: Sequence[str] = ()) -> tuple[list[Piece], list[Piece]]:
    """The line between the table and what is below it.

    Args:
        pane: the one shown.
        marked: how many runs are marked.
        has_run: whether there is a run under the cursor.
        compared: what there is to say of the comparison that is shown.
    """
    left = [
        Piece(f" {one.title} ", "chosen" if one.name == pane else "muted", f"pane('{one.name}')")
        for one in PANES.values()
    ]
    if PANES[pane].of_cursor:
        return left, [Piece("the run under the cursor ", "muted")] if has_run else []
    if compared:
        return left, [Piece(f"{' · '.join(compared)} ", "muted")]
    if marked:
        return left, [Piece(f"{marked} marked run{'s' if marked != 1 else ''} ", "muted")]
    return left, [Piece("the run under the cursor · space marks runs to compare ", "muted")] if has_run else []
