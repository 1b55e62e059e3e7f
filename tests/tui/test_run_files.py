"""What the store knows more of a run, and its files: read when they are looked at, and shown safely."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageDraw
from textual.pilot import Pilot
from textual.widgets import Tree

from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tui_runs.demo import write_store
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.widgets.preview_view import PreviewView


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
        await until(pilot, lambda: "pickle, which is never loaded · 4.0 kB" in text_of(pilot))


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


# --- previews, and what is done with a file ---------------------------------------------------------------------------


@pytest.fixture
def pictures(store: Path) -> Path:
    """The same store; its newest run has a table, and an image logged at four steps as W&B names them, too."""
    (files,) = (path.parent for path in store.glob("*/*/artifacts/conf.json"))
    rows = range(40)
    frame = pl.DataFrame(
        {"epoch": rows, "loss": [2 / (1 + row) for row in rows], "note": ["" if row % 3 else "best" for row in rows]}
    )
    frame.write_csv(files / "history.csv")
    (files / "media").mkdir()
    for step in (5, 40, 100, 1000):
        image = Image.new("RGB", (64, 48), "#203040")
        ImageDraw.Draw(image).ellipse((8, 8, 40, 40), fill=(step // 5, 255 - step // 5, 120))
        image.save(files / "media" / f"samples_{step}_0123456789ab.png")
    image = Image.new("RGB", (6000, 6000), "#203040")
    image.save(files / "large.png")
    return store


async def look_at(pilot: Pilot[int], name: str) -> None:
    """Show the files, and the one with this name."""
    await pilot.press("4")
    tree = pilot.app.screen.query_one(Tree)
    tree.focus()
    await settle(pilot)
    await choose(pilot, name)
    await settle(pilot)


def told(pilot: Pilot[int]) -> str:
    """What was said at the edge of the screen."""
    return " ".join(one.message for one in pilot.app._notifications)


def highlighted(pilot: Pilot[int]) -> str:
    node = pilot.app.screen.query_one(Tree).cursor_node
    return "" if node is None else str(node.label)


async def test_a_table_keeps_its_titles_and_goes_sideways(opened: Opened, pictures: Path) -> None:
    async with opened(str(pictures), size=(110, 32)) as pilot:
        await look_at(pilot, "history.csv")
        assert "CSV · 40 rows, 3 columns" in text_of(pilot)
        await pilot.press("enter", "end")
        await settle(pilot)
        await until(pilot, lambda: "0.05 " in text_of(pilot))
        assert "epoch" in text_of(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.focused, Tree)


async def test_an_image_is_laid_out_anew_for_another_room(opened: Opened, pictures: Path) -> None:
    async with opened(str(pictures), size=(160, 45)) as pilot:
        await look_at(pilot, "large.png")
        assert "PNG image · 6,000 × 6,000 pixels · RGB" in text_of(pilot)
        view = pilot.app.screen.query_one(PreviewView)
        before = text_of(pilot).count("▀")
        assert before == 2 * (view.size.height - 1) ** 2
        await pilot.resize_terminal(160, 60)
        await settle(pilot)
        await until(pilot, lambda: text_of(pilot).count("▀") == 2 * (view.size.height - 1) ** 2 > before)


async def test_the_steps_of_an_image(opened: Opened, pictures: Path) -> None:
    async with opened(str(pictures)) as pilot:
        await look_at(pilot, "media/")
        await pilot.press("right")
        await settle(pilot)
        await choose(pilot, "samples_5_")
        await settle(pilot)
        assert "other steps" in text_of(pilot)
        for step in (40, 100, 1000, 1000):
            await pilot.press("right_square_bracket")
            await settle(pilot)
            assert f"samples_{step}_" in highlighted(pilot)
        await pilot.press("left_square_bracket")
        assert "samples_100_" in highlighted(pilot)
        await pilot.press("left")
        assert "media/" in highlighted(pilot)


async def test_finding_a_file(opened: Opened, pictures: Path) -> None:
    async with opened(str(pictures)) as pilot:
        await look_at(pilot, "media/")
        await pilot.press("right")
        await settle(pilot)
        await pilot.press("slash", *"_1", "enter")
        await settle(pilot)
        await until(pilot, lambda: "samples_1000_" in highlighted(pilot))
        for key, there in (("n", "samples_100_"), ("n", "samples_1000_"), ("N", "samples_100_")):
            await pilot.press(key)
            await until(pilot, lambda there=there: there in highlighted(pilot))
        await pilot.press("slash", *"nosuch", "enter")
        await until(pilot, lambda: "No file that is listed has 'nosuch' in its path." in told(pilot))


async def test_the_path_is_copied(opened: Opened, pictures: Path) -> None:
    async with opened(str(pictures)) as pilot:
        await look_at(pilot, "conf.json")
        await pilot.press("y")
        await settle(pilot)
        (path,) = pictures.glob("*/*/artifacts/conf.json")
        assert pilot.app.clipboard == str(path)


async def test_without_a_terminal_no_program_gets_the_screen(
    opened: Opened, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "true")
    async with opened(str(pictures)) as pilot:
        await look_at(pilot, "conf.json")
        await pilot.press("o")
        await until(pilot, lambda: "Another program cannot have the screen here." in told(pilot))
        monkeypatch.setenv("EDITOR", "no-such-editor")
        monkeypatch.delenv("VISUAL", raising=False)
        await pilot.press("e")
        await until(pilot, lambda: "$EDITOR is no-such-editor, and there is no such program." in told(pilot))


class TestLooks:
    """Snapshots; the store is the same every time but for the names of runs."""

    @pytest.fixture
    def shown(self, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> TuiRunsApp:
        monkeypatch.chdir(pictures.parent)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./mlruns"]))
        return TuiRunsApp(workspace)

    @staticmethod
    def looking(*names: str, light: bool = False) -> Callable[[Pilot[int]], Awaitable[None]]:
        async def look(pilot: Pilot[int]) -> None:
            await settle(pilot)
            if light:
                await pilot.press("ctrl+t")
            for name in names:
                await look_at(pilot, name)
                if name.endswith("/"):
                    await pilot.press("right")
                    await settle(pilot)
            await settle(pilot)

        return look

    BOTH = pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")

    @BOTH
    def test_csv(self, snap_compare: Callable[..., bool], shown: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(shown, terminal_size=size, run_before=self.looking("history.csv"))

    @BOTH
    def test_json(self, snap_compare: Callable[..., bool], shown: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(shown, terminal_size=size, run_before=self.looking("conf.json", light=True))

    @BOTH
    def test_image(self, snap_compare: Callable[..., bool], shown: TuiRunsApp, size: tuple[int, int]) -> None:
        assert snap_compare(shown, terminal_size=size, run_before=self.looking("media/", "samples_40_"))
