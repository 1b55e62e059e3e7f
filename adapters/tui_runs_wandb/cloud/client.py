"""Asks W&B through `wandb.Api`. Every question runs in a thread of its own, which `close` need not wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, repeat
from typing import Any, Final, NamedTuple, TypeVar

from tui_runs_wandb.cloud.address import CloudAddress
from tui_runs_wandb.cloud.session import SESSION
from tui_runs_wandb.cloud.troubles import CloudLostError, MissingError, RefusedError, not_there, trouble_of

SIZES: Final = (20, 100, 500)
"""Runs of the first page, the second, and all others: rows at once, and then few requests."""
NEWEST_FIRST: Final = "-created_at"
_Said = TypeVar("_Said")


class ClosedError(Exception):
    """The client was closed while it waited."""


class Page(NamedTuple):
    """Some runs of a project.

    Args:
        runs: `wandb.apis.public.Run`s.
        total: how many runs the filter finds in all.
    """

    runs: Sequence[Any]
    total: int


class CloudClient:
    """Asks for one project. May be used from several threads; `close` ends what they wait for.

    Args:
        place: which project, or which run of it.
    """

    def __init__(self, place: CloudAddress) -> None:
        self.place = place
        self.seconds_asking = 0.0
        """Time spent waiting for answers so far."""
        self._api: Any = None
        self._closed = threading.Event()
        self._waiting: set[threading.Event] = set()
        self._lock = threading.Lock()
        self._listing = threading.Lock()

    @property
    def closed(self) -> bool:
        """Nothing is asked any more."""
        return self._closed.is_set()

    @property
    def server(self) -> str:
        """Who is asked, a URL."""
        return SESSION.server_of(self.place)

    def close(self) -> None:
        """End every question, and wandb where nobody else needs it; may be called twice, and from any thread."""
        self._closed.set()
        with self._lock:
            for waiting in self._waiting:
                waiting.set()
        self._api = None
        SESSION.leave(self)

    # --- what to ask ------------------------------------------------------------------------------------------------
    # All of these raise CloudLostError where the server cannot be read, and ClosedError.

    def pages(
        self,
        filters: Mapping[str, object] | None = None,
        order: str = NEWEST_FIRST,
        *,
        sizes: Sequence[int] = SIZES,
        limit: int | None = None,
        lazy: bool = False,
    ) -> Iterator[Page]:
        """List runs.

        Args:
            filters: in MongoDB's language, as W&B understands it; None for all.
            order: `-created_at` or another of W&B's.
            sizes: runs a page, the last of these for all further ones.
            limit: how many at most.
            lazy: without config, summary and system metrics.

        Raises:
            RefusedError: the server does not understand the filter or the order.
        """
        wanted: dict[str, object] = dict(filters or {})
        if self.place.run is not None:
            wanted = {"$and": [wanted, {"name": self.place.run}]} if wanted else {"name": self.place.run}
        runs: Any = None
        seen = 0
        for size in chain(sizes, repeat(sizes[-1])):
            count = size if limit is None else min(size, limit - seen)
            if count <= 0:
                return

            def look(count: int = count, seen: int = seen, runs: Any = runs) -> tuple[Any, list[Any], int]:
                if runs is None:
                    runs = self._new_listing(wanted, order, count, lazy=lazy)
                runs.per_page = count
                try:
                    _ = runs[seen]  # loads the page
                except IndexError:
                    return runs, [], seen
                return runs, runs.objects[seen:], len(runs)

            try:
                runs, found, total = self.ask(look)
            except MissingError:
                raise not_there(self.place.path, self.server) from None
            if found or not seen:
                yield Page(found, total)
            seen += len(found)
            if not found:
                return

    def runs_called(self, run_ids: Sequence[str]) -> list[Any]:
        """What there is of these runs, in one request."""
        if not run_ids:
            return []
        pages = self.pages({"name": {"$in": list(run_ids)}}, sizes=(len(run_ids),))
        found = {said.id: said for page in pages for said in page.runs}
        return [found[run_id] for run_id in dict.fromkeys(run_ids) if run_id in found]

    def with_own_config(self, run_ids: Sequence[str]) -> list[Any]:
        """These runs with what W&B itself has put into their configs, in a request for each.

        wandb 0.31 loses that part of the configs of listed runs: `Run.rawconfig` is made of `Run.config` again.
        """
        found = []
        for said in self.runs_called(run_ids):
            with suppress(MissingError):  # it went in this moment
                if "_wandb" not in said.rawconfig:
                    self.ask(partial(said.load, force=True))
                found.append(said)
        return found

    def _new_listing(self, filters: Mapping[str, object], order: str, size: int, *, lazy: bool) -> Any:
        """A list of runs that was not asked for before: wandb keeps what it was told, for ever."""
        with self._listing:
            api = self._logged_in()
            api.flush()
            return api.runs(self.place.path, filters=dict(filters), order=order, per_page=size, lazy=lazy)

    def ask(self, question: Callable[[], _Said]) -> _Said:
        """Call something of wandb's that asks the server.

        Raises:
            RefusedError: the server does not answer such questions.
            MissingError: what is asked for does not exist.
        """
        outcome: list[_Said] = []
        trouble: list[BaseException] = []
        done = threading.Event()

        def run() -> None:
            try:
                outcome.append(question())
            except BaseException as error:
                trouble.append(error)
            done.set()

        with self._lock:
            if self._closed.is_set():
                raise ClosedError
            self._waiting.add(done)
        began = time.monotonic()
        try:
            threading.Thread(target=run, name="tui-runs-wandb-request", daemon=True).start()
            done.wait()
        finally:
            with self._lock:
                self._waiting.discard(done)
                self.seconds_asking += time.monotonic() - began
        if self._closed.is_set():
            raise ClosedError
        if trouble:
            if isinstance(trouble[0], CloudLostError | MissingError | RefusedError | ClosedError):
                raise trouble[0]
            raise trouble_of(self.server, trouble[0]) from None
        return outcome[0]

    def _logged_in(self) -> Any:
        """Wandb's client; the first call imports wandb and starts its core process."""
        if self._api is None:
            api = SESSION.api(self, self.place)
            if self._closed.is_set():
                SESSION.leave(self)
                raise ClosedError
            self._api = api
        return self._api
