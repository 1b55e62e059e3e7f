"""What the screens look like; `uv run pytest --snapshot-update` after a change that was looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.conftest import NOW, settle, until
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.screens.associations import AssociationList

Compare = Callable[..., bool]


@pytest.fixture
def app(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> TuiRunsApp:
    """The app over the demo's store."""
    monkeypatch.chdir(demo_root)
    workspace = Workspace(now=lambda: NOW)
    workspace.open(find(["./mlruns"]))
    return TuiRunsApp(workspace)


def pressing(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Press keys, each when the screen has come to rest."""

    async def press(pilot: Pilot[int]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return press


SIZES = pytest.mark.parametrize("size", [(160, 45), (100, 30), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")


class TestMainScreen:
    @SIZES
    def test_table_and_charts(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing())

    @SIZES
    def test_marked_runs(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        keys = ("space", "space", "down", "space", *(["tab"] if size[1] < 30 else []))
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    @SIZES
    def test_compared_runs(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing("space", "space", "down", "space", "d"))

    def test_light(self, snap_compare: Compare, app: TuiRunsApp) -> None:
        assert snap_compare(app, terminal_size=(160, 45), run_before=pressing("ctrl+t", "space", "space"))

    def test_filtered_sorted_and_scrolled(self, snap_compare: Compare, app: TuiRunsApp) -> None:
        keys = ("slash", *"cifar", "enter", *["right"] * 4, "s", *["right"] * 12, "x", "y")
        assert snap_compare(app, terminal_size=(120, 35), run_before=pressing(*keys))

    @SIZES
    def test_mistaken_filter(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        keys = ("slash", *"val/loss", "space", "less_than_sign")
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))


class TestCompare:
    """The states of section "which run is best, and what did it do differently" of the README."""

    @SIZES
    def test_columns(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing("C", "down", "down", "p", "down", "space"))

    @SIZES
    def test_groups(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing("M", "down", "space", "escape", "enter"))

    @SIZES
    def test_leaderboard(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing(*["right"] * 5, "l", "right", "S"))

    @SIZES
    def test_suggestions(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing("slash", *"params.", "down"))

    @SIZES
    def test_runs_down_and_keys_across(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        keys = (*["space"] * 4, "d", "tab", "T", "down", "b")
        assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))

    @SIZES
    def test_what_mattered(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        async def ask(pilot: Pilot[int]) -> None:
            await pressing("A")(pilot)
            await until(pilot, lambda: pilot.app.screen.query_one(AssociationList).frame.height)

        assert snap_compare(app, terminal_size=size, run_before=ask)

    def test_export(self, snap_compare: Compare, app: TuiRunsApp) -> None:
        assert snap_compare(app, terminal_size=(100, 30), run_before=pressing("space", "space", "d", "E"))


class TestDialogs:
    @SIZES
    def test_help(self, snap_compare: Compare, app: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(app, terminal_size=size, run_before=pressing("question_mark"))

    def test_no_problems(self, snap_compare: Compare, app: TuiRunsApp) -> None:
        assert snap_compare(app, terminal_size=(100, 30), run_before=pressing("p"))
