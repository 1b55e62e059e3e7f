"""An MLflow tracking server as a source of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui_runs.adapter import Change, Cursor, Focus, History, RunBatch, SeriesId
from tui_runs.capabilities import Artifacts, Details
from tui_runs.conditions import Wanted
from tui_runs.errors import SourceLostError
from tui_runs.schema import DETAILS, HISTORY, empty
from tui_runs_mlflow.tracking_server.address import parse_address
from tui_runs_mlflow.tracking_server.artifacts import list_artifacts, read_artifact
from tui_runs_mlflow.tracking_server.changes import ServerFollower
from tui_runs_mlflow.tracking_server.client import ClosedError, TrackingClient
from tui_runs_mlflow.tracking_server.details import read_details
from tui_runs_mlflow.tracking_server.filters import Search, search_of
from tui_runs_mlflow.tracking_server.listing import ListedRuns, Listing
from tui_runs_mlflow.tracking_server.readings import Readings
from tui_runs_mlflow.tracking_server.seen_runs import SeenRuns
from tui_runs_mlflow.tracking_server.troubles import RefusedError, ServerLostError


class ServerStore:
    """A server that speaks MLflow's REST API. Nothing is asked before `scan`.

    A run's `metrics` have their last values at once. How many points a metric has, and its best one, are unknown
    until its points are read by `history`; `follow` then tells them, as exact ones.

    Args:
        location: `http://…`, `https://…`, `databricks` or `databricks://profile`; the page of an experiment or a run,
            as copied from a browser, means that experiment alone.
        experiment: name or id of the one experiment wanted; None for all, or the one of the page.
        with_deleted: show deleted runs too, and those of deleted experiments, with the status "deleted".

    Raises:
        LocationError: it is no address of a server, or mlflow is not installed.
    """

    kind = "MLflow tracking server"

    def __init__(self, location: str, *, experiment: str | None = None, with_deleted: bool = False) -> None:
        server = parse_address(location)
        self.uri = server.uri
        self._client = TrackingClient(server)
        self._with_deleted = with_deleted
        self._seen = SeenRuns()
        self._readings = Readings(self._client, self._seen.latest_of, self._wake)
        self._listing = Listing(
            self._client, self._readings, experiment or server.experiment, with_deleted=with_deleted
        )
        self._follower: ServerFollower | None = None

    def scan(self) -> Iterator[RunBatch]:
        """Read every run, those that started last first. See `tui_runs.adapter.Source`."""
        try:
            self._listing.look_up_experiments()
            yield from self._batches(self._listing.pages())
        except ClosedError:
            return
        except RefusedError as error:
            raise self._not_understood(error) from None

    def select(self, wanted: Wanted) -> Iterator[RunBatch] | None:
        """Read the runs that are wanted, as far as the server can tell. See `tui_runs.capabilities.Selective`."""
        search = search_of(wanted, with_deleted=self._with_deleted)
        return None if search is None else self._select(search)

    def _select(self, search: Search) -> Iterator[RunBatch]:
        try:
            self._listing.look_up_experiments()
            names = search.experiments
            found = self._listing.experiments.values()
            pages = self._listing.pages(
                where=search.where,
                order=search.order,
                limit=search.limit,
                experiment_ids=[one.experiment_id for one in found if names is None or one.name in names],
            )
            yield from self._batches(pages)
        except ClosedError:
            return
        except RefusedError:  # a server that knows less, or more, than those of MLflow
            yield from self.scan()

    def _batches(self, pages: Iterator[ListedRuns]) -> Iterator[RunBatch]:
        for page in pages:
            batch = self._listing.batch(page.runs, page.problems)
            for run in page.runs:
                self._seen.remember(run, self._listing.experiments.get(run.experiment_id))
            yield batch

    def history(
        self, run_ids: Sequence[str], metrics: Sequence[str] | None = None, cursor: Cursor | None = None
    ) -> History:
        """Read points after the cursor, about 50,000 at most. See `tui_runs.adapter.Source`.

        They come in the order in which the server gives them: as written where it keeps runs in files, by time where
        it has a database.
        """
        known = [run_id for run_id in run_ids if run_id in self._seen]
        try:
            series = self._series(known) if metrics is None else [(run_id, key) for run_id in known for key in metrics]
            return self._readings.read(series, cursor or {})
        except ClosedError:
            return History(empty(HISTORY), dict(cursor or {}), complete=False)
        except RefusedError as error:
            raise self._not_understood(error) from None

    def _series(self, run_ids: Sequence[str]) -> list[SeriesId]:
        """Every series of these runs."""
        return [(run.run_id, key) for run in self._listing.runs_of(run_ids) for key in run.metrics]

    def follow(self, focus: Focus) -> Iterator[Change]:
        """Ask for what runs or is looked at every two seconds. See `tui_runs.adapter.Source`."""
        again = self._follower is not None
        follower = ServerFollower(self._client, self._listing, self._readings, self._seen, again=again)
        self._follower = follower
        try:
            yield from follower.changes(focus)
        except RefusedError as error:
            raise self._not_understood(error) from None

    def details(self, run_ids: Sequence[str]) -> Details:
        """What there is of these runs beyond params, tags and metrics. See `tui_runs.capabilities.Detailed`."""
        try:
            return read_details(self._client.ask, run_ids)
        except ClosedError:
            return Details(empty(DETAILS))

    def artifacts(self, run_id: str, directory: str = "") -> Artifacts:
        """List one directory of a run's artifacts. See `tui_runs.capabilities.WithArtifacts`."""
        return list_artifacts(self._client, run_id, directory)

    def read_artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """The first bytes of a file. See `tui_runs.capabilities.WithArtifacts`."""
        return read_artifact(self._client, run_id, path, limit)

    def close(self) -> None:
        """End every generator, and every wait for an answer. See `tui_runs.adapter.Source`."""
        self._client.close()
        self._wake()

    def _wake(self) -> None:
        if self._follower is not None:
            self._follower.wake()

    def _not_understood(self, error: RefusedError) -> SourceLostError:
        what = f"{self.uri} does not understand what it is asked: {error}"
        return ServerLostError(what, "It may be a server of another kind, or older than MLflow 2.0.")
