"""The command palette: every action of the main screen by its name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

if TYPE_CHECKING:
    from tui_runs.tui.app import TuiRunsApp

_NOT_BY_NAME = ("app.command_palette",)


class Commands(Provider):
    """Offers what can be done on the main screen, with its key."""

    def _commands(self) -> Iterator[tuple[str, str, str]]:
        for key in cast("TuiRunsApp", self.app).main_keys:
            if key.action not in _NOT_BY_NAME:
                group = key.id.partition(".")[0]
                yield f"{group}: {key.label}", key.action, f"{key.says}  ({key.spelt})"

    async def discover(self) -> Hits:
        """All of them, while nothing is typed."""
        for name, action, says in self._commands():
            yield DiscoveryHit(name, partial(self._run, action), help=says)

    async def search(self, query: str) -> Hits:
        """Those whose name or sentence fits."""
        matcher = self.matcher(query)
        for name, action, says in self._commands():
            score = max(matcher.match(name), matcher.match(says) * 0.5)
            if score > 0:
                yield Hit(score, matcher.highlight(name), partial(self._run, action), help=says)

    async def _run(self, action: str) -> None:
        target = self.screen.query_one("#runs") if action in ("mark", "sort") else self.screen
        await target.run_action(action)
