"""The runs of a server, page by page, and the frames of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import Final, NamedTuple

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import printable
from tui_runs.errors import SourceLostError
from tui_runs_mlflow.tracking_server.client import Experiment, TrackingClient, View
from tui_runs_mlflow.tracking_server.readings import Readings
from tui_runs_mlflow.tracking_server.served_runs import ServedRun, run_batch, served_run

SIZES: Final = (50, 1000, 5000)
"""Runs of the first page, the second, and all others: rows at once, and then few pages, because a server that keeps
its runs in files reads all of them again for each."""
NEWEST_FIRST: Final = ("attributes.start_time DESC",)
_EXPERIMENTS_AT_ONCE: Final = 500
"""Experiments of one search; databases limit what one statement may name."""
IDS_AT_ONCE: Final = 100
"""Runs that are asked for by their ids in one search."""
_NAMED: Final = 10
"""Experiments that are offered where none has the name that was given."""


class ListedRuns(NamedTuple):
    """Some runs, and what could not be read among them."""

    runs: list[ServedRun]
    problems: list[Problem]


class Listing:
    """Lists the runs of one server.

    Args:
        client: whom to ask.
        readings: what is known of points.
        experiment: name or id of the one experiment that is wanted; None for all.
        with_deleted: deleted runs, and those of deleted experiments, are wanted too.
    """

    def __init__(
        self, client: TrackingClient, readings: Readings, experiment: str | None, *, with_deleted: bool
    ) -> None:
        self._client, self._readings, self._wanted = client, readings, experiment
        self._view: View = "ALL" if with_deleted else "ACTIVE_ONLY"
        self.experiments: dict[str, Experiment] = {}
        """By id, the last one made first; see `look_up_experiments`."""

    def look_up_experiments(self) -> None:
        """Ask which experiments there are.

        Raises:
            SourceLostError: the server cannot be read, or has not the one that is wanted.
            ClosedError: the client was closed.
        """
        found = self._client.experiments(self._view)
        if self._wanted is None:
            self.experiments = {one.experiment_id: one for one in found}
            return
        self.experiments = {one.experiment_id: one for one in found if self._wanted in (one.name, one.experiment_id)}
        if not self.experiments:
            names = ", ".join(repr(printable(one.name)) for one in found[:_NAMED])
            raise SourceLostError(
                f"{self._client.server.uri} has no experiment {printable(self._wanted)!r}.",
                f"It has {names}{', …' if len(found) > _NAMED else ''}." if found else "It has none at all.",
            )

    def pages(
        self,
        *,
        where: str = "",
        order: Sequence[str] = NEWEST_FIRST,
        sizes: Sequence[int] = SIZES,
        limit: int | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> Iterator[ListedRuns]:
        """Search runs; none comes twice.

        Args:
            where: MLflow's filter string.
            order: MLflow's order_by clauses; holds within 500 experiments.
            sizes: runs a page, the last of these for all further ones.
            limit: how many at most, of each 500 experiments.
            experiment_ids: of which experiments; all where None.

        Raises:
            SourceLostError: the server cannot be read.
            RefusedError: it does not understand the filter or the order.
            ClosedError: the client was closed.
        """
        ids = list(self.experiments if experiment_ids is None else experiment_ids)
        seen: set[str] = set()
        for start in range(0, len(ids) if limit != 0 else 0, _EXPERIMENTS_AT_ONCE):
            token: str | None = None
            left = limit
            for size in chain(sizes, repeat(sizes[-1])):
                page = self._client.search(
                    ids[start : start + _EXPERIMENTS_AT_ONCE],
                    view=self._view,
                    limit=size if left is None else min(size, left),
                    where=where,
                    order=order,
                    token=token,
                )
                yield self._read(page.runs, seen)
                left = None if left is None else left - len(page.runs)
                previous, token = token, page.next_token
                if token is None or token == previous or not page.runs or (left is not None and left <= 0):
                    break

    def runs_of(self, run_ids: Sequence[str]) -> list[ServedRun]:
        """These runs, as far as they are there and wanted.

        Raises:
            SourceLostError: the server cannot be read.
            ClosedError: the client was closed.
        """
        runs: list[ServedRun] = []
        for start in range(0, len(run_ids), IDS_AT_ONCE):
            asked = ", ".join(f"'{run_id}'" for run_id in run_ids[start : start + IDS_AT_ONCE])
            for page in self.pages(where=f"attributes.run_id IN ({asked})", sizes=(IDS_AT_ONCE,)):
                runs += page.runs
        return runs

    def _read(self, said: Sequence[object], seen: set[str]) -> ListedRuns:
        page = ListedRuns([], [])
        for one in said:
            try:
                run = served_run(one)
            except ValueError:
                what = "A run came that is not as MLflow describes runs; it is left out."
                page.problems.append(Problem(self._client.server.uri, what, "Ask whoever runs the server."))
                continue
            if run.run_id not in seen:
                seen.add(run.run_id)
                page.runs.append(run)
        return page

    def batch(self, runs: Sequence[ServedRun], problems: Sequence[Problem] = ()) -> RunBatch:
        """The frames of some runs."""
        return run_batch(runs, self.experiments, self._page_of, self._readings.rows, problems)

    def _page_of(self, experiment_id: str, run_id: str) -> str:
        return self._client.server.run_page(self._client.host, experiment_id, run_id)
