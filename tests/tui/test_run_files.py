"""What the store knows more of a run, and its files: read when they are looked at, and shown safely."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tui_runs.demo import write_store
from tui_runs.tui.app import TuiRunsApp


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of three runs; the newest has files, some of them odd."""
    root = tmp_path / "mlruns"
    write_store(str(root), now=NOW.timestamp(), seed=7, runs=3)
    runs = [path.parent for path in root.glob("*/*/meta.yaml")]
    newest = max(runs, key=lambda run: int(_meta(run)["start_time"]))
    files = newest / "artifacts"
    (files / "model" / "data").mkdir(parents=True)
    (files / "conf.json").write_text(json.dumps({"lr": 0.1, "layers": [64, 32]}))
    (files / "log.txt").write_text("first\n\x1b[31mred\x1b[0m\n[bold]markup[/]\n")
    (files / "model" / "weights.bin").write_bytes(b"\x80\x04\x95\0" * 1000)
    (files / "model" / "data" / "deep.txt").write_text("deep down")
    os.symlink("/etc/passwd", files / "passwd")
    return root


def _meta(run: Path) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (run / "meta.yaml").read_text().splitlines() if ": " in line)


async def test_files_of_the_run_under_the_cursor(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        shown = text_of(pilot)
        assert "conf.json  29 B" in shown
        assert "model/" in shown
        assert "deep.txt" not in shown  # not looked into until it is asked for
        assert "root:" not in shown


async def test_a_file_is_previewed_as_text_and_never_as_markup(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4", "tab")
        await settle(pilot)
        seen = set()
        for _ in range(6):
            await pilot.press("down")
            await settle(pilot)
            seen.update(text_of(pilot).splitlines())
        everything = "\n".join(seen)
        assert '"layers": [' in everything
        assert "␛[31mred␛[0m" in everything
        assert "[bold]markup[/]" in everything
        assert "root:" not in everything


async def test_directories_open_one_after_the_other(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4", "tab")
        await settle(pilot)
        tree = pilot.app.screen.query_one("#files-tree")
        for name in ("model/", "data/"):
            while True:
                node = tree.cursor_node  # type: ignore[attr-defined]
                if node is not None and name in str(node.label):
                    break
                await pilot.press("down")
                await settle(pilot)
            await pilot.press("enter")
            await settle(pilot)
        shown = text_of(pilot)
        assert "weights.bin" in shown
        assert "deep.txt" in shown
        while "weights" not in str(tree.cursor_node.label):  # type: ignore[attr-defined]
            await pilot.press("down")
            await settle(pilot)
        assert "pickle, which is never loaded, 4.0 kB" in text_of(pilot)


async def test_another_run_has_other_files(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        assert "conf.json" in text_of(pilot)
        await pilot.press("down")
        await settle(pilot)
        shown = text_of(pilot)
        assert "conf.json" not in shown
        assert "This run has no files." in shown


async def test_a_run_that_goes_while_its_files_are_shown(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, TuiRunsApp)
        assert app.main is not None
        run = app.main.cursor_run
        assert run is not None
        (directory,) = store.glob(f"*/{run.run_id}")
        shutil.rmtree(directory)
        await until(pilot, lambda: len(app.workspace.catalog) == 2)
        await settle(pilot)
        assert "conf.json" not in text_of(pilot)


async def test_details_stand_in_the_run_pane(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("3")
        await settle(pilot)
        assert "experiment\n" in "\n".join(line.strip() for line in text_of(pilot).splitlines()) + "\n"
