"""The filter as it is typed: what it means when, and that what is offered is understood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tui_runs.adapter import RunBatch
from tui_runs.conditions import All
from tui_runs.errors import QueryError
from tui_runs.frames.selection import select
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import METRICS, PARAMS, RUNS, conform, empty
from tui_runs.tui.filtering import Completer, Filter, filter_columns, values_of
from tui_runs.tui.run_columns import MOST_COLUMNS, default_columns

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def workspace(clock: Clock) -> Workspace:
    """Ten runs, each begun an hour before the last, with more params than the table has columns."""
    made = Workspace(now=clock)
    names = [f"run{number}" for number in range(10)]
    runs = pl.DataFrame({"run_id": names, "started": [NOW - timedelta(hours=number) for number in range(10)]})
    params = [(name, f"key{key:03}", name) for name in names for key in range(MOST_COLUMNS)]
    batch = RunBatch(
        conform(runs, RUNS), pl.DataFrame(params, schema=dict(PARAMS), orient="row"), empty(PARAMS), empty(METRICS)
    )
    made.catalog.apply("s", batch)
    return made


def passing(workspace: Workspace, text: Filter, where: str) -> int:
    return select(workspace, [], text.condition(where)).height


class TestFilter:
    def test_times_that_are_told_from_now_back_move_on(self, workspace: Workspace, clock: Clock) -> None:
        text = Filter(workspace)
        for hours in range(4):
            clock.time = NOW + timedelta(hours=hours, seconds=1)
            assert passing(workspace, text, "started > -5h") == 5 - hours
            assert passing(workspace, text, "started < -1.5h") == 8 + min(hours, 2)

    def test_a_text_is_not_read_twice(self, workspace: Workspace, clock: Clock) -> None:
        text = Filter(workspace)
        for where in ("started > -5h", "params.key001 = run-2", "started > 2026-11-20"):
            read = text.condition(where)
            clock.time += timedelta(seconds=20)
            assert text.condition(where) is read
        clock.time += timedelta(days=1)
        assert text.condition(where) is read

    def test_a_mistake_is_told_and_the_filter_before_stays(self, workspace: Workspace) -> None:
        text = Filter(workspace)
        read = text.condition("started > -5h")
        assert text.condition("started > -5h and gone = 3") is read
        assert isinstance(text.mistake, QueryError)
        assert text.condition("") == All(())
        assert text.mistake is None


class TestCompletion:
    def test_every_column_that_is_offered_is_understood(self, workspace: Workspace) -> None:
        text, names = Filter(workspace), filter_columns(workspace.catalog)
        assert "trend" in default_columns(workspace.catalog)
        for name in names:
            text.condition(f"{name} is null")
            assert text.mistake is None, name

    def test_those_that_the_table_shows_come_first_and_none_is_missing(self, workspace: Workspace) -> None:
        names, shown = filter_columns(workspace.catalog), default_columns(workspace.catalog)
        assert len(names) == len(set(names))
        assert {"duration_s", "age_s", *(f"params.key{key:03}" for key in range(MOST_COLUMNS))} <= set(names)
        first = [name for name in shown if name in names]
        assert names[: len(first)] == first

    def test_columns_beyond_those_of_the_table(self, workspace: Workspace) -> None:
        complete = Completer(lambda: filter_columns(workspace.catalog), lambda column: values_of(workspace, column))
        last = f"params.key{MOST_COLUMNS - 1:03}"
        assert last not in default_columns(workspace.catalog)
        assert last in [one.text for one in complete(last, len(last))]
        offered = {one.text for one in complete(f"{last} = run", len(last) + 6)}
        assert offered
        assert offered <= {f"'run{number}'" for number in range(10)}
        assert complete("tren", 4) == []
