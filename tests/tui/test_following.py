"""How following shows: that files are polled, why, and that holding still stops the log too."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.adapters.wandb_runs import WandbWriter
from tests.tui.conftest import Opened, settle, text_of, until
from tests.tui.test_app import main_of
from tui_runs import follow
from tui_runs.follow import events
from tui_runs.frames.workspace import SourceState
from tui_runs.tui.widgets import log_pane


async def shows(pilot: Pilot[int], text: str) -> None:
    await until(pilot, lambda: text in text_of(pilot))


@pytest.fixture
def store(demo_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo_root / "mlruns", tmp_path / "mlruns"))


class TestPolling:
    async def test_used_up_watches_are_a_problem_with_a_remedy(
        self, opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(paths: list[str]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(events, "make_notifier", fail)
        async with opened(str(store)) as pilot:
            await shows(pilot, "24 runs · polled")
            assert "▲ 1 problem" in text_of(pilot)
            await pilot.press("p")
            await shows(pilot, "All inotify watches of this user are taken")
            assert "sysctl fs.inotify.max_user_watches=" in text_of(pilot)

    async def test_network_file_systems_are_no_problem(
        self, opened: Opened, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follow, "network_devices", lambda: {store.stat().st_dev: "nfs4"})
        async with opened(str(store)) as pilot:
            await shows(pilot, "24 runs · polled")
            assert "▲" not in text_of(pilot)

    async def test_events_are_not_spoken_of(self, opened: Opened, store: Path) -> None:
        async with opened(str(store)) as pilot:
            (one,) = pilot.app.workspace.sources.values()
            await until(pilot, lambda: one.state is SourceState.FOLLOWING)
            await settle(pilot)
            assert "polled" not in text_of(pilot)


class TestHoldingStill:
    async def test_the_log_holds_still_too(
        self, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_pane, "_POLL_SECONDS", 0.05)
        writer = WandbWriter(tmp_path / "wandb")
        files = writer.log_path(writer.add_run("one")).parent / "files"
        files.mkdir()
        (files / "output.log").write_text("first\n")
        async with opened(str(writer.root), size=(120, 40)) as pilot:
            pane = main_of(pilot).below.log_pane
            await pilot.press("5")
            await shows(pilot, "at its end, following")
            await pilot.press("f")
            await shows(pilot, "holding still")
            await until(pilot, lambda: pane._take is None)  # what was asked before
            with (files / "output.log").open("a") as log:
                log.write("second\n")
            asked = pane._question
            for _ in range(10):
                pane._poll()
            await settle(pilot)
            assert pane._question == asked
            assert "second" not in text_of(pilot)
            await pilot.press("f")
            await shows(pilot, "second")
            assert "at its end, following" in text_of(pilot)
