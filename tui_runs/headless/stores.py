"""From the SOURCEs of a command line to a workspace with every run in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui_runs.adapter import OptionValue
from tui_runs.headless.narration import Progress, say

if TYPE_CHECKING:
    from tui_runs.adapter import RunBatch
    from tui_runs.conditions import Wanted
    from tui_runs.frames.workspace import Workspace
    from tui_runs.sources.discover import Found


@dataclass(frozen=True, slots=True)
class Stores:
    """What to open.

    Args:
        locations: paths or URLs; none means what lies in the working directory.
        adapter: overrules detection.
        options: values of adapter options by their names, by adapter; those not given have their defaults.
    """

    locations: tuple[str, ...] = ()
    adapter: str | None = None
    options: dict[str, dict[str, OptionValue]] = field(default_factory=dict)

    def find(self) -> list[Found]:
        """Find the stores, and say what was found where nothing was named.

        Raises:
            LocationError: a location is not there, or nothing reads it.
            AdapterError: the adapter asked for is not usable.
        """
        from tui_runs.sources.discover import find  # noqa: PLC0415  entry points: 0.1 s

        found = find(self.locations, self.adapter)
        for store in found:
            if why := store.why_here:
                say(why)
            elif not self.locations:
                say(f"Found {store.name} in {os.getcwd()}: {store.adapter.name}, {store.match.reason}.")
        return found

    @contextmanager
    def read(
        self, wanted: Wanted | None = None, enough: Callable[[Workspace], bool] = lambda workspace: True
    ) -> Iterator[Workspace]:
        """Open the stores and read every run; they are closed at the end.

        Args:
            wanted: which runs will do, where a source can find them by itself.
            enough: asked once they are read; if it says no, every run is read after all.

        Raises:
            TuiRunsError: as `find`; or a store went away while it was read.
        """
        found = self.find()
        from tui_runs.frames.workspace import Workspace  # noqa: PLC0415  after `find`, which may fail without polars

        workspace = Workspace()
        progress = Progress()
        try:
            workspace.open(found, self.options)
            narrowed = False
            for name, opened in workspace.sources.items():
                chosen = opened.choose(wanted) if wanted is not None else None
                narrowed = narrowed or chosen is not None
                self._read_source(workspace, name, chosen, progress)
            if narrowed and not enough(workspace):
                for name in workspace.sources:
                    self._read_source(workspace, name, None, progress)
            progress.clear()
            count = len(workspace.problems)
            if count:
                one = "One thing" if count == 1 else f"{count:,} things"
                say(f"{one} could not be read; `tui-runs doctor` says what and why.")
            yield workspace
        finally:
            progress.clear()
            workspace.close()

    def _read_source(
        self, workspace: Workspace, name: str, chosen: Iterator[RunBatch] | None, progress: Progress
    ) -> None:
        """Take in the runs that a source chose, or else all of them."""
        opened = workspace.sources[name]
        for batch in chosen if chosen is not None else opened.batches():
            workspace.apply_batch(name, batch)
            progress.show(len(workspace.catalog), opened.total if len(workspace.sources) == 1 else None)
        workspace.scanned(name)
