"""The console log: of runs that W&B's format holds, with logs written here byte for byte."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.adapters.wandb_runs import WandbWriter
from tests.tui.conftest import NOW, Opened, settle, text_of, until
from tests.tui.test_app import main_of
from tests.tui.test_snapshots import Compare, pressing
from tui_runs.capabilities import LogPart
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui import log_window
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.log_window import CHUNK, HELD_BYTES, Hit
from tui_runs.tui.widgets import log_pane
from tui_runs.tui.widgets.log_pane import LogPane

SIZE = (120, 40)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pane, "_POLL_SECONDS", 0.02)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The `files` of the only run of a store in `wandb`."""
    writer = WandbWriter(tmp_path / "wandb")
    made = writer.log_path(writer.add_run("one")).parent / "files"
    made.mkdir()
    return made


def pane_of(pilot: Pilot[int]) -> LogPane:
    return main_of(pilot).below.log_pane


async def shows(pilot: Pilot[int], text: str) -> None:
    await until(pilot, lambda: text in text_of(pilot))


def held(pilot: Pilot[int]) -> list[str]:
    window = pane_of(pilot)._window
    return [] if window is None else [line.text for line in window.lines]


class Reads:
    """Notes every stretch of a log that is asked for."""

    def __init__(self, app: Any) -> None:
        self.made: list[tuple[int, int]] = []
        (opened,) = app.workspace.sources.values()
        self._read = opened.source.read_log
        opened.source.read_log = self

    def __call__(self, run_id: str, name: str, start: int, limit: int) -> Any:
        self.made.append((start, limit))
        return self._read(run_id, name, start, limit)


class TestReading:
    async def test_colours_are_kept_and_everything_else_is_text(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_bytes(
            b"\x1b[31mred\x1b[0m \x1b]0;title\x07[bold]markup[/]\n10%\r\x1b[K100%\n\xe2\x80\xaebidi \xff\n"
        )
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "100%")
            shown = text_of(pilot)
            assert "red [bold]markup[/]" in shown
            assert "10%\n" not in shown
            assert "⟨202e⟩bidi \ufffd" in shown
            assert f"output.log · {(files / 'output.log').stat().st_size} B · at its end, following" in shown

    async def test_the_end_of_a_huge_log_at_once(self, opened: Opened, files: Path) -> None:
        path = files / "output.log"
        path.write_bytes(b"the very first line\n")
        os.truncate(path, 1 << 30)
        with path.open("ab") as log:
            log.write(b"\n" + b"".join(b"line %d\n" % number for number in range(50_000)))
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            reads = Reads(pilot.app)
            await pilot.press("5")
            await shows(pilot, "line 49999")
            assert reads.made[0] == (-CHUNK, CHUNK)
            assert all(limit <= CHUNK for _, limit in reads.made)
            await pilot.press("tab", "home")
            await shows(pilot, "the very first line")
            await pilot.press("end")
            await shows(pilot, "line 49999")
            assert sum(limit for _, limit in reads.made if limit == CHUNK) == 3 * CHUNK

    async def test_earlier_lines_come_when_one_goes_up(self, opened: Opened, files: Path) -> None:
        lines = [f"line {number} {'x' * (number % 90)}" for number in range(25_000)]
        (files / "output.log").write_text("\n".join(lines) + "\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "line 24999")
            first = held(pilot)[0]
            view = pane_of(pilot).view
            while held(pilot)[0] != "line 0":
                before = held(pilot)[0]
                view.move_cursor(row=1)
                at = view.cursor_key
                await until(pilot, lambda before=before: held(pilot)[0] != before)  # type: ignore[misc]
                assert view.cursor_key == at  # what one looks at stays
            assert held(pilot)[0] != first
            window = pane_of(pilot)._window
            assert window is not None
            assert window.end - window.begin <= HELD_BYTES + CHUNK
            assert held(pilot) == [line.rstrip() for line in lines[: len(held(pilot))]]
            view.move_cursor(row=view.frame.height)
            await until(pilot, lambda: held(pilot)[-1] == "line 24999 " + "x" * (24_999 % 90))

    async def test_it_follows_at_the_end_and_holds_still_above(self, opened: Opened, files: Path) -> None:
        path = files / "output.log"
        path.write_text("".join(f"line {number}\n" for number in range(100)))
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "line 99")
            with path.open("a") as log:
                log.write("line 100\nhalf")
            await shows(pilot, "half")
            with path.open("a") as log:
                log.write(" and half\r 50%\r100%")
            await shows(pilot, "100% and half")
            await pilot.press("up", "up")
            await shows(pilot, "holding still")
            before = text_of(pilot)
            reads = Reads(pilot.app)
            with path.open("a") as log:
                log.write("\nlast\n")
            pane_of(pilot)._poll()
            await settle(pilot)
            assert reads.made == []
            assert text_of(pilot) == before
            await pilot.press("end")
            await shows(pilot, "last")

    async def test_a_log_that_is_written_anew(self, opened: Opened, files: Path) -> None:
        path = files / "output.log"
        path.write_text("".join(f"old {number}\n" for number in range(100)))
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "old 99")
            path.write_text("new\n")
            await until(pilot, lambda: held(pilot) == ["new"])
            path.write_text("first\n49% ####\n")
            await until(pilot, lambda: held(pilot) == ["first", "49% ####"])
            path.write_text("first\n99% #########\n")  # as W&B exchanges the line of a progress bar
            await until(pilot, lambda: held(pilot) == ["first", "99% #########"])

    async def test_nothing_is_kept_of_a_log_that_is_shorter_now(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("")
        data = b"old 1\nold 2\nold 3\n"

        def read_log(run_id: str, name: str, start: int, limit: int) -> LogPart:
            begin = max(0, start + len(data)) if start < 0 else min(start, len(data))
            return LogPart(data[begin : begin + limit], begin, len(data))

        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            (store,) = pilot.app.workspace.sources.values()
            store.source.read_log = read_log
            await pilot.press("5")
            await shows(pilot, "old 3")
            data = b"new 1\nnew 22\n"  # "new 22" is longer than what stood in its place
            await shows(pilot, "new 1")
            await until(pilot, lambda: held(pilot) == ["new 1", "new 22"])

    async def test_a_log_that_goes_away_and_comes_back(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("here\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "5 B · at its end, following")
            (files / "output.log").rename(files / "moved")
            await until(pilot, lambda: "5 B · at its end, following · " in text_of(pilot))
            assert "here" in text_of(pilot)
            (files / "moved").rename(files / "output.log")
            await until(pilot, lambda: "following · " not in text_of(pilot))

    async def test_a_line_that_is_longer_than_what_is_read_at_once(self, opened: Opened, files: Path) -> None:
        bar = b"".join(b"\r%7d/99999" % number for number in range(100_000))
        assert len(bar) > 4 * CHUNK
        (files / "output.log").write_bytes(b"the first line\n" + bar + b"\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "99999/99999")
            await until(pilot, lambda: len(held(pilot)) > 1)  # or the cursor could go nowhere
            while held(pilot)[0] != "the first line":
                before = held(pilot)
                await pilot.press("up")
                await until(pilot, lambda before=before: held(pilot) != before)  # type: ignore[misc]


class TestChoosing:
    async def test_several_logs(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("printed\n")
        (files / "other.log").write_text("written\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "printed")
            assert "log 1 of 2" in text_of(pilot)
            await pilot.press("right_square_bracket")
            await shows(pilot, "written")
            assert "printed" not in text_of(pilot)
            await pilot.press("left_square_bracket")
            await shows(pilot, "printed")

    async def test_long_lines_are_those_of_the_log_that_is_chosen(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("printed " * 60 + "\nend\n")
        (files / "other.log").write_text("written " * 60 + "\nend\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "printed")
            await pilot.press("right_square_bracket")
            await shows(pilot, "log 2 of 2")
            await shows(pilot, "written")
            assert "printed" not in text_of(pilot)

    async def test_the_chosen_log_is_deleted(self, opened: Opened, files: Path) -> None:
        for name in ("output.log", "second.log", "third.log"):
            (files / name).write_text(f"in {name}\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "log 1 of 3")
            (files / "second.log").unlink()  # the third of them: those written last come first
            await pilot.press("left_square_bracket")
            await shows(pilot, "log 2 of 2")
            await shows(pilot, "in third.log")

    async def test_a_run_without_a_log_that_gets_one(self, opened: Opened, files: Path) -> None:
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "This run has no console log.")
            (files / "output.log").write_text("begun\n")
            await shows(pilot, "begun")

    async def test_a_store_without_logs(self, opened: Opened) -> None:
        async with opened(size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "This kind of store keeps no console log.")

    async def test_nothing_is_read_while_it_is_not_shown(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("here\n")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "here")
            await pilot.press("2")
            await settle(pilot)
            reads = Reads(pilot.app)
            pane_of(pilot)._poll()
            await settle(pilot)
            assert reads.made == []


class TestLongLines:
    async def test_wrapped_or_cut(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text("a" * 150 + "the end\n")
        async with opened(str(files.parents[1]), size=(110, 40)) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "the end")
            await pilot.press("w")
            await until(pilot, lambda: "the end" not in text_of(pilot) and "aaa…" in text_of(pilot))
            await pilot.press("w")
            await shows(pilot, "the end")

    async def test_one_line_without_an_end_is_followed(self, opened: Opened, files: Path) -> None:
        path = files / "output.log"
        path.write_text("first " * 900 + "last")
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5")
            await shows(pilot, "at its end, following")
            assert "last" in text_of(pilot)
            with path.open("a") as log:
                log.write(" of all")
            await shows(pilot, "last of all")

    async def test_what_is_beyond_the_edge_is_not_made_ready(self, opened: Opened, files: Path) -> None:
        (files / "output.log").write_text(("ab" * 54 + "needle " + "a" * 9_000 + "\n") * 60)
        async with opened(str(files.parents[1]), size=SIZE) as pilot:
            await pilot.press("5", "tab", "w")
            await until(pilot, lambda: "…" in text_of(pilot))
            view = pane_of(pilot).view
            for needle, most in (("a", 250), ("b", 250), ("needle", 3)):
                await pilot.press("slash", "ctrl+u", *needle, "enter")
                await until(pilot, lambda needle=needle: view.needle == needle)  # type: ignore[misc]
                (cell,) = view._cells(view.frame.tail(1))
                assert len(cell.pieces) <= most
                assert cell.width <= SIZE[0] + len(needle)
                assert (needle, "best") in [(text[: len(needle)], style) for text, style in cell.pieces]


class TestSearching:
    @pytest.fixture
    def long(self, files: Path) -> Path:
        """A log of 2 MB with a few words in it."""
        filler = b"nothing of interest is printed in this line\n" * 8_000
        (files / "output.log").write_bytes(
            b"\x1b[31mneed\x1b[0mle one\n"
            + filler
            + b"Needle two\n"
            + filler
            + filler
            + filler
            + b"needle three\n"
            + filler
        )
        return files.parents[1]

    async def test_what_is_not_loaded_is_found(self, opened: Opened, long: Path) -> None:
        async with opened(str(long), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "following")
            await pilot.press("slash", *"needle", "enter")
            await shows(pilot, "needle three")
            await pilot.press("n")
            await shows(pilot, "Needle two")
            await pilot.press("n")
            await shows(pilot, "needle one")
            await pilot.press("n")
            await shows(pilot, "'needle' is not further up")
            await pilot.press("N")
            await shows(pilot, "Needle two")
            await pilot.press("slash")
            await until(pilot, lambda: pilot.app.focused is not pane_of(pilot).view)
            await pilot.press("ctrl+u", *"needle", "space", *"tWo", "enter")
            await shows(pilot, "'needle tWo' is not further up")

    async def test_a_search_is_ended(self, opened: Opened, long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def search(*question: Any, **options: Any) -> Hit:
            begun.set()
            assert go_on.wait(30)
            return log_window.search(*question, **options)

        monkeypatch.setattr(log_pane, "search", search)
        async with opened(str(long), size=SIZE) as pilot:
            await pilot.press("5", "tab")
            await shows(pilot, "following")
            await pilot.press("slash", *"needle", "enter")
            await until(pilot, begun.is_set)
            await shows(pilot, "searching 'needle'")
            await pilot.press("escape")
            go_on.set()
            await shows(pilot, "search ended")
            with next(long.glob("*/files/output.log")).open("a") as log:
                log.write("still following\n")
            await shows(pilot, "still following")


class TestLooks:
    @pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
    def test_log(self, snap_compare: Compare, files: Path, size: tuple[int, int], monkeypatch: Any) -> None:
        (files / "output.log").write_bytes(
            b"".join(b"\x1b[36mstep %d\x1b[0m loss \x1b[1m%.3f\x1b[0m\n" % (step, 1 / (step + 1)) for step in range(40))
            + b"\x1b[33mwarning:\x1b[0m the gradient is large, and this is a line that goes on until it is wrapped, "
            b"because no terminal is so wide\n\x1b[31mTraceback\x1b[0m\n\x1b[38;2;200;120;220mval_loss\x1b[0m 0.3\n"
            + "\r 10%|█   |\r100%|████| 10/10".encode()
        )
        monkeypatch.chdir(files.parents[2])
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find(["./wandb"]))
        keys = ("5", "tab", "z", "slash", *"loss", "enter")
        assert snap_compare(TuiRunsApp(workspace), terminal_size=size, run_before=pressing(*keys))
