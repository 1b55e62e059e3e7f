"""The health of runs in the app: status column, status line, list of events, run pane, alerts."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.adapters.mlflow_stores import HandMadeStore
from tests.tui.ailing_store import FAILED, FINISHED, append, write_ailing_store
from tests.tui.conftest import NOW, settle, text_of, until
from tests.tui.terminal import Terminal
from tui_runs.config import AlertSettings, Config, read_config
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.screens.health import EventList, HealthScreen
from tui_runs.tui.widgets.bars import Bar

PRESENT = int(NOW.timestamp() * 1000)
SIGNS = {
    "calm-otter": "▶ running",
    "wild-crane": "▲ diverging",
    "lost-heron": "▲ NaN",
    "flat-mole": "▲ plateau",
    "mute-swan": "▲ stale",
    "fine-lark": "✔ finished",
    "sad-bison": "✖ failed",
}
Open = Callable[..., TuiRunsApp]


@pytest.fixture
def store(tmp_path: Path) -> HandMadeStore:
    """A store in which much is wrong."""
    return write_ailing_store(tmp_path / "mlruns", NOW)


@pytest.fixture
def open_app(store: HandMadeStore, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Makes the app over that store."""

    def make(config: Config | None = None) -> TuiRunsApp:
        monkeypatch.chdir(store.root.parent)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))
        return TuiRunsApp(workspace, config=config)

    return make


def listed(app: TuiRunsApp) -> list[tuple[str, str]]:
    """The list of events, from top to bottom: run and kind."""
    assert isinstance(app.screen, HealthScreen)
    keys = app.screen.query_one(EventList).frame.select("source", "run_id", "kind").rows()
    names = app.workspace.catalog.names([RunKey(source, run_id) for source, run_id, _ in keys])
    return [(names.get(RunKey(source, run_id), source), kind) for source, run_id, kind in keys]


class TestTable:
    async def test_the_status_says_what_is_wrong_of_runs_that_are_running(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            table = text_of(pilot).splitlines()[3:10]
            for name, sign in SIGNS.items():
                (line,) = [line for line in table if name in line]
                assert sign in line

    async def test_rules_of_the_config_count(self, open_app: Open) -> None:
        text = '[health]\nplateau = false\n[health.sources."./mlruns"]\nstale_after = "2h"\nnan = false'
        config, _ = read_config(text, Path("config.toml"))
        app = open_app(config)
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            said = text_of(pilot)
            assert "▲ diverging" in said
            assert all(sign not in said for sign in ("▲ NaN", "▲ stale", "▲ plateau"))
            assert "▲ 2 alerts" in said

    async def test_the_count_at_the_top_opens_the_list(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            at = text_of(pilot).splitlines()[0].index("▲ 5 alerts")
            await pilot.click(Bar, offset=(at + 2, 0))
            await pilot.pause()
            assert isinstance(app.screen, HealthScreen)

    async def test_the_run_pane_says_it_in_words(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            assert app.main is not None
            app.main.table.move_cursor(key=("./mlruns", "3" * 32))
            await pilot.press("3")
            await settle(pilot)
            assert any(
                line.lstrip().startswith("NaN ") and "val_loss is NaN since step 80  (4s ago)" in line
                for line in text_of(pilot).splitlines()
            )


class TestList:
    async def test_the_newest_first_and_enter_goes_to_the_run(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            await pilot.press("H")
            await pilot.pause()
            assert listed(app) == [
                ("lost-heron", "nan"), ("wild-crane", "diverging"), ("flat-mole", "plateau"), ("mute-swan", "stale"),
                ("sad-bison", "crashed"),
            ]  # fmt: skip
            await pilot.press("down", "enter")
            await settle(pilot)
            assert app.main is not None
            assert app.screen is app.main
            assert app.main.cursor_run == RunKey("./mlruns", "2" * 32)
            assert app.main.below.pane == "run"

    async def test_a_run_that_the_filter_hides_is_not_gone_to(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            await settle(pilot)
            await pilot.press("slash", *"otter", "enter")
            await settle(pilot)
            await pilot.press("H", "enter")
            await until(pilot, lambda: "The filter hides this run" in text_of(pilot))

    async def test_dismissed_ones_leave_list_and_count_and_not_the_column(self, open_app: Open) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            await pilot.press("H", "space", "x")
            await pilot.pause()
            assert [kind for _, kind in listed(app)] == ["plateau", "stale", "crashed"]
            await pilot.press("escape")
            await until(pilot, lambda: "▲ 3 alerts" in text_of(pilot))
            assert "▲ NaN" in text_of(pilot)
            await pilot.press("H", "X")
            await pilot.pause()
            assert "Nothing is wrong." in text_of(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: "alert" not in text_of(pilot).splitlines()[0])

    async def test_what_comes_while_it_is_open_is_shown(self, open_app: Open, store: HandMadeStore) -> None:
        app = open_app()
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            await pilot.press("H")
            await pilot.pause()
            append(store, "1" * 32, "val_loss", [math.nan], 120, PRESENT)
            await until(pilot, lambda: ("calm-otter", "nan") in listed(app))
            assert listed(app)[0] == ("calm-otter", "nan")
            append(store, "1" * 32, "val_loss", [1.9], 121, PRESENT)
            await until(pilot, lambda: "1 over" in text_of(pilot))
            assert "is finite again since step 121" in text_of(pilot)
            shutil.rmtree(store.run_dir("1" * 32))
            await until(pilot, lambda: ("calm-otter", "nan") not in listed(app))

    async def test_nothing_is_wrong(self, open_app: Open, store: HandMadeStore) -> None:
        for letter in "2345b":
            shutil.rmtree(store.run_dir(letter * 32))
        app = open_app()
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            assert "alert" not in text_of(pilot)
            await pilot.press("H")
            await pilot.pause()
            assert "Nothing is wrong." in text_of(pilot)
            await pilot.press("enter", "x", "X", "H")
            assert app.screen is app.main


class TestAlerts:
    async def test_the_command_is_run_once_for_what_turns_and_not_for_what_was_so(
        self, open_app: Open, store: HandMadeStore, tmp_path: Path
    ) -> None:
        out = tmp_path / "told"
        code = f"import sys; open({str(out)!r}, 'a').write(sys.stdin.read())"
        app = open_app(Config(alerts=AlertSettings(on_alert=(sys.executable, "-c", code))))
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            for step in (120, 121, 122):
                append(store, "1" * 32, "val_loss", [math.nan], step, PRESENT)
                await until(
                    pilot,
                    lambda step=step: (
                        app.workspace.catalog.metrics_of(RunKey("./mlruns", "1" * 32)).filter(key="val_loss")[
                            "last_step"
                        ][0]
                        == step
                    ),
                )
            meta = store.run_dir("2" * 32) / "meta.yaml"
            meta.write_text(meta.read_text().replace("status: 1", f"status: {FAILED}"))
            meta = store.run_dir("4" * 32) / "meta.yaml"
            meta.write_text(meta.read_text().replace("status: 1", f"status: {FINISHED}"))
            await until(pilot, lambda: out.exists() and out.read_text().count("\n") >= 2)
            await settle(pilot)
        told = [json.loads(line) for line in out.read_text().splitlines()]
        assert {(one["name"], one["event"]) for one in told} == {("calm-otter", "nan"), ("wild-crane", "crashed")}
        assert len(told) == 2

    async def test_a_command_that_fails_becomes_a_problem(self, open_app: Open, store: HandMadeStore) -> None:
        app = open_app(Config(alerts=AlertSettings(on_alert=("/no/such/program",))))
        async with app.run_test(size=(160, 45)) as pilot:
            await settle(pilot)
            append(store, "1" * 32, "val_loss", [math.nan], 120, PRESENT)
            await until(pilot, lambda: "▲ 1 problem" in text_of(pilot))
            await pilot.press("p")
            await pilot.pause()
            assert "on_alert (/no/such/program) cannot be started" in text_of(pilot)


def at_list(*keys: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    async def press(pilot: Pilot[int]) -> None:
        await settle(pilot)
        for key in ("H", *keys):
            await pilot.press(key)
            await settle(pilot)

    return press


SIZES = pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")


class TestLooks:
    @SIZES
    def test_events(self, snap_compare: Callable[..., bool], open_app: Open, size: tuple[int, int]) -> None:
        assert snap_compare(open_app(), terminal_size=size, run_before=at_list("down"))

    def test_light(self, snap_compare: Callable[..., bool], open_app: Open) -> None:
        async def press(pilot: Pilot[int]) -> None:
            await settle(pilot)
            await pilot.press("ctrl+t")
            await at_list()(pilot)

        assert snap_compare(open_app(), terminal_size=(160, 45), run_before=press)


def test_a_terminal_is_rung_and_notified(tmp_path: Path) -> None:
    """In a pseudo-terminal: what turns reaches it as whole sequences, amid everything that is painted."""
    now = datetime.now(UTC)
    store = write_ailing_store(tmp_path / "mlruns", now)
    config = tmp_path / "config.toml"
    config.write_text('[alerts]\nbell = true\nnotify = "both"\n')
    with Terminal(["open", "./mlruns"], cwd=tmp_path, env={"TUI_RUNS_CONFIG": str(config)}) as terminal:
        child = terminal.child
        child.expect("plateau")  # what was so at the start is known by now
        assert b"\x1b]9;" not in child.before
        append(store, "1" * 32, "val_loss", [math.nan], 120, int(now.timestamp() * 1000))
        said = "calm-otter(: |;)val_loss is NaN since step 120"
        child.expect(f"\x1b]9;tui-runs: {said}\x1b\\\\\x1b]777;notify;tui-runs: {said}\x1b\\\\\x07")
        terminal.quit()
