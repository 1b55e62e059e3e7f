"""Groups of runs in the table, compared with means worked out by numpy from the catalog's own numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tui.conftest import Opened, settle, text_of
from tests.tui.test_app import main_of
from tui_runs.conditions import Order
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.screens.groups import GroupsScreen
from tui_runs.tui.widgets.frame_table import FrameTable

BY_SIZE = RunsView(group_by=("params.batch_size",), columns=("name", "params.batch_size", "metrics.val/acc", "took"))


def lasts_by_size(pilot) -> dict[str | None, list[float | None]]:
    frame = pilot.app.workspace.catalog.wide(["params.batch_size", "metrics.val/acc"])
    found: dict[str | None, list[float | None]] = {}
    for _, _, size, last in frame.iter_rows():
        found.setdefault(size, []).append(last)
    return found


class TestTable:
    async def test_means_deviations_and_counts(self, opened: Opened) -> None:
        async with opened(view=BY_SIZE) as pilot:
            wanted = lasts_by_size(pilot)
            frame = main_of(pilot).table.frame
            assert set(frame["params.batch_size"]) == set(wanted)
            for size, mean, std, count in frame.select(
                "params.batch_size", "metrics.val/acc", "metrics.val/acc@std", "runs"
            ).iter_rows():
                numbers = [last for last in wanted[size] if last is not None]
                assert count == len(wanted[size])
                assert mean == pytest.approx(np.mean(numbers)) if numbers else mean is None
                assert std == pytest.approx(np.std(numbers, ddof=1)) if len(numbers) > 1 else std is None
            assert "±" in text_of(pilot)

    async def test_sorted_by_their_means(self, opened: Opened) -> None:
        async with opened(view=BY_SIZE) as pilot:
            screen = main_of(pilot)
            screen.look(screen.view.sorted_by("metrics.val/acc"))
            await settle(pilot)
            means = [mean for mean in screen.table.frame["metrics.val/acc"] if mean is not None]
            assert means == sorted(means, reverse=True)
            assert screen._best["metrics.val/acc"] == means[0]

    async def test_a_filter_applies_before_grouping(self, opened: Opened) -> None:
        view = RunsView(group_by=("params.batch_size",), where="experiment = 'tiny-gpt'", columns=("name",))
        async with opened(view=view) as pilot:
            runs = pilot.app.workspace.catalog.runs
            assert main_of(pilot).table.frame["runs"].sum() == (runs["experiment"] == "tiny-gpt").sum()
            assert f"{(runs['experiment'] == 'tiny-gpt').sum()} of 24" in text_of(pilot)

    async def test_enter_shows_the_runs_in_order_and_hides_them(self, opened: Opened) -> None:
        async with opened(view=RunsView(group_by=("experiment",), sort=(Order("metrics.val/loss"),))) as pilot:
            table, catalog = main_of(pilot).table, pilot.app.workspace.catalog
            closed = table.frame
            assert closed.height == 2
            await pilot.press("enter")
            await settle(pilot)
            runs = table.frame[1 : 1 + closed["runs"][0]]
            of_group = {catalog.run(RunKey(*key))["experiment"] for key in runs.select("source", "run_id").iter_rows()}
            assert of_group == {closed["experiment"][0]}
            losses = [loss for loss in runs["metrics.val/loss"] if loss is not None and loss == loss]
            assert losses == sorted(losses)
            await pilot.press("enter")
            await settle(pilot)
            assert table.frame.equals(closed)

    async def test_a_group_is_marked_and_charted_as_one(self, opened: Opened) -> None:
        async with opened(view=RunsView(group_by=("experiment",))) as pilot:
            screen = main_of(pilot)
            count = screen.table.frame["runs"][0]
            assert len(screen.below.charted()) == count
            await pilot.press("space")
            await settle(pilot)
            assert len(screen.marks.runs) == count
            await pilot.press("home", "space")
            await settle(pilot)
            assert screen.marks.runs == []

    async def test_panes_of_one_run_say_that_there_is_none_on_a_group(self, opened: Opened) -> None:
        async with opened(view=RunsView(group_by=("experiment",))) as pilot:
            for key in ("3", "4", "1", "R", "D", "t"):
                await pilot.press(key)
                await settle(pilot)
            assert pilot.app.screen is main_of(pilot)


class TestPicker:
    async def test_all_but_the_seed_and_back(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            before = screen.table.frame.height
            await pilot.press("M")
            assert isinstance(pilot.app.screen, GroupsScreen)
            await pilot.press("a", "escape")
            await settle(pilot)
            by = screen.view.group_by
            assert by
            assert "params.seed" not in by
            values = pilot.app.workspace.catalog.wide(by)
            assert screen.table.frame["runs"].is_not_null().sum() <= values.select(by).n_unique()
            await pilot.press("M", "n", "escape")
            await settle(pilot)
            assert screen.table.frame.height == before
            assert screen.view.group_by == ()

    async def test_columns_are_chosen_one_by_one(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            await pilot.press("M")
            offered = pilot.app.screen.query_one(FrameTable).frame["column"].to_list()
            assert "params.batch_size" in offered
            await pilot.press("space", "space", "escape")
            await settle(pilot)
            assert screen.view.group_by == tuple(offered[:2])
            assert [column.name for column in screen.table.columns[1:3]] == offered[:2]
