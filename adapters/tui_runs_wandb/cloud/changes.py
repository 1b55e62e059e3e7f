"""Follows a project by asking for it now and then: W&B tells nothing by itself.

What runs, or is looked at, is asked for every ten seconds, and so are the newest runs, which tell too how many there
are; where that is another number than is known, and every five minutes, all of them are listed, without what is heavy.
A server that takes long to answer is asked less often, and one that says it is asked too often much less.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tui_runs.adapter import Change, Focus
from tui_runs_wandb.cloud.client import ClosedError, CloudClient
from tui_runs_wandb.cloud.cloud_run import metrics_batch, outline_of, runs_batch
from tui_runs_wandb.cloud.readings import Readings
from tui_runs_wandb.cloud.seen_runs import SeenRuns
from tui_runs_wandb.cloud.troubles import CloudLostError

_PAUSE_SECONDS: Final = 10.0
_SWEEP_SECONDS: Final = 300.0
_BUSY: Final = 10
_LONGEST_PAUSE: Final = 300.0
"""The pause is at least so many times as long as the answers took, up to five minutes."""
_PATIENCE: Final = 5
"""So often a server may say that it is asked too often, each time twice the pause later, before it counts as lost."""
_NEWEST_SIZES: Final = (10, 100, 500)
_LISTED_SIZES: Final = (500,)
_CLOSE_LIMIT: Final = 200
"""Running runs that are asked for, those that started last."""
_IDS_AT_ONCE: Final = 100
_RUNNING: Final = {"state": {"$in": ["running", "preempting", "pending"]}}


class CloudFollower:
    """Yields what changes in one project; owned by the thread that iterates it, but for `wake`.

    Args:
        client: whom to ask.
        readings: what is known of points.
        seen: what was said so far.
        again: it was followed before, and lost: all runs are looked at soon.
    """

    def __init__(self, client: CloudClient, readings: Readings, seen: SeenRuns, *, again: bool) -> None:
        self._client, self._readings, self._seen = client, readings, seen
        self._woken = threading.Event()
        self._next_sweep = time.monotonic() + (0.0 if again else _SWEEP_SECONDS)

    def wake(self) -> None:
        """End the pause it is in, from any thread: there are exact values to tell, or it was closed."""
        self._woken.set()

    def changes(self, focus: Focus) -> Iterator[Change]:
        """Block, and yield every change until the client is closed.

        Raises:
            SourceLostError: the server cannot be read.
            RefusedError: it does not understand what it is asked.
        """
        begun, refused = False, 0
        try:
            while not self._client.closed:
                before = self._client.seconds_asking
                try:
                    yield from self._look(focus)
                    refused = 0
                    if not begun:
                        begun = True
                        yield Change()
                except CloudLostError as error:
                    refused += 1
                    if not error.busy or refused > _PATIENCE:
                        raise
                took = self._client.seconds_asking - before
                pause = max(focus.poll_seconds or _PAUSE_SECONDS, min(_BUSY * took, _LONGEST_PAUSE))
                yield from self._pause(min(pause * 2**refused, max(pause, _LONGEST_PAUSE)))
        except ClosedError:
            return

    def _pause(self, seconds: float) -> Iterator[Change]:
        """Wait, and tell meanwhile what `Readings` have found out."""
        until = time.monotonic() + seconds
        while not self._client.closed:
            self._woken.clear()
            for run_id, rows in self._readings.news().items():
                if run_id in self._seen:
                    yield Change(metrics_batch(run_id, rows))
            left = until - time.monotonic()
            if left <= 0 or self._client.closed:
                return
            self._woken.wait(left)

    def _look(self, focus: Focus) -> Iterator[Change]:
        total = None
        for page in self._client.pages(sizes=_NEWEST_SIZES):
            known = all(said.id in self._seen for said in page.runs)
            total = page.total
            yield from self._compare(page.runs)
            if known:
                break
        yield from self._look_closely(focus.run_ids)
        if time.monotonic() >= self._next_sweep or (total is not None and total != len(self._seen)):
            yield from self._look_at_all()
            self._next_sweep = time.monotonic() + _SWEEP_SECONDS

    def _look_closely(self, looked_at: frozenset[str]) -> Iterator[Change]:
        """Compare what runs, what ran, and what is looked at."""
        known = {*self._seen.running(_CLOSE_LIMIT), *(run_id for run_id in looked_at if run_id in self._seen)}
        running = next(self._client.pages(_RUNNING, sizes=(_CLOSE_LIMIT,), limit=_CLOSE_LIMIT), None)
        found = running.runs if running is not None else ()
        yield from self._compare(found)
        yield from self._look_at(sorted(known - {said.id for said in found}))

    def _look_at(self, run_ids: Sequence[str]) -> Iterator[Change]:
        """Compare some runs that were there; those that are not any more are said to be gone."""
        for start in range(0, len(run_ids), _IDS_AT_ONCE):
            asked = run_ids[start : start + _IDS_AT_ONCE]
            pages = self._client.pages({"name": {"$in": asked}}, sizes=(_IDS_AT_ONCE,))
            runs = [said for page in pages for said in page.runs]
            yield from self._compare(runs)
            gone = sorted(set(asked) - {said.id for said in runs})
            if gone:
                self._seen.forget(gone)
                self._readings.forget(gone)
                yield Change(removed=gone)

    def _look_at_all(self) -> Iterator[Change]:
        """Find what was deleted, added or edited, whenever it ran."""
        missing, changed = self._seen.ids(), []
        # In an order of its own: wandb would take a light list for a heavy one, and ask for each run.
        for page in self._client.pages(order="+created_at", sizes=_LISTED_SIZES, lazy=True):
            for said in page.runs:
                missing.discard(said.id)
                if self._seen.differs(said.id, outline_of(said)):
                    changed.append(said.id)
        yield from self._look_at(sorted({*missing, *changed}))

    def _compare(self, said: Sequence[Any]) -> Iterator[Change]:
        """Say what differs from what was said of these runs."""
        runs, problems = self._seen.read(said, self._client.server)
        changed = [run for run in runs if self._seen.remember(run)]
        if changed or problems:
            yield Change(runs_batch([(run, self._readings.rows(run)) for run in changed], problems))
