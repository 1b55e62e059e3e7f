"""All that the user chose on the main screen, taken off it and put back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tui_runs.analysis.columns import split_aggregate
from tui_runs.conditions import Order
from tui_runs.errors import UsageError
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.frames.lookup import KINDS
from tui_runs.frames.selection import column_named, known_columns
from tui_runs.tui.charts.settings import from_settings, to_settings
from tui_runs.tui.comparing import Comparing
from tui_runs.tui.figures import state as figure_state
from tui_runs.tui.runs_view import NEWEST_FIRST, NOT_IN_CATALOG, RunsView
from tui_runs.tui.saved_views import SavedView

if TYPE_CHECKING:
    from tui_runs.tui.screens.main import MainScreen


def capture(screen: MainScreen) -> SavedView:
    """What the screen shows now."""
    comparing = screen.below.comparing
    compare = {
        "differing_only": comparing.differing_only,
        "each_before": comparing.each_before,
        "ignore": list(comparing.ignore),
        "baseline": comparing.baseline.run_id if comparing.baseline else "",
    }
    usual = {"differing_only": True, "each_before": False, "ignore": [], "baseline": ""}
    chosen = {key: value for key, value in compare.items() if value != usual[key]}
    charts = to_settings(screen.below.charts.state)
    if figure := figure_state.to_settings(screen.below.figures.state):
        charts["figure"] = figure
    return SavedView(screen.view, tuple(screen.marks.runs), screen.below.pane, chosen, charts)


def restore(screen: MainScreen, saved: SavedView) -> list[str]:
    """Show what was saved.

    Args:
        screen: to be changed.
        saved: what to show.

    Returns:
        What of it is not here, in sentences.
    """
    catalog = screen.app.workspace.catalog
    view, strange = known_part(saved.view, known_columns(catalog))
    missing = [f"Columns that are not here are left out: {', '.join(strange)}."] if strange else []
    marks = [run for mark in saved.marks if (run := _here(mark, catalog)) is not None]
    screen.marks.runs = marks
    compare = saved.compare
    screen.below.comparing = Comparing(
        differing_only=bool(compare.get("differing_only", True)),
        each_before=bool(compare.get("each_before", False)),
        ignore=tuple(str(pattern) for pattern in compare.get("ignore", [])),
        baseline=next((run for run in marks if run.run_id == compare.get("baseline")), None),
        details=screen.below.comparing.details,
    )
    screen.below.charts.look(from_settings(saved.charts))
    screen.below.figures.look(figure_state.from_settings(saved.charts.get("figure")))
    screen.look(view)
    screen.show_filter(view.where)
    if saved.pane:
        screen.below.choose(saved.pane)
    screen.update_soon("table", "below")
    if len(marks) < len(saved.marks):
        missing.append(f"{len(saved.marks) - len(marks)} of the marked runs are not here.")
    return missing


def known_part(view: RunsView, known: Collection[str]) -> tuple[RunsView, list[str]]:
    """A view without the columns that do not exist here, and which those are.

    Args:
        view: perhaps of another store.
        known: the columns that there are.
    """
    is_known = partial(_is_known, known=known)
    strange = [
        name for name in (*view.columns, *view.group_by, *(one.column for one in view.sort)) if not is_known(name)
    ]
    columns = tuple(filter(is_known, view.columns))
    kept = replace(
        view,
        columns=columns,
        sort=tuple(one for one in view.sort if is_known(one.column)) or NEWEST_FIRST,
        group_by=tuple(filter(is_known, view.group_by)),
    )
    return kept, list(dict.fromkeys(strange))


def _is_known(name: str, known: Collection[str]) -> bool:
    return name in NOT_IN_CATALOG or split_aggregate(name)[1] in known


def named_here(view: RunsView, catalog: Catalog) -> tuple[RunsView, list[str]]:
    """A view with the columns that a person meant, and a sentence for each that is not here, or is not the only one.

    Args:
        view: its columns as they were typed: `lr` where only `params.lr` can be meant.
        catalog: which columns there are.
    """
    known, mistakes = known_columns(catalog), dict[str, None]()

    def here(name: str) -> str:
        if _is_known(name, known):
            return name
        try:
            return column_named(catalog, name)
        except UsageError as error:
            mistakes[f"{error.message} {error.remedy}"] = None
            # What is named in full may be logged later.
            return name if name.partition(".")[0] in KINDS else ""

    columns = tuple(filter(None, map(here, view.columns)))
    sort = tuple(Order(name, one.descending) for one in view.sort if (name := here(one.column)))
    return replace(view, columns=columns, sort=sort or NEWEST_FIRST), list(mistakes)


def _here(mark: RunKey, catalog: Catalog) -> RunKey | None:
    """A marked run as it is called here: a store may have been opened by another path."""
    if mark in catalog:
        return mark
    runs = catalog.runs
    found = runs.filter(runs["run_id"] == mark.run_id)
    return RunKey(found["source"][0], mark.run_id) if found.height == 1 else None
