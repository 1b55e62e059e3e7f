"""What moves while a store is followed: progress, changes that glow, runs that are new."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tests.tui.test_app import main_of
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.arrivals import NEW_FOR
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.widgets.columns import Cell, TableColumn
from tui_runs.tui.widgets.frame_table import FrameTable
from tui_runs.tui.widgets.frame_view import FrameView
from tui_runs.tui.widgets.glow import BRIGHTEST, Glow
from tui_runs.tui.widgets.table_painter import FRESH, MARK


def column(name: str, *, glows: bool = True) -> TableColumn:
    return TableColumn(name, name, lambda window: [Cell(str(value)) for value in window[name]], glows=glows)


COLUMNS = (column("run_id"), column("loss"), column("age", glows=False))


def rows(losses: Sequence[float], age: int = 0) -> pl.DataFrame:
    ids = [f"r{i}" for i in range(len(losses))]
    return pl.DataFrame({"source": "s", "run_id": ids, "loss": losses, "age": age})


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.table = FrameTable()

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.show(rows([0.1, 0.2, 0.3]), COLUMNS)


def grounds(table: FrameView) -> dict[str, object]:
    """What each text of the rows stands on."""
    segments = [segment for y in range(1, 5) for segment in table.render_line(y) if segment.text.strip()]
    return {segment.text.strip(): segment.style.bgcolor for segment in segments if segment.style}


class TestGlow:
    async def test_a_cell_that_changed_glows_and_fades(self) -> None:
        app = TableApp()
        async with app.run_test(size=(60, 8)):
            plain = set(grounds(app.table).values())
            app.table.show(rows([0.1, 0.25, 0.3], age=5), changes=True)
            lit = grounds(app.table)
            seen = [lit.pop("0.25")]
            assert set(lit.values()) == plain
            for _ in range(BRIGHTEST - 1):
                app.table._fade()
                seen.append(grounds(app.table)["0.25"])
            assert len({*seen, *plain}) == BRIGHTEST + len(plain)
            app.table._fade()
            assert set(grounds(app.table).values()) == plain
            assert "0.25" in app.table.render_line(2).text

    async def test_it_fades_by_itself_and_then_no_timer_is_left(self) -> None:
        app = TableApp()
        async with app.run_test(size=(60, 8)) as pilot:
            timers = len(app.table._timers)
            begin = asyncio.get_running_loop().time()
            app.table.show(rows([0.1, 0.25, 0.3]), changes=True)
            assert len(app.table._timers) == timers + 1
            app.table.show(rows([0.1, 0.25, 0.35]), changes=True)
            assert len(app.table._timers) == timers + 1
            await until(pilot, lambda: not app.table._glow)  # type: ignore[arg-type]
            assert asyncio.get_running_loop().time() - begin > 1.4
            await until(pilot, lambda: len(app.table._timers) == timers)  # type: ignore[arg-type]

    async def test_only_where_changes_are_shown_and_not_for_new_rows_or_another_order(self) -> None:
        app = TableApp()
        async with app.run_test(size=(60, 8)):
            plain = set(grounds(app.table).values())
            app.table.show(rows([9.0, 0.2, 0.3]))
            assert not app.table._glow
            app.table.show(rows([9.0, 0.2, 0.3, 0.4]).reverse(), changes=True)
            assert not app.table._glow
            app.table.show(rows([9.0, 0.2, 0.3, 0.4], age=60), changes=True)
            assert not app.table._glow
            assert set(grounds(app.table).values()) == plain

    async def test_what_glows_moves_with_its_row(self) -> None:
        app = TableApp()
        async with app.run_test(size=(60, 8)):
            app.table.show(rows([0.1, 0.2, 0.35]), changes=True)
            lit = grounds(app.table)["0.35"]
            app.table.show(rows([0.1, 0.2, 0.35, 0.4]).reverse(), changes=True)
            assert grounds(app.table)["0.35"] == lit
            assert "0.35" in app.table.render_line(2).text

    def test_each_change_begins_anew(self) -> None:
        glow, key = Glow(), ("s", "r")
        glow.light({key: {"a": "1", "b": "1"}}, {key: {"a": "2", "b": "1"}})
        glow.fade()
        glow.light({key: {"a": "2", "b": "1"}}, {key: {"a": "2", "b": "2"}, ("s", "new"): {"a": "1"}})
        assert glow.of(key, ["b", "x", "a"]) == ((0, BRIGHTEST), (2, BRIGHTEST - 1))
        assert glow.of(("s", "new"), ["a"]) == ()


@pytest.fixture
def store(demo_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_root / "mlruns", tmp_path / "mlruns"))


def running(pilot: Pilot[int]) -> tuple[RunKey, Path]:
    """A run that is running, and where it is."""
    frame = main_of(pilot).table.frame.filter(pl.col("status") == "running")
    run = RunKey(*frame.select("source", "run_id").row(0))
    return run, Path(str(pilot.app.workspace.catalog.run(run)["uri"]))


def add_run(of: Path, name: str, started: int) -> None:
    """A run that is like another, but newer; it is there whole at once."""
    made = of.parents[2] / name
    shutil.copytree(of, made)
    changed = {"run_id": name, "run_uuid": name, "run_name": name, "start_time": str(started)}
    meta = made / "meta.yaml"
    pairs = [(line.partition(":")[0], line) for line in meta.read_text().splitlines()]
    meta.write_text("\n".join(f"{key}: {changed[key]}" if key in changed else line for key, line in pairs) + "\n")
    (made / "tags" / "mlflow.runName").write_text(name)
    made.rename(of.parent / name)


class TestChanges:
    async def test_a_point_lets_its_cell_glow_and_no_other(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            table = main_of(pilot).table
            assert not table._glow  # nothing glows because it was read
            run, path = running(pilot)
            with (path / "metrics" / "val" / "loss").open("a") as file:
                file.write("1795262400000 0.0625 99999999\n")
            await until(pilot, lambda: table._glow)
            lit = table._glow.of(tuple(run), [one.name for one in table.columns])
            assert [table.columns[place].name for place, _ in lit] == ["metrics.val/loss"]
            await until(pilot, lambda: not table._glow)

    async def test_sorting_and_filtering_let_nothing_glow(self, opened: Opened) -> None:
        async with opened() as pilot:
            await pilot.press("right", "right", "s", "slash", *"gpt", "escape")
            await settle(pilot)
            assert not main_of(pilot).table._glow


class TestNewRuns:
    async def test_a_run_is_new_until_the_cursor_was_on_it(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            table = main_of(pilot).table
            assert " new " not in text_of(pilot).splitlines()[0]
            await pilot.press("down", "down")
            await settle(pilot)
            cursor = table.cursor_key
            assert cursor is not None
            line = table.visible_keys.index(cursor)
            add_run(running(pilot)[1], "a" * 32, 1_795_262_400_000)
            await until(pilot, lambda: table.frame.height == 25)
            await settle(pilot)
            assert table.cursor_key == cursor
            assert table.visible_keys.index(cursor) == line  # what came is above, and the rest stays where it is
            assert "+ 1 new" in text_of(pilot)
            await pilot.press("home")
            assert table.cursor_key == (str(store), "a" * 32)
            await until(pilot, lambda: " new " not in text_of(pilot).splitlines()[0])
            assert not table.fresh

    async def test_it_has_a_sign_for_a_minute(
        self, opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(str(store)) as pilot:
            screen, (_, path) = main_of(pilot), running(pilot)
            add_run(path, "b" * 32, 1_795_262_400_000)
            await until(pilot, lambda: screen.table.frame.height == 25)
            await settle(pilot)
            first = screen.table.render_line(1).text
            assert first[1] == FRESH
            assert "b" * 8 in first
            assert screen.table.cursor_row == 0  # it was not touched: it stays at the top, and that is no look at it
            await pilot.press("space")
            await settle(pilot)
            assert screen.table.render_line(1).text.startswith(MARK + FRESH)
            monkeypatch.setattr(pilot.app.workspace, "now", lambda: NOW + NEW_FOR - timedelta(seconds=1))
            add_run(path, "c" * 32, 1_795_262_500_000)
            await until(pilot, lambda: screen.table.frame.height == 26)
            await settle(pilot)
            assert {run.run_id for run in screen.arrivals.runs} == {"b" * 32, "c" * 32}
            monkeypatch.setattr(pilot.app.workspace, "now", lambda: NOW + NEW_FOR)
            screen._tick()
            assert {run.run_id for run in screen.arrivals.runs} == {"c" * 32}
            await settle(pilot)

    async def test_a_new_run_that_vanishes_is_not_counted(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            screen, (_, path) = main_of(pilot), running(pilot)
            add_run(path, "d" * 32, 1_795_262_400_000)
            await until(pilot, lambda: screen.arrivals.runs)
            shutil.rmtree(path.parent / ("d" * 32))
            await until(pilot, lambda: screen.table.frame.height == 24 and not screen.arrivals.runs)
            await settle(pilot)


class TestProgress:
    async def test_the_column_is_there_while_a_run_is_running(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            screen, catalog = main_of(pilot), pilot.app.workspace.catalog
            assert "progress" in screen.columns
            for run_id, status, progress in screen.table.frame.select("run_id", "status", "progress").iter_rows():
                assert (progress is not None) == (status == "running")
                if progress is not None:
                    run = RunKey(str(store), run_id)
                    total = dict(catalog.texts_of("params", run).iter_rows())["max_steps"]
                    assert progress == max(catalog.metrics_of(run)["last_step"].to_list()) / int(total)
            for meta in store.glob("*/*/meta.yaml"):
                text = meta.read_text()
                if "status: 1" in text:
                    ended = text.replace("status: 1", "status: 3").replace("end_time: null", "end_time: 1795262400000")
                    meta.write_text(ended)
            await until(pilot, lambda: "progress" not in screen.columns)
            await settle(pilot)

    async def test_a_point_moves_it(self, opened: Opened, store: Path) -> None:
        view = RunsView(columns=("name", "status", "progress", "rate", "left"))
        async with opened(str(store), view=view) as pilot:
            run, path = running(pilot)
            total = int(dict(pilot.app.workspace.catalog.texts_of("params", run).iter_rows())["max_steps"])
            assert "/s" in next(line for line in text_of(pilot).splitlines() if "▶ running  " in line)
            with (path / "metrics" / "train" / "loss").open("a") as file:
                file.write(f"1795262400000 0.5 {total}\n")
            await until(pilot, lambda: "━━━━━━━ 100%" in text_of(pilot))
            frame = main_of(pilot).table.frame.filter(pl.col("run_id") == run.run_id)
            assert frame["progress"].to_list() == [1.0]
            await settle(pilot)

    async def test_sorting_by_what_is_left(self, opened: Opened) -> None:
        view = RunsView(columns=("name", "left"), nested=False).sorted_by("left")
        async with opened(view=view) as pilot:
            ends = main_of(pilot).table.frame["expected_end"]
            known = ends.drop_nulls().to_list()
            assert len(known) == 3
            assert ends.to_list()[:3] == sorted(known)

    async def test_the_run_pane_tells_all_of_it_and_ticks(
        self, opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(str(store)) as pilot:
            screen, (run, _) = main_of(pilot), running(pilot)
            screen.table.move_cursor(key=tuple(run))
            await pilot.press("3")
            await settle(pilot)
            metrics = pilot.app.workspace.catalog.metrics_of(run)
            loss = metrics.filter(key="val/loss").row(0, named=True)
            last = metrics["last_time"].max()
            assert isinstance(last, datetime)
            await until(pilot, lambda: " ago" in _said(pilot))
            assert "steps/s" in _said(pilot)
            assert "left" in _said(pilot)
            assert f"best val/loss {loss['min']:.4g} at {loss['min_step']:,}" in _said(pilot)
            later = last + timedelta(seconds=42)
            monkeypatch.setattr(pilot.app.workspace, "now", lambda: later)
            screen._tick()
            await until(pilot, lambda: "last point  42s ago" in text_of(pilot))


def _said(pilot: Pilot[int]) -> str:
    """What the run pane says of progress."""
    lines = [line[:78].strip() for line in text_of(pilot).splitlines()]
    start = next(i for i, line in enumerate(lines) if line.startswith("progress "))
    return " · ".join(lines[start : start + 3])


class TestLooks:
    @pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
    @pytest.mark.parametrize("keys", [(), ("ctrl+t",)], ids=["dark", "light"])
    def test_progress_a_new_run_and_what_changed(
        self,
        snap_compare: Callable[..., bool],
        demo_root: Path,
        monkeypatch: pytest.MonkeyPatch,
        size: tuple[int, int],
        keys: Sequence[str],
    ) -> None:
        monkeypatch.chdir(demo_root)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))
        columns = ("name", "status", "progress", "rate", "left", "metrics.val/loss", "metrics.val/acc", "updated")
        # Time left is told from whatever points are held, a second more or less: on the picture from none.
        monkeypatch.setattr("tui_runs.frames.histories.Histories.any_held", lambda *_: None)

        async def follow(pilot: Pilot[int]) -> None:
            await settle(pilot)
            for key in ("down", *keys):
                await pilot.press(key)
                await settle(pilot)
            screen = main_of(pilot)
            shown = [RunKey(str(row["source"]), row["run_id"]) for row in screen.table.frame.head(3).to_dicts()]
            screen.arrivals.add(shown[:1], NOW)
            screen._tick()
            for run, name in zip(shown, ("metrics.val/loss", "metrics.val/acc", "metrics.val/loss"), strict=True):
                screen.table._glow.light({run: {name: "before"}}, {run: {name: "after"}})  # no timer lets it fade
                if run != shown[-1]:
                    screen.table._glow.fade()
            screen.table.refresh_rows()
            await pilot.pause()

        app = TuiRunsApp(workspace, RunsView(columns=columns))
        assert snap_compare(app, terminal_size=size, run_before=follow)
