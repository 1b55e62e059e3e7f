"""Follows a tracking server by asking it now and then, for servers tell nothing by themselves.

What runs, or is looked at, is asked for every two seconds, in two requests; the newest runs every five; and all of
them, page by page, every five minutes, which finds what was deleted or edited among the finished ones. A server that
takes long to answer is asked less often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tui_runs.adapter import Change, Focus
from tui_runs_mlflow.tracking_server.client import ClosedError, TrackingClient
from tui_runs_mlflow.tracking_server.listing import IDS_AT_ONCE, SIZES, Listing
from tui_runs_mlflow.tracking_server.readings import Readings
from tui_runs_mlflow.tracking_server.seen_runs import SeenRuns
from tui_runs_mlflow.tracking_server.served_runs import MetricRow, ServedRun, metrics_batch

_CLOSE_SECONDS: Final = 2.0
"""Between two looks at what runs or is looked at."""
_NEWEST_SECONDS: Final = 5.0
"""Between two looks at the newest runs and the experiments."""
_SWEEP_SECONDS: Final = 300.0
_FIRST_SWEEP_SECONDS: Final = 60.0
"""Between two looks at all runs; and from the first scan to the first of these."""
_BUSY: Final = 10
_LONGEST_PAUSE: Final = 60.0
"""The pause is at least so many times as long as the answers took, up to a minute."""
_CLOSE_LIMIT: Final = 200
"""Running runs that are asked for, those that started last: crashed ones say for ever that they run."""
_NEWEST_SIZES: Final = (10, 100, 1000)
"""Runs a page, while there are unknown ones among them."""


class ServerFollower:
    """Yields what changes on one server; owned by the thread that iterates it, but for `wake`.

    Args:
        client: whom to ask.
        listing: lists its runs.
        readings: what is known of points.
        seen: what was said so far.
        again: it was followed before, and lost: all runs are looked at soon.
    """

    def __init__(
        self, client: TrackingClient, listing: Listing, readings: Readings, seen: SeenRuns, *, again: bool
    ) -> None:
        self._client, self._listing, self._readings, self._seen = client, listing, readings, seen
        self._woken = threading.Event()
        self._next_newest = 0.0
        self._next_sweep = time.monotonic() + (0.0 if again else _FIRST_SWEEP_SECONDS)
        self._sweep: Iterator[list[Change]] | None = None

    def wake(self) -> None:
        """End the pause it is in, from any thread: there are exact values to tell, or it was closed."""
        self._woken.set()

    def changes(self, focus: Focus) -> Iterator[Change]:
        """Block, and yield every change until the client is closed.

        Raises:
            SourceLostError: the server cannot be read.
        """
        try:
            begun = False
            while not self._client.closed:
                before = self._client.seconds_asking
                yield from self._look(focus)
                if not begun:
                    begun = True
                    yield Change()
                took = self._client.seconds_asking - before
                yield from self._pause(max(focus.poll_seconds or _CLOSE_SECONDS, min(_BUSY * took, _LONGEST_PAUSE)))
        except ClosedError:
            return

    def _pause(self, seconds: float) -> Iterator[Change]:
        """Wait, and tell meanwhile what `Readings` have found out."""
        until = time.monotonic() + seconds
        while not self._client.closed:
            self._woken.clear()
            rows = self._readings.news()
            if rows:
                yield Change(metrics_batch(rows))
            left = until - time.monotonic()
            if left <= 0 or self._client.closed:
                return
            self._woken.wait(left)

    def _look(self, focus: Focus) -> Iterator[Change]:
        now = time.monotonic()
        if now >= self._next_newest:
            self._next_newest = now + (focus.poll_seconds or _NEWEST_SECONDS)
            before = self._listing.experiments.keys()
            self._listing.look_up_experiments()
            yield from self._look_at_newest(sorted(self._listing.experiments.keys() - before))
        yield from self._look_closely(focus.run_ids)
        if self._sweep is None and now >= self._next_sweep:
            self._sweep = self._look_at_all()
        if self._sweep is not None:
            changes = next(self._sweep, None)
            if changes is None:
                self._sweep, self._next_sweep = None, time.monotonic() + _SWEEP_SECONDS
            else:
                yield from changes

    def _look_at_newest(self, new_experiments: Sequence[str]) -> Iterator[Change]:
        """Compare the runs that started last, back to those that are known, and all of new experiments."""
        if new_experiments:
            for page in self._listing.pages(experiment_ids=new_experiments):
                yield from self._compare(page.runs)
        for page in self._listing.pages(sizes=_NEWEST_SIZES):
            known = all(run.run_id in self._seen for run in page.runs)
            yield from self._compare(page.runs)
            if known:
                return

    def _look_closely(self, looked_at: frozenset[str]) -> Iterator[Change]:
        """Compare what runs, what ran, and what is looked at."""
        before = {*self._seen.running(_CLOSE_LIMIT), *(run_id for run_id in looked_at if run_id in self._seen)}
        found: set[str] = set()
        pages = self._listing.pages(where="attributes.status = 'RUNNING'", sizes=(_CLOSE_LIMIT,), limit=_CLOSE_LIMIT)
        for page in pages:
            found.update(run.run_id for run in page.runs)
            yield from self._compare(page.runs)
        yield from self._look_at(sorted(before - found))

    def _look_at(self, run_ids: Sequence[str]) -> Iterator[Change]:
        """Compare some runs that were there; those that are not shown any more are said to be gone."""
        for start in range(0, len(run_ids), IDS_AT_ONCE):
            asked = run_ids[start : start + IDS_AT_ONCE]
            runs = self._listing.runs_of(asked)
            yield from self._compare(runs)
            gone = set(asked) - {run.run_id for run in runs}
            if gone:
                self._seen.forget(gone)
                self._readings.forget(gone)
                yield Change(removed=sorted(gone))

    def _look_at_all(self) -> Iterator[list[Change]]:
        """Compare every run, a page at a time; what was found out is said before anything else is asked."""
        missing = self._seen.ids()
        for page in self._listing.pages(sizes=SIZES[1:]):
            missing.difference_update(run.run_id for run in page.runs)
            yield list(self._compare(page.runs))
        # One that was deleted meanwhile moves the others up, so that some may have slipped through.
        for change in self._look_at(sorted(missing)):
            yield [change]

    def _compare(self, runs: Iterable[ServedRun]) -> Iterator[Change]:
        """Say what differs from what was said of these runs."""
        whole: list[ServedRun] = []
        rows: list[MetricRow] = []
        for run in runs:
            experiment = self._listing.experiments.get(run.experiment_id)
            news = self._seen.news_of(run, experiment)
            if news is None:
                whole.append(run)
            else:
                rows += self._readings.rows(run.run_id, news)
            self._seen.remember(run, experiment)
        if whole:
            yield Change(self._listing.batch(whole))
        if rows:
            yield Change(metrics_batch(rows))
