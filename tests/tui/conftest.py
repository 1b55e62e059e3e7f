"""A store that is the same every time, a clock that stands still, and a way to wait until nothing moves."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual._context import active_app
from textual.pilot import Pilot

from tui_runs.demo import write_store
from tui_runs.frames.workspace import Workspace
from tui_runs.sources.discover import find
from tui_runs.tui.app import TuiRunsApp
from tui_runs.tui.runs_view import RunsView

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Opened = Callable[..., AbstractAsyncContextManager[Pilot[int]]]


async def _handled(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until all is handled, laid out and painted; Textual's own guesses that from CPU time, 20 ms at a time."""
    app, quiet, end = active_app.get(), 0, time.monotonic() + max_sleep
    while quiet < 3 and time.monotonic() < end:
        resizes = app._resize_timer is not None
        await asyncio.sleep(0.001 if resizes else 0)
        paints = bool(app.screen_stack) and app.screen._update_timer._active.is_set()
        if paints:
            app.screen._on_timer_update()  # as its timer does within a sixtieth of a second
        busy = any(
            not pump._message_queue.empty() or pump._pending_message is not None or pump._next_callbacks
            for pump in (app, *app._registry)
        )
        quiet = 0 if busy or paints or resizes else quiet + 1


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", _handled)
    monkeypatch.setattr("tui_runs.tui.pacing._MOST_SECONDS", 0.0)  # what a key changes is painted with the key
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    # The disk that the tests run on may be nearly full, and is not to be on the pictures.
    monkeypatch.setattr("tui_runs.tui.health.watch.local_path", lambda uri: None)
    yield
    gc.unfreeze()  # the app freezes what it has begun with, and would never be freed


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the demo's store in `mlruns`; do not write into it."""
    root = tmp_path_factory.mktemp("demo")
    write_store(str(root / "mlruns"), now=NOW.timestamp(), seed=7, runs=24)
    return root


@pytest.fixture
def opened(demo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a store in the app: `async with opened(size=(160, 45)) as pilot`; the demo's unless told otherwise."""

    @asynccontextmanager
    async def open_store(
        location: str = "./mlruns",
        size: tuple[int, int] = (160, 45),
        view: RunsView | None = None,
        *,
        wait: bool = True,
    ) -> AsyncIterator[Pilot[int]]:
        monkeypatch.chdir(demo_root)
        workspace = Workspace(now=lambda: NOW)
        workspace.open(find([location]))
        app = TuiRunsApp(workspace, view)
        try:
            async with app.run_test(size=size) as pilot:
                if wait:
                    await settle(pilot)
                yield pilot
        finally:
            workspace.close()

    return open_store


async def settle(pilot: Pilot[int]) -> None:
    """Wait until everything is read and painted."""
    app = pilot.app
    assert isinstance(app, TuiRunsApp)
    await until(pilot, lambda: app.settled)
    await pilot.pause()
    await until(pilot, lambda: app.settled)


async def until(pilot: Pilot[int], holds: Callable[[], object], seconds: float = 90.0) -> None:
    """Wait until a condition holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        await pilot.pause(0.01)


def text_of(pilot: Pilot[int]) -> str:
    """The screen as plain text, line by line."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)
