"""Columns of the runs table: what each key of the table and of the picker does to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input

from tests.tui.conftest import Opened, settle, text_of
from tests.tui.test_app import main_of
from tui_runs.conditions import Order
from tui_runs.tui.run_columns import Looks, make_columns
from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView
from tui_runs.tui.screens.columns import ColumnsScreen
from tui_runs.tui.widgets.frame_table import FrameTable

NAMES = ("name", "status", "metrics.loss", "metrics.acc", "params.lr", "tags.team")
shown_columns = st.permutations(NAMES).flatmap(lambda names: st.integers(1, 6).map(lambda count: names[:count]))


def shown_titles(pilot) -> list[str]:
    return [column.name for column in main_of(pilot).table.columns]


async def go_to(pilot, column: str) -> None:
    for _ in range(100):
        if main_of(pilot).table.cursor_column == column:
            return
        await pilot.press("right")
    raise AssertionError(column)


def test_steps_are_shown_whole() -> None:
    frame = pl.DataFrame({"last_step(metrics.loss)": [15_000_000_123, None]})
    looks = Looks(datetime.now, lambda window: ())
    (column,) = make_columns(frame.columns, frame, looks)
    assert [cell.text for cell in column.cells(frame)] == ["15,000,000,123", "—"]


class TestView:
    @given(shown_columns, st.data(), st.integers(-9, 9))
    def test_moving_keeps_the_other_columns_in_order(self, shown: Sequence[str], data: st.DataObject, by: int) -> None:
        column = data.draw(st.sampled_from(shown))
        moved = RunsView().moved(column, by, shown).columns
        assert [name for name in moved if name != column] == [name for name in shown if name != column]
        wished = shown.index(column) + by
        assert moved.index(column) == max(0, min(wished, len(shown) - 1))

    @given(shown_columns, st.data())
    def test_pinning_twice_leaves_as_many_pinned(self, shown: Sequence[str], data: st.DataObject) -> None:
        column = data.draw(st.sampled_from(shown))
        view = RunsView(pinned=data.draw(st.integers(0, len(shown))))
        once = view.pinned_at(column, shown)
        pinned = once.columns[: once.pinned]
        assert (column in pinned) != (column in shown[: view.pinned])
        assert once.pinned_at(column, once.columns).pinned == view.pinned

    @given(shown_columns, st.data())
    def test_leaving_a_column_out_and_back(self, shown: Sequence[str], data: st.DataObject) -> None:
        column = data.draw(st.sampled_from(shown))
        view = RunsView(pinned=2).without(column, shown)
        if len(shown) == 1:
            assert view == RunsView(pinned=2)  # a table has one column at least
            return
        assert column not in view.columns
        assert view.pinned == 2 - (shown.index(column) < 2)
        assert view.with_column(column, view.columns).columns == (*view.columns, column)

    def test_the_aggregates_go_in_a_circle_from_the_last_value_to_the_best(self) -> None:
        view, name, seen = RunsView(), "metrics.acc", []
        for _ in range(7):
            view = view.with_aggregate(name, view.columns or ("name", name))
            name = view.columns[1]
            seen.append(name)
        assert seen[:2] == ["max(metrics.acc)", "max_step(metrics.acc)"]
        assert seen[-1] == "metrics.acc"
        assert len(set(seen)) == 7

    def test_the_sort_goes_with_the_column(self) -> None:
        view = RunsView(sort=(Order("metrics.loss"),)).with_aggregate("metrics.loss", ("name", "metrics.loss"))
        assert view.sort == (Order("min(metrics.loss)"),)

    def test_sorting_by_several(self) -> None:
        view = RunsView().then_by("params.opt").then_by("metrics.acc")
        assert view.sort == (Order("params.opt"), Order("metrics.acc", descending=True))
        view = view.then_by("params.opt")
        assert view.sort == (Order("params.opt", descending=True), Order("metrics.acc", descending=True))
        assert view.then_by("params.opt").then_by("metrics.acc").then_by("metrics.acc").sort == NEWEST_FIRST


class TestKeys:
    async def test_the_leaderboard_has_the_best_of_each_history_first(self, opened: Opened) -> None:
        async with opened() as pilot:
            await go_to(pilot, "metrics.val/acc")
            await pilot.press("l")
            await settle(pilot)
            table, catalog = main_of(pilot).table, main_of(pilot).app.workspace.catalog
            greatest = {}
            for source, run_id in table.frame.select("source", "run_id").iter_rows():
                metrics = catalog.metrics_of((source, run_id)).filter(key="val/acc")
                greatest[run_id] = metrics["max"].item() if metrics.height else None
            order = table.frame["run_id"].to_list()
            values = [greatest[run_id] for run_id in order]
            known = [value for value in values if value is not None]
            assert known == sorted(known, reverse=True)
            assert values[: len(known)] == known
            assert table.cursor_column == "max(metrics.val/acc)"
            assert table.cursor_row == 0
            assert "val/acc max" in text_of(pilot)

    async def test_hiding_moving_and_the_next_aggregate(self, opened: Opened) -> None:
        async with opened() as pilot:
            before = shown_titles(pilot)
            await go_to(pilot, "metrics.val/loss")
            at = before.index("metrics.val/loss")
            await pilot.press("shift+right")
            await settle(pilot)
            assert shown_titles(pilot)[at : at + 2] == [before[at + 1], "metrics.val/loss"]
            assert main_of(pilot).table.cursor_column == "metrics.val/loss"
            await pilot.press("a")
            await settle(pilot)
            assert main_of(pilot).table.cursor_column == "min(metrics.val/loss)"
            await pilot.press("h")
            await settle(pilot)
            assert shown_titles(pilot) == [name for name in before if name != "metrics.val/loss"]

    async def test_only_what_tells_the_shown_runs_apart(self, opened: Opened) -> None:
        async with opened(view=RunsView(where="experiment = 'cifar10-resnet'")) as pilot:
            frame = main_of(pilot).table.frame
            alike = {name for name in shown_titles(pilot) if name in frame.columns and len(set(frame[name])) == 1}
            assert "params.data/path" in alike
            await pilot.press("i")
            await settle(pilot)
            assert set(shown_titles(pilot)).isdisjoint(alike - {"name", "status"})
            await pilot.press("i")
            await settle(pilot)
            assert alike <= set(shown_titles(pilot))

    async def test_a_key_for_metrics_says_so_on_another_column(self, opened: Opened) -> None:
        async with opened() as pilot:
            before = main_of(pilot).view
            await pilot.press("a", "l", "B")
            assert main_of(pilot).view == before
            assert len(pilot.app._notifications) == 3

    async def test_which_way_is_better_decides_what_is_best(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            values = [value for value in screen.table.frame["metrics.val/acc"] if value is not None]
            assert screen._best["metrics.val/acc"] == max(values)
            await go_to(pilot, "metrics.val/acc")
            await pilot.press("B", "B")
            await settle(pilot)
            assert screen._best["metrics.val/acc"] == min(values)


class TestPicker:
    async def test_shows_hides_and_finds(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            before = shown_titles(pilot)
            await pilot.press("C")
            picker = pilot.app.screen
            assert isinstance(picker, ColumnsScreen)
            table = picker.query_one(FrameTable)
            assert [key for (key,) in table.marks] == before
            await pilot.press("slash", *"grad_norm", "enter")
            assert picker.query_one(Input).value == "grad_norm"
            assert table.frame["column"].to_list() == ["metrics.grad_norm"]
            await pilot.press("space")
            await pilot.press("escape")
            await settle(pilot)
            assert shown_titles(pilot) == [name for name in before if name != "metrics.grad_norm"]
            assert screen.table.has_focus

    async def test_moves_pins_and_widens(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("C", "down", "down", "p", "plus", "escape")
            await settle(pilot)
            screen = main_of(pilot)
            assert screen.view.pinned == 2
            assert screen.table.fixed == 2
            pinned = screen.view.columns[1]
            assert pinned == "status"
            assert next(column.width for column in screen.table.columns if column.name == pinned) == 11 + 4
            await pilot.press("C", "r", "escape")
            await settle(pilot)
            assert screen.view == RunsView()

    async def test_a_hostile_key_is_shown_as_text(self, opened: Opened) -> None:
        view = RunsView(columns=("name", "params.[red]\x1b[2Jx"))
        async with opened(view=view) as pilot:
            await pilot.press("C")
            assert "[red]␛[2Jx" in text_of(pilot)
