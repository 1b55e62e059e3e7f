"""The app, driven by keys and the mouse over real files."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import polars as pl
import pytest
from textual.widgets import Input

from tests.tui.conftest import Opened, settle, text_of, until
from tui_runs.analysis.chart_choices import XAxis
from tui_runs.conditions import Order
from tui_runs.display import number
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.charts.state import YScale
from tui_runs.tui.messages import ReaderFailed
from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView
from tui_runs.tui.screens.failure import FailureScreen
from tui_runs.tui.screens.main import MainScreen
from tui_runs.tui.widgets.chart_grid import ChartGrid
from tui_runs.tui.widgets.frame_table import FrameTable


def main_of(pilot) -> MainScreen:
    assert isinstance(pilot.app, TuiRunsApp)
    assert pilot.app.main is not None
    return pilot.app.main


class TestTable:
    async def test_shows_every_run_newest_first(self, opened: Opened) -> None:
        async with opened() as pilot:
            frame = main_of(pilot).table.frame
            assert frame.height == 24
            at_the_top = frame.filter(frame["branch"] == "")["started"].to_list()
            assert at_the_top == sorted(at_the_top, reverse=True)
            assert "24 runs" in text_of(pilot)

    async def test_runs_stand_below_the_run_that_made_them(self, opened: Opened) -> None:
        async with opened() as pilot:
            table = main_of(pilot).table
            nested = table.frame.select("run_id", "parent_id", "branch", "started").rows()
            children = [row for row in nested if row[1] is not None]
            assert children
            last_at_the_top = ""
            for run_id, parent, branch, _ in nested:
                assert (parent == last_at_the_top) == bool(branch)
                last_at_the_top = last_at_the_top if branch else run_id
            assert "└ " in text_of(pilot)
            await pilot.press("v")
            await settle(pilot)
            assert table.frame["started"].is_sorted(descending=True)
            assert not any(table.frame["branch"])
            await pilot.press("o")
            await settle(pilot)
            assert table.frame.select("run_id", "parent_id", "branch", "started").rows() == nested

    async def test_sorts_by_the_column_under_the_column_cursor(self, opened: Opened) -> None:
        async with opened() as pilot:
            table = main_of(pilot).table
            while table.cursor_column != "metrics.val/loss":
                await pilot.press("right")
            await pilot.press("s")
            await settle(pilot)
            values = table.frame["metrics.val/loss"].to_list()
            numbers = [value for value in values if value is not None and value == value]
            assert numbers == sorted(numbers)
            assert values[: len(numbers)] == numbers  # NaN and missing last
            await pilot.press("s")
            await settle(pilot)
            values = table.frame["metrics.val/loss"].to_list()
            assert values[: len(numbers)] == sorted(numbers, reverse=True)
            await pilot.press("s")
            await settle(pilot)
            assert main_of(pilot).view.sort == NEWEST_FIRST

    async def test_params_sort_as_numbers(self, opened: Opened) -> None:
        view = RunsView(sort=(Order("params.lr"),), columns=("name", "params.lr"), nested=False)
        async with opened(view=view) as pilot:
            shown = [value for value in main_of(pilot).table.frame["params.lr"].to_list() if value is not None]
            assert shown == sorted(shown, key=float)
            assert shown != sorted(shown)  # or the test would not tell numbers from text

    async def test_a_click_on_a_title_sorts(self, opened: Opened) -> None:
        async with opened() as pilot:
            title = text_of(pilot).splitlines()[2].index("val/acc")
            await pilot.click(FrameTable, offset=(title + 1, 0))
            await settle(pilot)
            assert main_of(pilot).view.sort == (Order("metrics.val/acc", descending=True),)  # the best first

    async def test_filter_narrows_while_typing_and_escape_shows_all(self, opened: Opened) -> None:
        async with opened() as pilot:
            table = main_of(pilot).table
            await pilot.press("slash", *"gpt")
            await settle(pilot)
            experiments = set(table.frame["experiment"].to_list()) if "experiment" in table.frame.columns else set()
            assert 0 < table.frame.height < 24
            assert experiments == {"tiny-gpt"}
            assert f"{table.frame.height} of 24" in text_of(pilot)
            await pilot.press("escape")
            await settle(pilot)
            assert table.frame.height == 24
            assert table.has_focus

    async def test_filter_without_hits_says_so(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("slash", *"no-such-run-xyz")
            await settle(pilot)
            assert main_of(pilot).table.frame.is_empty()
            assert "No run passes the filter." in text_of(pilot)

    async def test_trend_cells_are_drawn_for_the_visible_rows(self, opened: Opened) -> None:
        async with opened() as pilot:
            line = text_of(pilot).splitlines()[4]
            assert any("\u2801" <= sign <= "\u28ff" for sign in line), line


class TestCharts:
    async def test_the_run_under_the_cursor_is_drawn_when_none_is_marked(self, opened: Opened) -> None:
        async with opened() as pilot:
            run = main_of(pilot).cursor_run
            assert run is not None
            name = pilot.app.workspace.catalog.names([run])[run]
            legend = next(line for line in text_of(pilot).splitlines() if "━━" in line)
            assert name in legend

    async def test_marked_runs_are_drawn_together_in_their_colours(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("space", "space")
            await settle(pilot)
            screen = main_of(pilot)
            assert len(screen.marks.runs) == 2
            names = pilot.app.workspace.catalog.names(screen.marks.runs)
            legend = next(line for line in text_of(pilot).splitlines() if line.startswith(" ━━"))
            assert all(name in legend for name in names.values())
            colours = list(screen.table.marks.values())
            assert len(set(colours)) == 2
            drawn = _colours_below(pilot)
            assert set(colours) <= drawn

    async def test_x_axis_and_log_y_are_said_in_the_titles(self, opened: Opened) -> None:
        async with opened() as pilot:
            for axis in (XAxis.RELATIVE, XAxis.TIME, XAxis.STEP):
                await pilot.press("x")
                await settle(pilot)
                assert axis.value in text_of(pilot)
            await pilot.press("y")
            await settle(pilot)
            assert "log y" in text_of(pilot)

    async def test_pages(self, opened: Opened) -> None:
        async with opened() as pilot:
            grid = pilot.app.screen.query_one(ChartGrid)
            first = grid.metrics_shown
            await pilot.press("n")
            await settle(pilot)
            assert set(grid.metrics_shown).isdisjoint(first)
            await pilot.press("N")
            await settle(pilot)
            assert grid.metrics_shown == first
            await pilot.press("w")
            await settle(pilot)
            assert len(grid.metrics_shown) == 1


class TestRunPane:
    async def test_tells_everything_about_the_run_under_the_cursor(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("down", "down", "enter")
            await settle(pilot)
            run = main_of(pilot).cursor_run
            assert run is not None
            catalog = pilot.app.workspace.catalog
            text = text_of(pilot)
            assert run.run_id in text
            metric = catalog.metrics_of(run).row(0, named=True)
            assert metric["key"] in text
            assert number(metric["min"], 6) in text
            await pilot.press("2")
            await settle(pilot)
            assert run.run_id not in text_of(pilot)


class TestCompare:
    async def test_says_what_differs_and_only_that(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("space", "space", "d")
            await settle(pilot)
            catalog, (first, second) = pilot.app.workspace.catalog, main_of(pilot).marks.runs
            one, other = (dict(catalog.texts_of("params", run).iter_rows()) for run in (first, second))
            differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
            shown = {line.split()[0] for line in text_of(pilot).splitlines()[20:] if line.strip()}
            alike = one.keys() - differing
            assert {key.removeprefix("model.") for key in differing} <= shown  # they stand below "model"
            assert "model.depth" in differing
            assert alike.isdisjoint(shown)
            await pilot.press("d")
            await settle(pilot)
            shown = {line.split()[0] for line in text_of(pilot).splitlines()[20:] if line.strip()}
            assert alike & shown

    async def test_two_runs_are_needed(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("space", "d")
            await settle(pilot)
            assert "Mark two runs" in text_of(pilot)


class TestSizes:
    @pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (1, 1), (250, 80)])
    async def test_every_size_can_be_used(self, opened: Opened, size: tuple[int, int]) -> None:
        async with opened(size=size) as pilot:
            for keys in (
                "down",
                "space",
                "tab",
                "n",
                "tab",
                "d",
                "enter",
                "tab",
                "z",
                "slash",
                "escape",
                "question_mark",
            ):
                await pilot.press(keys)
            await pilot.press("escape")
            await settle(pilot)

    async def test_narrow_terminals_show_one_part_at_a_time(self, opened: Opened) -> None:
        async with opened(size=(80, 24)) as pilot:
            assert "━━" not in text_of(pilot)
            await pilot.press("tab")
            await settle(pilot)
            assert "━━" in text_of(pilot)
            assert not main_of(pilot).table.region
            await pilot.press("tab")
            await settle(pilot)
            assert main_of(pilot).table.has_focus

    async def test_resizing_keeps_the_cursor(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press(*["down"] * 7)
            run = main_of(pilot).cursor_run
            for size in ((80, 24), (160, 45), (30, 8), (120, 40)):
                await pilot.resize_terminal(*size)
                await settle(pilot)
            assert main_of(pilot).cursor_run == run


class TestLive:
    @pytest.fixture
    def store(self, demo_root: Path, tmp_path: Path) -> Path:
        shutil.copytree(demo_root / "mlruns", tmp_path / "mlruns")
        return tmp_path / "mlruns"

    async def test_a_point_appears_in_table_and_chart(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            screen = main_of(pilot)
            row = screen.table.frame.filter(pl.col("status") == "running").row(0, named=True)
            run = RunKey(row["source"], row["run_id"])
            path = Path(pilot.app.workspace.catalog.run(run)["uri"]) / "metrics" / "val" / "loss"
            with path.open("a") as file:
                file.write("1795262400000 0.0625 99999999\n")

            def shown() -> bool:
                value = screen.table.frame.filter(pl.col("run_id") == run.run_id)["metrics.val/loss"][0]
                return value == 0.0625

            await until(pilot, shown)
            await settle(pilot)
            assert "0.0625" in text_of(pilot)

    async def test_holding_still_shows_nothing_new_until_it_follows_again(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            screen = main_of(pilot)
            await pilot.press("f")
            await settle(pilot)
            assert "not following" in text_of(pilot)
            gone = Path(pilot.app.workspace.catalog.run(screen.cursor_run)["uri"])
            shutil.rmtree(gone)
            for _ in range(30):
                await pilot.pause(0.02)
            assert screen.table.frame.height == 24
            await pilot.press("f")
            await until(pilot, lambda: screen.table.frame.height == 23)
            assert "not following" not in text_of(pilot)

    async def test_a_store_that_vanishes_is_stale_and_keeps_its_rows(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            moved = store.rename(store.with_name("elsewhere"))
            await until(pilot, lambda: "stale" in text_of(pilot))
            assert main_of(pilot).table.frame.height == 24
            await pilot.press("p")
            await until(pilot, lambda: "store is gone" in text_of(pilot))
            await pilot.press("escape")
            moved.rename(store)
            await until(pilot, lambda: "stale" not in text_of(pilot))

    async def test_a_marked_run_that_is_removed_is_unmarked(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            screen = main_of(pilot)
            run = screen.cursor_run
            await pilot.press("space")
            await settle(pilot)
            shutil.rmtree(Path(pilot.app.workspace.catalog.run(run)["uri"]))
            await until(pilot, lambda: not screen.marks.runs)
            await settle(pilot)


class TestHostileStores:
    async def test_text_from_a_store_is_only_text(self, opened: Opened, tmp_path: Path, demo_root: Path) -> None:
        store = tmp_path / "mlruns"
        shutil.copytree(demo_root / "mlruns", store)
        metas = sorted(store.glob("*/*/meta.yaml"))
        hostile = "[red]x[/] [@click=app.quit]q[/] \x1b[31m\x07\u202eevil"
        for meta in metas:
            (meta.parent / "params" / "[bold]p").write_text(hostile)
            lines = meta.read_text().splitlines()
            quoted = '"[red]x[/] [@click=app.quit]q[/] \\e[31m\\a\\u202Eevil"'
            meta.write_text("\n".join(f"run_name: {quoted}" if x.startswith("run_name") else x for x in lines) + "\n")
        async with opened(str(store)) as pilot:
            text = text_of(pilot)
            assert "[red]x[/] [@click=app.quit]q" in text
            for keys in ("space", "enter", "tab", "1"):
                await pilot.press(keys)
                await settle(pilot)
                text = text_of(pilot)
                assert not {"\x1b", "\x07", "\u202e"} & set(text)
            await pilot.click(FrameTable, offset=(12, 1))
            await pilot.pause()
            assert pilot.app.is_running

    async def test_problems_are_listed_with_their_remedies(
        self, opened: Opened, tmp_path: Path, demo_root: Path
    ) -> None:
        store = tmp_path / "mlruns"
        shutil.copytree(demo_root / "mlruns", store)
        broken = next(iter(sorted(store.glob("*/*/meta.yaml"))))
        broken.write_text("")
        async with opened(str(store)) as pilot:
            assert main_of(pilot).table.frame.height == 23
            assert "1 problem" in text_of(pilot)
            await pilot.press("p")
            await until(pilot, lambda: "meta.yaml is empty" in text_of(pilot))
            assert "backup" in text_of(pilot)


class TestFailures:
    async def test_an_adapter_that_fails_opens_a_dialog_and_the_app_goes_on(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tui_runs_mlflow.file_store import FileStore

        def fail(self: FileStore, focus: object) -> None:
            raise ZeroDivisionError("nobody expected this")

        monkeypatch.setattr(FileStore, "follow", fail)
        async with opened(wait=False) as pilot:
            await until(pilot, lambda: "nobody expected this" in text_of(pilot))
            await pilot.press("c")
            assert "nobody expected this" in pilot.app.clipboard
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            await settle(pilot)
            assert main_of(pilot).table.frame.height == 24
            assert "stale: Its adapter failed: ZeroDivisionError." in text_of(pilot)

    async def test_a_store_whose_adapter_fails_at_once_is_not_read_for_ever(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tui_runs_mlflow.file_store import FileStore

        def fail(self: FileStore) -> None:
            raise ZeroDivisionError("nobody expected this")

        monkeypatch.setattr(FileStore, "scan", fail)
        async with opened(wait=False) as pilot:
            await until(pilot, lambda: "nobody expected this" in text_of(pilot))
            await pilot.press("escape")
            await settle(pilot)
            assert not pilot.app.reading
            text = text_of(pilot)
            assert "stale: Its adapter failed: ZeroDivisionError." in text
            assert "No run could be read." in text

    async def test_one_dialog_at_a_time(self, opened: Opened) -> None:
        async with opened() as pilot:
            for number in range(3):
                pilot.app.post_message(ReaderFailed("reading", f"failure {number}"))
            await until(pilot, lambda: "failure 0" in text_of(pilot))
            await pilot.pause()
            assert [type(screen) for screen in pilot.app.screen_stack] == [MainScreen, FailureScreen]
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            pilot.app.post_message(ReaderFailed("reading", "failure 3"))
            await until(pilot, lambda: "failure 3" in text_of(pilot))

    async def test_points_that_can_never_be_read_are_said_once(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tui_runs_mlflow.file_store import FileStore

        history, calls = FileStore.history, []

        def fail(self: FileStore, *arguments: object) -> object:
            if threading.current_thread().name != "tui-runs-histories":
                return history(self, *arguments)  # the watch over the health of runs has a dialog of its own
            calls.append(arguments)
            raise ZeroDivisionError("points")

        monkeypatch.setattr(FileStore, "history", fail)
        async with opened(wait=False) as pilot:
            await until(pilot, lambda: "ZeroDivisionError" in text_of(pilot))
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            asked = len(calls)
            await pilot.press("down")
            await until(pilot, lambda: len(calls) > asked)
            await settle(pilot)
            assert pilot.app.screen is main_of(pilot)

    async def test_points_that_cannot_be_read_do_not_end_the_reader(
        self, opened: Opened, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from tui_runs_mlflow.file_store import FileStore

        history, calls = FileStore.history, []

        def fail_once(self: FileStore, *arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == 1:
                raise ZeroDivisionError("points")
            return history(self, *arguments)

        monkeypatch.setattr(FileStore, "history", fail_once)
        async with opened(wait=False) as pilot:
            await until(pilot, lambda: "ZeroDivisionError" in text_of(pilot))
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            await pilot.press("down", "space")
            await settle(pilot)
            assert "reading …" not in text_of(pilot)


class TestProgram:
    async def test_help_lists_every_key(self, opened: Opened) -> None:
        async with opened(size=(160, 140)) as pilot:
            await pilot.press("question_mark")
            await until(pilot, lambda: pilot.app.screen is not main_of(pilot))
            await pilot.pause()
            text = text_of(pilot)
            for says in ("Mark the run, or unmark it", "Logarithmic y", "Follow the store", "Search the log", "Leave"):
                assert says in text

    async def test_themes(self, opened: Opened) -> None:
        async with opened() as pilot:
            dark = pilot.app.screen.styles.background
            await pilot.press("ctrl+t")
            await settle(pilot)
            assert pilot.app.screen.styles.background != dark
            await pilot.press("ctrl+t")
            await settle(pilot)
            assert pilot.app.screen.styles.background == dark

    async def test_keys_in_the_filter_are_text(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("slash", "q", "s", "f", "x")
            assert pilot.app.screen.query_one(Input).value == "qsfx"
            assert pilot.app.is_running

    async def test_the_palette_offers_commands(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("ctrl+p")
            await pilot.pause()
            await pilot.press(*"log y")
            await until(pilot, lambda: "view: log y" in text_of(pilot))
            await pilot.press("enter")
            await until(pilot, lambda: main_of(pilot).charts.state.y is YScale.LOG)

    async def test_q_leaves(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("q")
            await until(pilot, lambda: not pilot.app.is_running)


def _colours_below(pilot) -> set[str]:
    """The colours of the screen's cells below the table."""
    strips = pilot.app.screen._compositor.render_strips()
    top = pilot.app.screen.query_one("#below").region.y
    return {
        segment.style.color.name
        for strip in strips[top:]
        for segment in strip
        if segment.style is not None and segment.style.color is not None
    }
