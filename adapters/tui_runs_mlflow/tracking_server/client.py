"""What a tracking server is asked, typed: MLflow's REST API, as far as this adapter reads it.

Source: mlflow.org/docs/latest/rest-api.html. Every request runs in a thread of its own, so that `close` need not wait
for a server that does not answer, and is made again a few times where it fails for a passing reason.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from tui_runs_mlflow.tracking_server.address import ServerAddress
from tui_runs_mlflow.tracking_server.transport import Reply, Request, Transport, retries
from tui_runs_mlflow.tracking_server.troubles import (
    MissingError,
    RefusedError,
    ServerLostError,
    answer_of,
    failure_of,
    not_mlflow,
    trouble_of,
)

View = Literal["ACTIVE_ONLY", "ALL"]
_API: Final = "/api/2.0/mlflow"
_BACKOFF_SECONDS: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
"""A request that failed for a passing reason is made again after 0.5, 1 and 2 seconds, or when the server says."""
_EXPERIMENTS_A_PAGE: Final = 1000
_Said = TypeVar("_Said")


class ClosedError(Exception):
    """The client was closed while it waited."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment, as far as the runs table needs it."""

    experiment_id: str
    name: str
    deleted: bool


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs of a search.

    Args:
        runs: each as the server says it, JSON of MLflow's `Run`.
        next_token: what to ask the next page with; None at the end.
    """

    runs: Sequence[object]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class PointPage:
    """Some points of one series.

    Args:
        points: each as the server says it, JSON of MLflow's `Metric`.
        next_token: what to ask the next page with; None at the end, and from servers that do not page.
    """

    points: Sequence[object]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class PointRequest:
    """Which points to ask for.

    Args:
        run_id: whose.
        key: of which metric.
        limit: how many at most; servers before 3.0 send all.
        token: of the page; None for the first.
    """

    run_id: str
    key: str
    limit: int
    token: str | None = None


class TrackingClient:
    """Asks one server. May be used from several threads; `close` ends what they wait for.

    Args:
        server: which.
    """

    def __init__(self, server: ServerAddress) -> None:
        self.server = server
        self.host = server.host
        """Where its web pages are; for Databricks known after the first answer."""
        self.seconds_asking = 0.0
        """Time spent waiting for answers so far."""
        self._transport = Transport(server)
        self._closed = threading.Event()
        self._waiting: set[threading.Event] = set()
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Nothing is asked any more."""
        return self._closed.is_set()

    def close(self) -> None:
        """End every request; may be called twice, and from any thread."""
        self._closed.set()
        with self._lock:
            for waiting in self._waiting:
                waiting.set()

    # --- what to ask ------------------------------------------------------------------------------------------------
    # All of these raise ServerLostError where the server cannot be read, and ClosedError.

    def experiments(self, view: View) -> list[Experiment]:
        """Every experiment, the last one made first."""
        found: dict[str, Experiment] = {}
        token: str | None = None
        while True:
            body = {"max_results": _EXPERIMENTS_A_PAGE, "view_type": view, **({"page_token": token} if token else {})}
            said = self.ask(Request(f"{_API}/experiments/search", body=body))
            for one in self._listed(said, "experiments"):
                if not isinstance(one, dict):
                    raise not_mlflow(self.server)
                experiment_id = str(one.get("experiment_id", ""))
                deleted = one.get("lifecycle_stage") == "deleted"
                found[experiment_id] = Experiment(experiment_id, str(one.get("name", "")), deleted)
            previous, token = token, _token(said)
            if token is None or token == previous:
                return list(found.values())

    def search(
        self,
        experiment_ids: Sequence[str],
        *,
        view: View,
        limit: int,
        where: str = "",
        order: Sequence[str] = ("attributes.start_time DESC",),
        token: str | None = None,
    ) -> RunPage:
        """One page of runs.

        Args:
            experiment_ids: of which experiments.
            view: with the deleted ones, or without.
            limit: how many at most; 50,000 is the most that servers give.
            where: MLflow's filter string.
            order: MLflow's order_by clauses.
            token: of the page; None for the first.

        Raises:
            RefusedError: the server does not understand the filter or the order.
        """
        body = {
            "experiment_ids": list(experiment_ids), "run_view_type": view, "max_results": limit, "filter": where,
            "order_by": list(order), **({"page_token": token} if token else {}),
        }  # fmt: skip
        said = self.ask(Request(f"{_API}/runs/search", body=body))
        return RunPage(self._listed(said, "runs"), _token(said))

    def points(self, requests: Sequence[PointRequest]) -> list[PointPage | RefusedError]:
        """Points of several series, asked for at once; none of a run that does not exist.

        Returns:
            In the order of the requests. A refusal stands for a page that the server does not give.
        """
        asked = [
            Request(
                f"{_API}/metrics/get-history",
                query={
                    "run_id": one.run_id, "metric_key": one.key, "max_results": str(one.limit),
                    **({"page_token": one.token} if one.token else {}),
                },
            )
            for one in requests
        ]  # fmt: skip
        pages: list[PointPage | RefusedError] = []
        for outcome in self._ask_all(asked, self._json_of):
            if isinstance(outcome, RefusedError):
                pages.append(outcome)
            elif isinstance(outcome, MissingError):
                pages.append(PointPage((), None))
            elif isinstance(outcome, Exception):
                raise outcome
            else:
                pages.append(PointPage(self._listed(outcome, "metrics"), _token(outcome)))
        return pages

    def artifacts(self, run_id: str, directory: str, token: str | None = None) -> Mapping[str, object]:
        """One page of a run's files: JSON of MLflow's `ListArtifacts.Response`.

        Raises:
            MissingError: there is no such run.
            RefusedError: the server does not list this directory.
        """
        query = {"run_id": run_id}
        query |= {"path": directory} if directory else {}
        query |= {"page_token": token} if token else {}
        said = self.ask(Request(f"{_API}/artifacts/list", query=query))
        if not isinstance(said, dict):
            raise not_mlflow(self.server)
        return said

    def artifact(self, run_id: str, path: str, limit: int) -> bytes:
        """The first bytes of a run's file, as the server's own web page gets them: not in MLflow's REST API.

        Raises:
            MissingError: there is no such file.
            RefusedError: the server does not give it.
        """
        query = {"run_id": run_id, "path": path}
        return self._ask(Request("/get-artifact", query=query, limit=limit, cut=True), self._bytes_of)

    # --- how to ask -------------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> object:
        """The JSON of an answer, for whoever needs another part of the API.

        Raises:
            MissingError: what was asked for does not exist.
            RefusedError: the server does not answer such requests.
        """
        return self._ask(request, self._json_of)

    def _ask(self, request: Request, reads: Callable[[Reply], _Said]) -> _Said:
        outcome = self._ask_all([request], reads)[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _ask_all(self, requests: Sequence[Request], reads: Callable[[Reply], _Said]) -> list[_Said | Exception]:
        """Make requests at once, each in a thread that is left behind where the client is closed.

        Returns:
            What `reads` made of each reply, or why there is none.
        """
        outcomes: list[_Said | Exception] = [ClosedError()] * len(requests)
        done = [threading.Event() for _ in requests]

        def run(index: int) -> None:
            try:
                outcomes[index] = self._try(requests[index], reads)
            except Exception as error:
                outcomes[index] = error
            done[index].set()

        with self._lock:
            if self._closed.is_set():
                raise ClosedError
            self._waiting.update(done)
        began = time.monotonic()
        try:
            for index in range(len(requests)):
                threading.Thread(target=run, args=(index,), name="tui-runs-mlflow-request", daemon=True).start()
            for one in done:
                one.wait()
        finally:
            with self._lock:
                self._waiting.difference_update(done)
                self.seconds_asking += time.monotonic() - began
        if self._closed.is_set():
            raise ClosedError
        return outcomes

    def _try(self, request: Request, reads: Callable[[Reply], _Said]) -> _Said:
        """Make a request until it succeeds, or fails for good."""
        last = retries()
        for number in range(last + 1):
            retry_after = ""
            try:
                reply = self._transport.send(request, is_closed=self._closed.is_set)
                self.host, retry_after = reply.host, reply.retry_after
                return reads(reply)
            except (MissingError, RefusedError):
                raise
            except ServerLostError as error:
                trouble = error
            except Exception as error:
                trouble = trouble_of(self.server, error)
            if not trouble.passing or number == last or self._closed.wait(_pause(number, retry_after)):
                raise trouble
        raise AssertionError("unreachable")

    def _json_of(self, reply: Reply) -> object:
        return answer_of(self.server, reply)

    def _bytes_of(self, reply: Reply) -> bytes:
        if reply.status != 200:
            raise failure_of(self.server, reply)
        return reply.body

    def _listed(self, said: object, name: str) -> Sequence[object]:
        """A list in an answer, which leaves an empty one out."""
        listed = said.get(name, []) if isinstance(said, dict) else None
        if not isinstance(listed, list):
            raise not_mlflow(self.server)
        return listed


def _token(said: object) -> str | None:
    token = said.get("next_page_token") if isinstance(said, dict) else None
    return str(token) if token else None


def _pause(number: int, retry_after: str) -> float:
    if retry_after.isdecimal():
        return min(float(retry_after[:9]), _LONGEST_PAUSE)
    return float(min(_BACKOFF_SECONDS * 2**number, _LONGEST_PAUSE))
