"""A project of W&B's cloud, or of a W&B server, as a source of runs.

What W&B answers was tried on a stand-in that the tests bring along, with wandb's own client in between; the real
service was never asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch
from tui_runs.capabilities import Details
from tui_runs.conditions import Wanted
from tui_runs.display import address, printable
from tui_runs.errors import LocationError, SourceLostError
from tui_runs.schema import DETAILS, HISTORY, empty
from tui_runs_wandb.cloud.address import cloud_address
from tui_runs_wandb.cloud.changes import CloudFollower
from tui_runs_wandb.cloud.client import ClosedError, CloudClient, Page
from tui_runs_wandb.cloud.cloud_run import runs_batch
from tui_runs_wandb.cloud.filters import Question, questions_of
from tui_runs_wandb.cloud.readings import Readings
from tui_runs_wandb.cloud.run_details import details_of
from tui_runs_wandb.cloud.seen_runs import SeenRuns
from tui_runs_wandb.cloud.troubles import CloudLostError, RefusedError, not_there

_GIVE = "Give wandb://entity/project, wandb://entity/project/run, or the address of a project's or a run's page."


class CloudStore:
    """Runs of one project, or one run, through `wandb.Api`. Nothing is asked, and wandb not imported, before `scan`.

    A run's `metrics` have their last values at once, from its summary. How many points a metric has, and its best
    one, are unknown until its points are read by `history`; `follow` then tells them, as exact ones. The tests drive
    wandb's own client against a stand-in for the service, not against the service.

    Args:
        location: see `tui_runs_wandb.cloud.address.cloud_address`.

    Raises:
        LocationError: it names no project, or wandb is not installed.
    """

    kind = "W&B project"

    def __init__(self, location: str) -> None:
        place = cloud_address(location)
        shown = printable(address(location))
        if place is None:
            raise LocationError(f"{shown!r} is not an address of W&B's.", _GIVE)
        if not place.entity or not place.project:
            raise LocationError(f"{shown} names no project.", _GIVE)
        if find_spec("wandb") is None:
            raise LocationError(
                f"{shown} is read with wandb's client, and wandb is not installed.",
                "Install it: pip install 'tui-runs[wandb]'",
            )
        self.uri = place.uri
        self._client = CloudClient(place)
        self._seen = SeenRuns()
        self._readings = Readings(self._client, self._wake)
        self._follower: CloudFollower | None = None

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, the newest first. See `tui_runs.adapter.Source`."""
        try:
            yield from self._batches(self._client.pages())
        except ClosedError:
            return
        except RefusedError as error:
            raise self._not_understood(error) from None

    def _batches(self, pages: Iterator[Page]) -> Iterator[RunBatch]:
        for page in pages:
            if not page.runs and self._client.place.run is not None:
                raise not_there(self._client.place.uri, self._client.server)
            yield self._batch(page.runs, page.total)

    def _batch(self, said: Sequence[Any], total: int | None = None) -> RunBatch:
        runs, problems = self._seen.read(said, self._client.server)
        for run in runs:
            self._seen.remember(run)
        return runs_batch([(run, self._readings.rows(run)) for run in runs], problems, total)

    def select(self, wanted: Wanted) -> Iterator[RunBatch] | None:
        """Read the runs that are wanted, as far as W&B can tell. See `tui_runs.capabilities.Selective`."""
        questions = questions_of(wanted)
        return None if questions is None else self._select(questions)

    def _select(self, questions: Sequence[Question]) -> Iterator[RunBatch]:
        sent: set[str] = set()
        try:
            for question in questions:
                found = 0
                for page in self._client.pages(question.filter, question.order, limit=question.limit):
                    found += len(page.runs)
                    new = [said for said in page.runs if said.id not in sent]
                    sent.update(said.id for said in new)
                    yield self._batch(new)
                if question.limit is not None and found >= question.limit:
                    return
        except ClosedError:
            return
        except RefusedError:  # a server that knows less, or other things, than W&B's documentation says
            yield from self.scan()

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, for about 1.5 s. See `tui_runs.adapter.Source`."""
        try:
            return self._readings.read(run_ids, metrics, cursor or {})
        except ClosedError:
            return History(empty(HISTORY), dict(cursor or {}), complete=False)
        except RefusedError as error:
            raise self._not_understood(error) from None

    def details(self, run_ids: Sequence[str]) -> Details:
        """What the runs' metrics' x axes are to be. See `tui_runs.capabilities.Detailed`."""
        try:
            return Details(details_of(self._client.with_own_config(run_ids)))
        except ClosedError:
            return Details(empty(DETAILS))
        except RefusedError as error:
            raise self._not_understood(error) from None

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Ask for what runs or is looked at every ten seconds. See `tui_runs.adapter.Source`."""
        again = self._follower is not None
        self._follower = CloudFollower(self._client, self._readings, self._seen, again=again)
        try:
            yield from self._follower.changes(focus)
        except RefusedError as error:
            raise self._not_understood(error) from None

    def close(self) -> None:
        """End every generator, every wait for an answer, and wandb-core. See `tui_runs.adapter.Source`."""
        self._client.close()
        self._wake()

    def _wake(self) -> None:
        if self._follower is not None:
            self._follower.wake()

    def _not_understood(self, error: RefusedError) -> SourceLostError:
        what = f"{printable(self._client.server)} does not understand what it is asked: {error}"
        return CloudLostError(what, "It may be older than wandb's client expects; a newer wandb may help too.")
