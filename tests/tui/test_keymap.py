"""Keys of the user's own: what they move, what they take away, and what is no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.conftest import NOW, settle, text_of, until
from tui_runs.config import read_config
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.keymap import remap
from tui_runs.tui.keys import MAIN


def test_no_wishes_change_nothing() -> None:
    assert remap({}, "x") == (MAIN, {}, [])


def test_what_moves_says_so_in_the_table_of_keys() -> None:
    main, keymap, problems = remap({"live.health": "ctrl+g", "runs.sort": "?"}, "config.toml")
    by_id = {key.id: key for key in main}
    assert (by_id["live.health"].spelt, by_id["live.health"].keys) == ("ctrl+g", "ctrl+g")
    assert keymap == {"live.health": "ctrl+g", "table.sort": "?"}
    assert [problem.what for problem in problems] == ["The key question_mark is runs.sort in [keys], and was app.help."]
    assert problems[0].remedy == "Give app.help another key there."
    assert [key for key in main if key.id not in keymap and key.id != "runs.sort"] == [
        key for key in MAIN if key.id not in ("live.health", "runs.sort")
    ]


def test_two_keys_may_change_places() -> None:
    _, _, problems = remap({"view.zoom": "f", "live.follow": "z"}, "config.toml")
    assert not problems


def test_the_keys_that_move_about_the_table_are_taken_and_take() -> None:
    _, _, problems = remap({"view.log": "k"}, "config.toml")
    assert [(problem.what, problem.remedy) for problem in problems] == [
        ("The key k is view.log in [keys], and was table.up.", "Give table.up another key there."),
    ]
    _, _, problems = remap({"table.up": "y"}, "config.toml")
    assert [problem.what for problem in problems] == ["The key y is table.up in [keys], and was view.log."]
    _, _, problems = remap({"view.log": "k", "table.up": "up,ctrl+k", "runs.sort": "$", "view.run": "enter"}, "x")
    assert not problems


def test_every_binding_of_the_program_can_be_moved() -> None:
    names = ["problems.close", "health.dismiss", "table.up", "app.interrupt", "app.palette"]
    wishes = {name: f"f{number}" for number, name in enumerate(names, 5)}
    _, keymap, problems = remap(wishes, "config.toml")
    assert not problems
    assert keymap == wishes


def test_a_name_that_is_none() -> None:
    main, keymap, problems = remap({"live.helth": "o", "x\x1b[31m": "y"}, "config.toml")
    assert (main, keymap) == (MAIN, {})
    assert [problem.what for problem in problems] == [
        "There is no key live.helth in [keys].", "There is no key x␛[31m in [keys].",
    ]  # fmt: skip
    assert problems[0].remedy == "Did you mean live.health?"


async def test_in_the_app(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_root)
    config, problems = read_config(
        '[keys]\nruns.filter = "ctrl+f"\napp.palette = "f2"\nruns.sort = "o"\nruns.newest = "O"\n[health]\nx = 1',
        Path("config.toml"),
    )
    workspace = Workspace(now=lambda: NOW)
    workspace.open(find(["./mlruns"]))
    app = TuiRunsApp(workspace, config=config, problems=problems)
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await settle(pilot)
        assert "ctrl+f filter" in text_of(pilot)
        assert "1 problem" in text_of(pilot)
        await until(pilot, lambda: "There is no x in [health]." in text_of(pilot))
        await pilot.press("right", "o")
        await settle(pilot)
        assert app.main is not None
        assert app.main.view.sort[0].column == app.main.table.cursor_column
        await pilot.press("slash")
        assert app.main.table.has_focus
        await pilot.press("ctrl+f")
        assert not app.main.table.has_focus
        await pilot.press("escape", "f2")
        await pilot.pause()
        assert type(pilot.app.screen).__name__ == "CommandPalette"
        await pilot.press("escape")
        await pilot.press("question_mark")
        await settle(pilot)
        assert "ctrl+f" in text_of(pilot)


async def test_keys_of_panes_are_shown_as_they_are_now(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo_root)
    config, _ = read_config('[keys]\n"files.pager" = "p"\n"log.search" = "?"\n"table.sort" = "f8"', Path("x.toml"))
    workspace = Workspace(now=lambda: NOW)
    workspace.open(find(["./mlruns"]))
    app = TuiRunsApp(workspace, config=config)
    async with app.run_test(size=(160, 160)) as pilot:
        await settle(pilot)
        await pilot.press("4", "tab")
        await settle(pilot)
        assert "p $PAGER   e $EDITOR, a copy   / find   w wrap" in text_of(pilot)
        await pilot.press("question_mark")
        await settle(pilot)
        lines = [" ".join(line.split()) for line in text_of(pilot).splitlines()]
        assert any("p Open the file in $PAGER" in line for line in lines)
        assert any("? Search the log, from here up" in line for line in lines)
        assert any("[ The one before" in line for line in lines)
        assert any("f8 Sort by the column under the cursor" in line for line in lines)
