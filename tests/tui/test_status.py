"""The line at the top: how current what is shown is."""

from __future__ import annotations

from datetime import timedelta

from tests.tui.conftest import NOW, Opened, settle, text_of


async def test_how_current_moves_on_in_steps_that_do_not_paint_each_second(opened: Opened) -> None:
    async with opened() as pilot:
        app = pilot.app
        for seconds, text in ((0.2, "just now"), (9, "9s ago"), (10, "10s ago"), (19, "10s ago"), (20, "20s ago")):
            app.workspace.now = lambda seconds=seconds: NOW + timedelta(seconds=seconds)
            for opened_source in app.workspace.sources.values():
                opened_source.updated = NOW  # it may say meanwhile that it is as shown
            app.main._tick()  # nothing else happens
            await settle(pilot)
            assert text_of(pilot).splitlines()[0].rstrip().endswith(f"updated {text}")
