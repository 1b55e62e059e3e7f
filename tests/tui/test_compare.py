"""The comparison of marked runs: what stands in it, against what, and what the keys change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.adapters.metric_truth import Point
from tests.adapters.wandb_runs import START, WandbWriter
from tests.tui.conftest import NOW, Opened, settle, text_of
from tests.tui.test_app import main_of
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.widgets.diff_view import DiffView


async def compare(pilot, runs: int = 3) -> DiffView:
    """Mark the first runs of the table, compare them, and go to the comparison."""
    for _ in range(runs):
        await pilot.press("space")
    await pilot.press("d", "tab")
    await settle(pilot)
    return main_of(pilot).query_one(DiffView)


async def to_line(pilot, view: DiffView, key: str) -> None:
    for row, line in enumerate(view.frame["key"]):
        if line == key:
            view.move_cursor(row=row)
            return
    raise AssertionError(key)


class TestKeys:
    async def test_the_baseline_is_the_run_under_the_column_cursor(self, opened: Opened) -> None:
        async with opened() as pilot:
            view = await compare(pilot)
            names = view.comparison.names
            assert f"against {names[0]}" in text_of(pilot)
            await pilot.press("right", "right", "b")
            await settle(pilot)
            assert view.comparison.baseline == 1
            assert f"against {names[1]}" in text_of(pilot)
            assert f"◆ {names[1][:8]}" in text_of(pilot)
            await pilot.press("b")
            await settle(pilot)
            assert view.comparison.baseline is None
            assert "each against the one before" in text_of(pilot)

    async def test_what_is_ignored_stays_away_until_a_title_is_asked(self, opened: Opened) -> None:
        async with opened() as pilot:
            view = await compare(pilot)
            await to_line(pilot, view, "max_steps")
            await pilot.press("I")
            await settle(pilot)
            assert "max_steps" not in view.frame["key"].to_list()
            assert "1 ignored" in text_of(pilot)
            await pilot.press("d", "d")  # what is the same too, and not
            await settle(pilot)
            assert "max_steps" not in view.frame["key"].to_list()
            await pilot.press("home", "I")
            await settle(pilot)
            assert "max_steps" in view.frame["key"].to_list()

    async def test_runs_down_and_keys_across(self, opened: Opened) -> None:
        async with opened() as pilot:
            view = await compare(pilot)
            keys = [key for key in view.frame["key"] if key]
            await pilot.press("T")
            await settle(pilot)
            assert view.frame.height == 3
            assert len(view.columns) == 1 + len(keys)
            await pilot.press("down", "b")
            await settle(pilot)
            assert view.comparison.baseline == 1
            await pilot.press("T")
            await settle(pilot)
            assert [key for key in view.frame["key"] if key] == keys

    async def test_keys_in_the_comparison_leave_the_runs_table_alone(self, opened: Opened) -> None:
        async with opened() as pilot:
            screen = main_of(pilot)
            await compare(pilot)
            before = (screen.view, list(screen.marks.runs), screen.table.cursor_row)
            await pilot.press("down", "space", "enter", "s", "right")
            await settle(pilot)
            assert (screen.view, list(screen.marks.runs), screen.table.cursor_row) == before

    async def test_it_stays_on_while_runs_are_marked(self, opened: Opened) -> None:
        async with opened() as pilot:
            view = await compare(pilot, 2)
            await pilot.press("tab", "space")
            await settle(pilot)
            assert len(view.comparison.runs) == 3
            assert len(view.columns) == 4


class TestValues:
    async def test_deltas_are_against_the_baseline(self, opened: Opened) -> None:
        async with opened() as pilot:
            view = await compare(pilot, 2)
            catalog, runs = pilot.app.workspace.catalog, view.comparison.runs
            lasts = [dict(catalog.metrics_of(run).select("key", "last").iter_rows())["val/loss"] for run in runs]
            share = (lasts[1] - lasts[0]) / abs(lasts[0])
            assert f"{share:+.1%}" in text_of(pilot)

    async def test_three_trackers_in_one_comparison(
        self, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copytree(demo_root / "mlruns", tmp_path / "mlruns")
        WandbWriter(tmp_path / "wandb").add_run(
            "abc", params={"lr": "0.25"}, metrics={"loss": [Point(0, START * 1000, 0.5)]}
        )
        ours = tmp_path / "experiments" / "mine"
        (ours / "metrics_logs").mkdir(parents=True)
        (ours / "hyperparameters.yaml").write_text("lr: 0.5\nbatch_size: 7\n")
        (ours / "metrics_logs" / "training_metrics.csv").write_text("epoch,loss\n0,1.5\n1,0.5\n")
        monkeypatch.chdir(tmp_path)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns", "./wandb", "./experiments"]))
        app = TuiRunsApp(workspace)
        async with app.run_test(size=(200, 50)) as pilot:
            await settle(pilot)
            catalog = workspace.catalog
            chosen = dict(catalog.runs.select("source", "run_id").iter_rows())
            assert len(chosen) == 3
            for key in chosen.items():
                main_of(pilot).table.move_cursor(key=key)
                await pilot.press("space")
            await pilot.press("d")
            await settle(pilot)
            rows = {(row.kind, row.key): row for row in main_of(pilot).query_one(DiffView).comparison.rows}
            runs = main_of(pilot).query_one(DiffView).comparison.runs
            lr = dict(zip(runs, rows["param", "lr"].values, strict=True))
            assert {lr[run] for run in runs if run.source == "./experiments"} == {"0.5"}
            for run in runs:
                texts = dict(catalog.texts_of("params", run).iter_rows())
                assert lr[run] == texts.get("lr")
            assert len(set(lr.values())) > 1
