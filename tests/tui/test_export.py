"""Files that the app writes, read by what others would read them with."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markdown_it import MarkdownIt

from tests.tui.conftest import Opened, settle, until
from tests.tui.test_app import main_of
from tui_runs.export.text_table import TextColumn
from tui_runs.tui import exporting
from tui_runs.tui.exporting import Exported, render, text_columns
from tui_runs.tui.runs_view import RunsView
from tui_runs.tui.screens.associations import AssociationList, AssociationsScreen
from tui_runs.tui.screens.export import ExportScreen
from tui_runs.tui.screens.main import MainScreen


async def export(pilot, path: Path | str) -> None:
    await pilot.press("E")
    await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen) and pilot.app.focused is not None)
    await pilot.press(*str(path), "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))


class TestTable:
    async def test_formats_that_programs_read_have_the_stored_values(self, opened: Opened, tmp_path: Path) -> None:
        columns = ("name", "params.lr", "metrics.val/acc", "started", "min(metrics.val/loss)")
        async with opened(view=RunsView(columns=columns, where="status = finished")) as pilot:
            shown = main_of(pilot).table.frame
            for name in ("a.csv", "a.json", "a.jsonl", "a.parquet"):
                await export(pilot, tmp_path / name)
            parquet = pl.read_parquet(tmp_path / "a.parquet")
            assert parquet.columns == ["source", "run_id", *columns]
            assert parquet.equals(shown.select(parquet.columns))
            csv = pl.read_csv(tmp_path / "a.csv", infer_schema=False)
            rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
            assert json.loads((tmp_path / "a.json").read_text()) == rows
            for name in ("run_id", "params.lr"):
                assert csv[name].to_list() == shown[name].to_list() == [row[name] for row in rows]
            accuracies = shown["metrics.val/acc"].to_list()
            assert [float(text) if text else None for text in csv["metrics.val/acc"]] == accuracies
            assert [row["metrics.val/acc"] for row in rows] == accuracies

    async def test_markdown_marks_the_best_and_goes_to_the_clipboard(self, opened: Opened) -> None:
        view = RunsView(columns=("name", "metrics.val/acc"), where="experiment = 'cifar10-resnet'")
        async with opened(view=view) as pilot:
            await export(pilot, "")
            tokens = MarkdownIt().enable("table").parse(pilot.app.clipboard)
            cells = [one for one in tokens if one.type == "inline"]
            bold = [one.content for one in cells if any(child.type == "strong_open" for child in one.children or [])]
            best = main_of(pilot).table.frame["metrics.val/acc"].max()
            assert bold == [f"**{best:.4g}**"]
            assert len(cells) == 2 * (main_of(pilot).table.frame.height + 1)

    async def test_groups_have_their_deviations(self, opened: Opened, tmp_path: Path) -> None:
        view = RunsView(group_by=("params.batch_size",), columns=("name", "params.batch_size", "metrics.val/acc"))
        async with opened(view=view) as pilot:
            await export(pilot, tmp_path / "g.parquet")
            await export(pilot, tmp_path / "g.tex")
            written = pl.read_parquet(tmp_path / "g.parquet")
            assert written["runs"].sum() == 24
            assert (
                written["metrics.val/acc@std"].to_list() == main_of(pilot).table.frame["metrics.val/acc@std"].to_list()
            )
            assert r"$\pm$" in (tmp_path / "g.tex").read_text()
            assert r"\toprule" in (tmp_path / "g.tex").read_text()


class TestComparison:
    async def test_rows_and_curves(self, opened: Opened, tmp_path: Path) -> None:
        async with opened() as pilot:
            await pilot.press("space", "space", "d")
            await settle(pilot)
            await export(pilot, tmp_path / "d.parquet")
            await export(pilot, tmp_path / "d.html")
            rows = main_of(pilot).below.diff.comparison.rows
            names = main_of(pilot).below.diff.comparison.names
            written = pl.read_parquet(tmp_path / "d.parquet")
            stored = {(row.kind, row.key): row.values[0] for row in rows}
            texts = {key: None if value is None else str(value) for key, value in stored.items()}
            assert {(kind, key): value for kind, key, value in written.select("kind", "key", names[0]).rows()} == texts
            page = _Page((tmp_path / "d.html").read_text())
            assert page.tags["svg"] == len(main_of(pilot).below.charts.metrics_shown)
            assert page.tags["script"] == 0
            assert all(any(name in text for text in page.texts) for name in names)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        from collections import Counter

        self.tags: Counter[str] = Counter()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags[tag] += 1

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class TestThreads:
    @pytest.mark.parametrize("name", ["a.md", "a.tex", "a.html", ""])
    async def test_cells_are_formatted_beside_the_screen(
        self, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        threads: list[threading.Thread] = []

        def formatted(*arguments: Any) -> list[TextColumn]:
            threads.append(threading.current_thread())
            return text_columns(*arguments)

        monkeypatch.setattr(exporting, "text_columns", formatted)
        async with opened(view=RunsView(columns=("name",))) as pilot:
            await export(pilot, tmp_path / name if name else "")
            assert [thread is threading.main_thread() for thread in threads] == [False]

    @pytest.mark.parametrize("format_name", ["csv", "json", "jsonl", "parquet"])
    def test_what_programs_read_is_not_formatted(self, format_name: str) -> None:
        frame = pl.DataFrame({"name": ["a"]})

        def columns() -> list[TextColumn]:
            raise AssertionError

        assert render(Exported("Runs", frame, columns), format_name) == render(Exported("", frame, ()), format_name)


class TestTrouble:
    async def test_what_is_there_is_replaced_only_when_asked_twice(self, opened: Opened, tmp_path: Path) -> None:
        path = tmp_path / "x.csv"
        path.write_text("mine")
        async with opened() as pilot:
            await pilot.press("E")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen) and pilot.app.focused is not None)
            await pilot.press(*str(path), "enter")
            await until(pilot, lambda: len(pilot.app._notifications))
            assert path.read_text() == "mine"
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
            assert pl.read_csv(io.StringIO(path.read_text())).height == 24
            assert not list(tmp_path.glob(".*"))
            mask = os.umask(0)
            os.umask(mask)
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask

    @pytest.mark.parametrize(("name", "says"), [("x.doc", "which format"), ("no/x.csv", "cannot be written")])
    async def test_says_what_is_wrong_and_stays(self, opened: Opened, tmp_path: Path, name: str, says: str) -> None:
        async with opened() as pilot:
            await pilot.press("E")
            await until(pilot, lambda: isinstance(pilot.app.screen, ExportScreen) and pilot.app.focused is not None)
            await pilot.press(*str(tmp_path / name), "enter")
            await until(pilot, lambda: len(pilot.app._notifications))
            assert says in next(iter(pilot.app._notifications)).message
            assert isinstance(pilot.app.screen, ExportScreen)


async def test_what_mattered_is_about_the_metric_under_the_cursor_and_the_runs_in_view(opened: Opened) -> None:
    from scipy.stats import spearmanr

    async with opened(view=RunsView(where="experiment = 'cifar10-resnet'")) as pilot:
        while main_of(pilot).table.cursor_column != "metrics.val/acc":
            await pilot.press("right")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(pilot.app.screen, AssociationsScreen))
        screen = pilot.app.screen
        await until(pilot, lambda: screen.query_one(AssociationList).frame.height)
        frame = main_of(pilot).table.frame.filter(
            pl.col("params.lr").is_not_null() & pl.col("metrics.val/acc").is_finite()
        )
        expected = spearmanr(frame["params.lr"].cast(pl.Float64), frame["metrics.val/acc"]).statistic
        (lr,) = (one for one in screen._found if one.column == "params.lr")
        assert lr.correlation == pytest.approx(expected)
        assert lr.runs == frame.height
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, MainScreen))
