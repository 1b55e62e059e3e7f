"""Follows the runs of a place: reads only what was appended to their logs.

Runs that are running or on the screen are watched closely, by events of their directories. Of the others only the
size and the time of the log are looked at now and then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

from tui_runs.adapter import Change
from tui_runs.errors import SourceLostError
from tui_runs.follow.follower import FileFollower
from tui_runs_wandb.known_runs import KnownRuns, Said, lost, stamp_of, written_at
from tui_runs_wandb.run_frames import RunView, make_batch, view_of
from tui_runs_wandb.run_log import RunLog

_CLOSE_LIMIT: Final = 200
"""Running runs that are watched closely: those written last."""
_TRIES: Final = 5
"""What cannot be read at the end of a log may be in the writing: it is tried again before it is called a problem."""
_SECONDS: Final = 0.3
"""What is found is said after so long, though there is more."""


class RunFollower(FileFollower):
    """Yields what changes. What is to be read are run ids.

    Args:
        uri: the place; it is lost when this is gone.
        watched: the directory in which runs appear; None where there is only one run.
        runs: what is known and was said.
        stale_after: seconds without a write after which a run that has not ended is stale.
    """

    def __init__(self, uri: str, watched: str | None, runs: KnownRuns, stale_after: float) -> None:
        super().__init__()
        self._uri, self._watched, self._runs, self._stale_after = uri, watched, runs, stale_after
        self._tries: dict[str, int] = {}

    def _lost(self) -> SourceLostError | None:
        return None if os.path.exists(self._uri) else lost(self._uri)

    @property
    def _soon(self) -> bool:
        return bool(self._retries())

    # --- what is to be looked at --------------------------------------------------------------------------------------

    def _relist(self) -> set[str]:
        """See which runs there are; those to be read for it: the new ones, and those that are gone."""
        try:
            self._runs.list_again()
        except OSError:
            raise lost(self._uri) from None
        logs, said = self._runs.logs, dict(self._runs.said)
        return {run_id for run_id in logs if run_id not in said} | (said.keys() - logs.keys())

    def _cover(self, looked_at: frozenset[str]) -> set[str]:
        close = self._close_runs(looked_at)
        new = self._watch_only({log.run.directory for log in close} | ({self._watched} if self._watched else set()))
        dirty = {log.run.run_id for log in close if log.run.directory in new}
        return dirty | self._relist() if self._watched in new else dirty

    def _close_runs(self, looked_at: frozenset[str]) -> list[RunLog]:
        said = dict(self._runs.said)  # a scan may be adding to it
        running = [run_id for run_id, one in said.items() if one.status == "running"]
        logs = self._runs.find(running)
        if len(logs) > _CLOSE_LIMIT:
            logs = sorted(logs, key=written_at, reverse=True)[:_CLOSE_LIMIT]
        return logs + self._runs.find([*looked_at])

    def _touched(self, paths: frozenset[str]) -> set[str]:
        """The runs that changed paths belong to."""
        of_directory = {log.run.directory: run_id for run_id, log in self._runs.logs.items()} if paths else {}
        dirty: set[str] = set()
        relist = False
        for path in paths:
            run_id = of_directory.get(os.path.dirname(path))
            if run_id is not None:
                dirty.add(run_id)
            relist = relist or run_id is None or path in of_directory or self._runs.logs[run_id].run.log is None
        dirty |= self._retries()
        return dirty | self._relist() if relist else dirty

    def _retries(self) -> set[str]:
        return {run_id for run_id, tries in self._tries.items() if tries < _TRIES}

    def _look(self) -> set[str]:
        """Runs whose log was written unseen, or that have not been written for long."""
        dirty = self._relist()
        now = time.time()
        for run_id, log in self._runs.logs.items():
            said = self._runs.said.get(run_id)
            asleep = said is not None and said.status == "running" and now - (log.updated or 0) > self._stale_after
            if asleep or log.doubtful or log.stamp != stamp_of(log.run.log):
                dirty.add(run_id)
        return dirty

    # --- what is said -------------------------------------------------------------------------------------------------

    def _read(self, dirty: set[str]) -> Iterator[Change]:
        """Read these runs on; what is different now, in changes of a moment's work each."""
        views: list[RunView] = []
        removed: list[str] = []
        mended: list[str] = []
        until = time.monotonic() + _SECONDS
        for run_id in sorted(dirty):
            if self._closed.is_set():
                return
            log, before = self._runs.logs.get(run_id), self._runs.said.get(run_id)
            if log is None:
                self._tries.pop(run_id, None)
                if self._runs.said.pop(run_id, None) is not None and before is not None:
                    removed += [run_id] if before.shown else []
                    mended += [before.problem.uri] if before.problem else []
            elif (view := self._read_one(log, before)) is not None:
                views.append(view)
                if before is not None and before.problem is not None and view.problem is None:
                    mended.append(before.problem.uri)
            if time.monotonic() > until:
                yield Change(make_batch(views), removed, mended)
                views, removed, mended, until = [], [], [], time.monotonic() + _SECONDS
        if views or removed or mended:
            yield Change(make_batch(views), removed, mended)

    def _read_one(self, log: RunLog, before: Said | None) -> RunView | None:
        """The run, if there is something to be said of it."""
        run_id = log.run.run_id
        while log.advance() and not self._closed.is_set():
            pass
        if log.doubtful:
            self._tries[run_id] = min(self._tries.get(run_id, 0) + 1, _TRIES)
            if log.trouble is not None and self._tries[run_id] < _TRIES:
                return None
        else:
            self._tries.pop(run_id, None)
        view = view_of(log, self._stale_after)
        now = Said.of(view)
        if before is not None:
            now = now._replace(shown=now.shown or before.shown)
        self._runs.said[run_id] = now
        return None if now == before else view
