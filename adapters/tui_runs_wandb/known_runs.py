"""The runs of a place as they are known, and what was said of each; shared by all that reads them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tui_runs.adapter import Problem
from tui_runs.display import encodable
from tui_runs.errors import SourceLostError
from tui_runs_wandb.run_dir import RunDir
from tui_runs_wandb.run_frames import RunView
from tui_runs_wandb.run_log import RunLog


class Said(NamedTuple):
    """What was last told of a run.

    Args:
        version: of its log.
        status: its status.
        problem: what was wrong with it.
        shown: it is in the table.
    """

    version: int
    status: str
    problem: Problem | None
    shown: bool

    @classmethod
    def of(cls, view: RunView) -> Said:
        """What telling this view says."""
        return cls(view.version, view.status, view.problem, view.shown)


class KnownRuns:
    """The runs that were there when they were last listed.

    Args:
        list_runs: lists them; raises OSError where the place is gone.

    Attributes:
        logs: by run id.
        said: by run id; of whole runs only.
    """

    def __init__(self, list_runs: Callable[[], list[RunDir]]) -> None:
        self._list_runs = list_runs
        self._lock = threading.Lock()
        self.logs: dict[str, RunLog] = {}
        self.said: dict[str, Said] = {}

    def list_again(self) -> list[RunLog]:
        """See which runs there are now, those written last first.

        Raises:
            OSError: the place is gone.
        """
        runs = self._list_runs()
        with self._lock:
            known = self.logs
            logs = {run.run_id: _log_of(run, known.get(run.run_id)) for run in runs}
            self.logs = logs
        return sorted(logs.values(), key=written_at, reverse=True)

    def find(self, run_ids: Sequence[str]) -> list[RunLog]:
        """The logs of those of these runs that are there."""
        logs = self.logs
        return [logs[run_id] for run_id in dict.fromkeys(run_ids) if run_id in logs]


def _log_of(run: RunDir, known: RunLog | None) -> RunLog:
    return known if known is not None and known.run == run else RunLog(run)


def written_at(log: RunLog) -> float:
    """When a run's log was written last, in nanoseconds since 1970; that of the directory where there is none."""
    stamp = stamp_of(log.run.log or log.run.directory)
    return stamp[0] if stamp else 0


def size_of(log: RunLog) -> int:
    """Bytes of a run's log; 0 where there is none."""
    stamp = stamp_of(log.run.log)
    return stamp[1] if stamp else 0


def stamp_of(path: str | None) -> tuple[int, int] | None:
    """When a file was written last (nanoseconds), and its size; None where it cannot be looked at."""
    try:
        status = os.stat(path) if path else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None


def lost(uri: str) -> SourceLostError:
    """The error for a place that is gone."""
    remedy = "Their last state is shown; it goes on when they are back."
    return SourceLostError(f"The runs are gone: {encodable(uri)}", remedy)
