"""What the store knows more of a run, and its files: read when they are looked at, and shown safely."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Tree

from tests.tui.conftest import NOW, Opened, text_of, until
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
        await until(pilot, lambda: "conf.json  31 B" in text_of(pilot))
        shown = text_of(pilot)
        assert "model/" in shown
        assert "deep.txt" not in shown  # not looked into until it is asked for
        assert "artifacts/passwd: It is a symbolic link." in " ".join(shown.split())
        assert "root:" not in shown


async def test_a_file_is_previewed_as_text_and_never_as_markup(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4", "tab")
        await until(pilot, lambda: "log.txt" in text_of(pilot))
        await choose(pilot, "conf.json")
        await until(pilot, lambda: '"layers": [' in text_of(pilot))
        await choose(pilot, "log.txt")
        await until(pilot, lambda: "[bold]markup[/]" in text_of(pilot))
        assert "␛[31mred␛[0m" in text_of(pilot)


async def test_directories_open_one_after_the_other(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4", "tab")
        await until(pilot, lambda: "model/" in text_of(pilot))
        await choose(pilot, "model/")
        await pilot.press("enter")
        await until(pilot, lambda: "weights.bin" in text_of(pilot))
        await choose(pilot, "data/")
        await pilot.press("enter")
        await until(pilot, lambda: "deep.txt" in text_of(pilot))
        await pilot.press("down")
        await until(pilot, lambda: "deep down" in text_of(pilot))
        await choose(pilot, "weights.bin")
        await until(pilot, lambda: "pickle, which is never loaded, 4.0 kB" in text_of(pilot))


async def choose(pilot: Pilot[int], name: str) -> None:
    """Move the cursor of the tree down to an entry."""
    tree = pilot.app.screen.query_one(Tree)
    for _ in range(20):
        if tree.cursor_node is not None and name in str(tree.cursor_node.label):
            return
        await pilot.press("down")
    raise AssertionError(f"{name} is not in the tree")


async def test_another_run_has_other_files(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "conf.json" in text_of(pilot))
        await pilot.press("down")
        await until(pilot, lambda: "conf.json" not in text_of(pilot) and "config.yaml" in text_of(pilot))


async def test_a_run_that_goes_while_its_files_are_shown(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "conf.json" in text_of(pilot))
        app = pilot.app
        assert isinstance(app, TuiRunsApp)
        assert app.main is not None
        run = app.main.cursor_run
        assert run is not None
        (directory,) = store.glob(f"*/{run.run_id}")
        shutil.rmtree(directory)
        await until(pilot, lambda: len(app.workspace.catalog) == 2)
        await until(pilot, lambda: "conf.json" not in text_of(pilot))


async def test_details_stand_in_the_run_pane(opened: Opened, store: Path) -> None:
    async with opened(str(store)) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "artifact location" in text_of(pilot))
        assert "source type" in text_of(pilot)
