"""What the store knows more of a run, and its files: read when they are looked at, and shown safely."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageDraw
from textual.pilot import Pilot
from textual.widgets import Tree

from tests.adapters.wandb_runs import WandbWriter
from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tui_runs.demo import write_store
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.screens.failure import FailureScreen
from tui_runs.tui.widgets import file_tree, files_pane, log_pane
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


@pytest.fixture(scope="session")
def large_image() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6000, 6000), "#203040").save(file, "png")
    return file.getvalue()


@pytest.fixture
def pictures(store: Path, large_image: bytes) -> Path:
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
    (files / "large.png").write_bytes(large_image)
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


async def test_an_image_by_kittys_protocol_is_kept_by_the_terminal_as_long_as_it_is_shown(
    opened: Opened, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_RUNS_IMAGES", "kitty")
    said: list[str] = []
    async with opened(str(pictures)) as pilot:
        monkeypatch.setattr(pilot.app._driver, "write", said.append)
        await look_at(pilot, "large.png")
        view = pilot.app.screen.query_one(PreviewView)
        await until(pilot, lambda: view._page.before)
        page = view._page
        assert page.before.startswith("\x1b_G")
        assert [said.count(page.before), said.count(page.after)] == [1, 0]
        view.show_again()
        assert said.count(page.before) == 2
        await pilot.press("up")
        await until(pilot, lambda: not view._page.before)
        assert said.count(page.after) == 1
        await pilot.press("down")
        await until(pilot, lambda: view._page.before)
        last = view._page.after
        before = said.count(last)
    assert said.count(last) == before + 1


async def test_a_sixel_image_is_drawn_over_its_cells_and_not_over_a_dialog(
    opened: Opened, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUI_RUNS_IMAGES", "sixel")
    async with opened(str(pictures)) as pilot:
        await look_at(pilot, "large.png")
        view = pilot.app.screen.query_one(PreviewView)
        await until(pilot, lambda: view._page.over)

        def lines() -> list[str]:
            return [view.render_line(y).text for y in range(view.size.height)]

        (drawn,) = [line for line in lines() if "\x1bP" in line]
        assert drawn == lines()[len(view._page.rows)]  # the last of them, when all cells are painted
        x, y = view.region.x + 1, view.region.y + 1  # inside of the padding, below the title
        assert f"\x1b7\x1b[{y + 1};{x + 1}H\x1bP" in drawn
        await pilot.press("question_mark")
        await settle(pilot)
        assert not any("\x1b" in line for line in lines())


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


async def test_readers_hold_still_while_a_program_has_the_screen(
    opened: Opened, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes their messages then, and these would pile up."""
    monkeypatch.setenv("PAGER", "true")
    monkeypatch.setattr(TuiRunsApp, "suspend", lambda app: nullcontext())
    for following in (True, False):
        async with opened(str(pictures)) as pilot:
            seen: list[bool] = []
            app = pilot.app
            assert isinstance(app, TuiRunsApp)
            monkeypatch.setattr(files_pane, "run", lambda words, opening: seen.append(app.following))  # noqa: B023
            app.follow(following)
            await look_at(pilot, "conf.json")
            await pilot.press("o")
            await until(pilot, lambda: seen)  # noqa: B023
            assert seen == [False]
            await until(pilot, lambda: app.following is following)  # noqa: B023


async def test_an_adapter_that_fails_is_told_of_and_asked_again(
    opened: Opened, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(str(pictures)) as pilot:
        app = pilot.app
        assert isinstance(app, TuiRunsApp)
        (store,) = (one.source for one in app.workspace.sources.values())
        with monkeypatch.context() as patch:
            patch.setattr(store, "read_artifact", lambda *_: 1 / 0)
            await look_at(pilot, "conf.json")
            await until(pilot, lambda: isinstance(app.screen, FailureScreen))
            await pilot.press("escape")
            await until(pilot, lambda: "an error that nobody foresaw" in text_of(pilot))
        await choose(pilot, "log.txt")
        await until(pilot, lambda: "[bold]markup[/]" in text_of(pilot))


async def test_an_adapter_that_fails_over_a_log_is_asked_again(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pane, "_POLL_SECONDS", 0.02)
    writer = WandbWriter(tmp_path / "wandb")
    files = writer.log_path(writer.add_run("one")).parent / "files"
    files.mkdir()
    (files / "output.log").write_text("epoch 1 of 2\n")
    async with opened(str(tmp_path / "wandb")) as pilot:
        app = pilot.app
        assert isinstance(app, TuiRunsApp)
        (store,) = (one.source for one in app.workspace.sources.values())
        with monkeypatch.context() as patch:
            patch.setattr(store, "logs", lambda *_: 1 / 0)
            await pilot.press("5")
            await until(pilot, lambda: isinstance(app.screen, FailureScreen))
            await pilot.press("escape")
            await until(pilot, lambda: "an error that nobody foresaw" in text_of(pilot))
        await until(pilot, lambda: "epoch 1 of 2" in text_of(pilot))


class TestTree:
    @pytest.fixture
    def series(self, pictures: Path) -> Path:
        (files,) = (path.parent for path in pictures.glob("*/*/artifacts/conf.json"))
        for number in range(300):
            (files / "media" / f"frame_{number}.txt").touch()
        return pictures

    async def test_other_steps_are_known_from_the_second_file(
        self, opened: Opened, series: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with opened(str(series)) as pilot:
            await look_at(pilot, "media/")
            await pilot.press("right")
            await settle(pilot)
            await choose(pilot, "frame_0.txt")
            await settle(pilot)
            looked_at: list[str] = []
            monkeypatch.setattr(file_tree, "_key_of", lambda name: looked_at.append(name) or "the same")
            await pilot.press("down")
            await settle(pilot)
            assert "other steps" in text_of(pilot)
            assert len(looked_at) < 10


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
