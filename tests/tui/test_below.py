"""What the panes below the table keep of what was asked for."""

from __future__ import annotations

import polars as pl
import pytest

from tests.tui.conftest import Opened, settle
from tests.tui.test_charts import press
from tui_runs.capabilities import Details
from tui_runs.schema import DETAILS
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.screens.main import MainScreen


async def test_details_that_come_while_the_cursor_is_elsewhere_are_kept(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TuiRunsApp, "fetch_details", lambda *_: True)  # they come when the test says so
    async with opened() as pilot:
        screen = pilot.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        await press(pilot, "3")
        run, below = screen.cursor_run, screen.below
        assert run is not None
        rows = {"run_id": run.run_id, "group": "dataset", "item": "train", "key": "size", "value": "50000"}
        screen.table.move_cursor(row=screen.table.cursor_row + 1)
        assert screen.cursor_run != run
        below.take_details(run, Details(pl.DataFrame([rows], schema=DETAILS)))
        screen.table.move_cursor(key=tuple(run))
        await settle(pilot)
        shown = below._run_details()
        assert shown is not None
        assert shown.details is not None
        assert shown.details["value"].to_list() == ["50000"]


async def test_the_systems_charts_learn_of_an_x_of_their_own_too(opened: Opened) -> None:
    async with opened() as pilot:
        screen = pilot.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        run = screen.cursor_run
        assert run is not None
        row = {"run_id": run.run_id, "group": "metric", "item": "system/gpu", "key": "step_metric", "value": "hours"}
        screen.below.take_details(run, Details(pl.DataFrame([row], schema=DETAILS)))
        for charts in (screen.below.charts, screen.below.system.charts):
            assert charts._own_x.of("system/gpu", [run]) == "hours"
