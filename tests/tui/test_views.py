"""Views saved and shown again by keys; the filter's suggestions and history."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import OptionList

from tests.tui.conftest import Opened, settle, text_of, until
from tests.tui.test_app import main_of
from tui_runs.conditions import Order
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.saved_views import ViewStore
from tui_runs.tui.screens.main import MainScreen
from tui_runs.tui.screens.views import ViewsScreen
from tui_runs.tui.widgets.completions import Completions
from tui_runs.tui.widgets.filter_bar import FilterBar


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def views_screen(pilot) -> ViewsScreen:
    await pilot.press("V")
    await until(pilot, lambda: isinstance(pilot.app.screen, ViewsScreen) and pilot.app.focused is not None)
    return pilot.app.screen


class TestViews:
    async def test_saved_and_shown_again(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            await pilot.press("slash", *"cifar", "enter", "space", "space", "d", "d")
            await settle(pilot)
            await pilot.press("right", "right", "right", "right", "s", "h", "e", "y")
            await settle(pilot)
            view, marks, charts = screen.view, list(screen.marks.runs), screen.below.charts.state
            assert charts.smoothing
            assert view.columns
            await views_screen(pilot)
            await pilot.press(*"my view", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
            assert ViewStore([s.source.uri for s in pilot.app.workspace.sources.values()]).names() == ["my view"]
            await pilot.press("e", "y", "c", "2", "o", "slash", "escape", "C", "r", "escape")
            await settle(pilot)
            assert screen.view.where == ""
            shown = await views_screen(pilot)
            assert shown.query_one(OptionList).has_focus
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
            await settle(pilot)
            assert screen.view == view
            assert screen.marks.runs == marks
            assert screen.below.charts.state == charts
            assert screen.below.pane == "compare"
            assert not screen.below.comparing.differing_only
            assert screen.query_one(FilterBar).field.value == "cifar"

    async def test_names_are_taken_as_a_person_means_them(self, opened: Opened) -> None:
        columns = ("name", "batch_size", "trend", "nonsense", "metrics.to_come")
        typed = RunsView(columns=columns, sort=(Order("age"), Order("x")))
        async with opened(view=typed) as pilot:
            view = main_of(pilot).view
            assert view.columns == ("name", "params.batch_size", "trend", "metrics.to_come")
            assert view.sort == (Order("age_s"),)
            told = " ".join(one.message for one in pilot.app._notifications)
            assert "nonsense" in told
            assert "metrics.to_come" in told

    async def test_deleted(self, opened: Opened) -> None:
        async with opened() as pilot:
            await views_screen(pilot)
            await pilot.press(*"a", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
            shown = await views_screen(pilot)
            await pilot.press("delete")
            await until(pilot, lambda: not shown.query_one(OptionList).option_count)

    async def test_a_view_of_another_store_says_what_is_missing(self, opened: Opened) -> None:
        async with opened() as pilot:
            store = pilot.app.view_store
            store.directory.mkdir(parents=True)
            (store.directory / "x.toml").write_text(
                "columns = ['name', 'params.[b]gone']\nsort = ['metrics.val/loss:asc']\n"
                "marks = [{source = 'a', run_id = 'b'}]\npane = 'of a later version'\n"
            )
            await views_screen(pilot)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
            await settle(pilot)
            assert main_of(pilot).view.columns == ("name",)
            assert main_of(pilot).view.sort == (Order("metrics.val/loss"),)
            assert main_of(pilot).below.pane == "charts"
            said = [notification.message for notification in pilot.app._notifications]
            assert any("params.[b]gone" in message for message in said)
            assert any("1 of the marked runs" in message for message in said)

    async def test_a_broken_file_is_a_sentence(self, opened: Opened) -> None:
        async with opened() as pilot:
            store = pilot.app.view_store
            store.directory.mkdir(parents=True)
            (store.directory / "x.toml").write_text("columns = [")
            await views_screen(pilot)
            before = main_of(pilot).view
            await pilot.press("enter")
            await until(pilot, lambda: len(pilot.app._notifications))
            assert "is no TOML" in next(iter(pilot.app._notifications)).message
            assert main_of(pilot).view == before


class TestFilterBar:
    async def test_the_arrows_choose_a_suggestion_and_tab_takes_it(self, opened: Opened) -> None:
        async with opened() as pilot:
            bar = main_of(pilot).query_one(FilterBar)
            await pilot.press("slash", *"metrics.val")
            await settle(pilot)
            assert "metrics.`val/loss`" in text_of(pilot)
            await pilot.press("down", "down", "tab")
            assert bar.field.value == "metrics.`val/acc`"
            await pilot.press("space", "greater_than_sign", "0", ".", "9", "enter")
            await settle(pilot)
            table = main_of(pilot).table
            assert table.has_focus
            assert min(table.frame["metrics.val/acc"]) > 0.9

    async def test_a_column_that_is_being_typed_hides_no_run(self, opened: Opened) -> None:
        async with opened() as pilot:
            table = main_of(pilot).table
            await pilot.press("slash", *"cifar")
            await settle(pilot)
            shown = table.frame.height
            assert 0 < shown < 24
            for letter in (" ", *"params.", "l"):
                await pilot.press("space" if letter == " " else "full_stop" if letter == "." else letter)
                await settle(pilot)
                if letter in ".l":
                    assert table.frame.height == shown, letter

    async def test_up_recalls_filters_and_down_leads_back_to_what_was_typed(self, opened: Opened) -> None:
        async with opened() as pilot:
            field = main_of(pilot).query_one(FilterBar).field
            for word in ("cifar", "gpt"):
                await pilot.press("slash", "ctrl+u", *word, "enter")
                await settle(pilot)
            await pilot.press("slash", "ctrl+u", "z", "z")
            await settle(pilot)
            await pilot.press("up")
            assert field.value == "gpt"
            await pilot.press("up")
            assert field.value == "cifar"
            await pilot.press("down", "down")
            assert field.value == "zz"
            await pilot.press("down")
            assert main_of(pilot).table.has_focus

    async def test_the_list_goes_away_with_the_focus(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("slash", *"metrics.val", "escape")
            await settle(pilot)
            assert not main_of(pilot).query_one(Completions).display
