"""The open sources and everything known of their runs.

Owned by one thread: the UI's, or a command's own. Workers read and hand over batches, changes and histories; nothing
in here reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from tui_runs.adapter import Change, History, OptionValue, Problem, RunBatch, Source
from tui_runs.capabilities import Selective
from tui_runs.conditions import Wanted
from tui_runs.errors import TuiRunsError
from tui_runs.frames.catalog import Catalog, RunKey
from tui_runs.frames.histories import Histories, HistoryRequest, SeriesKey
from tui_runs.frames.readahead import ReadAhead
from tui_runs.sources.discover import Found


class SourceState(Enum):
    """How current what is known of a source is."""

    READING = "reading"
    READY = "ready"
    FOLLOWING = "following"
    STALE = "stale"


@dataclass(slots=True)
class OpenSource:
    """A source, and how it is doing.

    Args:
        name: the location as the user wrote it; the `source` column of its runs.
        adapter: name of the adapter that reads it.
        source: what to read from.
        state: see `SourceState`.
        total: how many runs it said it has, while it is being read.
        updated: when it last said anything.
        problems: what could not be read, by uri.
        trouble: why it is stale, else None.
        polling: why its files are only looked at now and then; empty where they are not.
    """

    name: str
    adapter: str
    source: Source
    state: SourceState = SourceState.READING
    total: int | None = None
    updated: datetime | None = None
    problems: dict[str, Problem] = field(default_factory=dict)
    trouble: Problem | None = None
    polling: str = ""
    ahead: ReadAhead[RunBatch] | None = None

    def choose(self, wanted: Wanted) -> Iterator[RunBatch] | None:
        """The runs that somebody asks for, found by the source itself; None where it cannot.

        Raises:
            SourceLostError: the store is gone.
        """
        return self.source.select(wanted) if isinstance(self.source, Selective) else None

    def scan(self, first: Wanted | None = None) -> Iterator[RunBatch]:
        """Every run; those that somebody asks for come first where the source can find them, and then once more.

        Raises:
            SourceLostError: the store is gone.
        """
        if first is not None:
            yield from self.choose(first) or ()
        yield from self.source.scan()

    def batches(self) -> Iterator[RunBatch]:
        """Every batch of a scan: of the one that was begun ahead, or else of a new one.

        Raises:
            SourceLostError: the store is gone.
        """
        ahead, self.ahead = self.ahead, None
        yield from ahead if ahead is not None else self.source.scan()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Workspace:
    """The open sources, the catalog of their runs and the points that were fetched.

    Args:
        now: the clock; tests freeze it.
    """

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self.now = now
        self.catalog = Catalog()
        self.histories = Histories()
        self.sources: dict[str, OpenSource] = {}
        self._paused: list[ReadAhead[RunBatch]] = []

    def open(self, found: Sequence[Found], options: dict[str, dict[str, OptionValue]] | None = None) -> None:
        """Open stores; nothing is read yet.

        Args:
            found: where they are and what reads them.
            options: values by option name, by adapter name.

        Raises:
            LocationError: one of them cannot be opened.
        """
        for store in found:
            source = store.adapter.open(store.location, (options or {}).get(store.adapter.name, {}))
            self.sources[store.name] = OpenSource(store.name, store.adapter.name, source)

    def read_ahead(self, first: Wanted | None = None) -> None:
        """Begin to read every source, in threads of their own; `OpenSource.batches` hands over what was read.

        Args:
            first: the runs that are to come first, where a source can find them by itself.
        """
        for opened in self.sources.values():
            opened.ahead = ReadAhead(opened.scan(first))
            self._paused.append(opened.ahead)

    def go_on(self) -> None:
        """The first runs are on the screen: read the others."""
        while self._paused:
            self._paused.pop().go_on()

    def apply_batch(self, name: str, batch: RunBatch) -> None:
        """Take in a batch of runs of a source."""
        opened = self.sources[name]
        self.catalog.apply(name, batch)
        opened.updated = self.now()
        opened.trouble = None
        if batch.total is not None:
            opened.total = batch.total
        opened.problems.update((problem.uri, problem) for problem in batch.problems)

    def apply_change(self, name: str, change: Change) -> list[RunKey]:
        """Take in what happened in a source, and follow it again if it was stale; returns the runs that are new."""
        opened = self.sources[name]
        said = [RunKey(name, run_id) for run_id in change.batch.runs["run_id"]] if change.batch is not None else []
        new = [run for run in said if run not in self.catalog]
        opened.state, opened.trouble = SourceState.FOLLOWING, None
        if change.polling is not None:
            opened.polling = change.polling
        for uri in change.mended:
            opened.problems.pop(uri, None)
        self.catalog.remove(name, change.removed)
        self.histories.forget(name, change.removed)
        if change.batch is not None:
            self.apply_batch(name, change.batch)
            self.histories.grown(name, change.batch.metrics)
        opened.updated = self.now()
        return new

    def apply_history(self, request: HistoryRequest, history: History) -> list[SeriesKey]:
        """Take in points; returns the curves that changed."""
        return self.histories.add(request, history)

    def scanned(self, name: str) -> None:
        """Note that a source has been read whole."""
        self.sources[name].state = SourceState.READY

    def lost(self, name: str, error: TuiRunsError) -> None:
        """Note that a source cannot be read any more; what is known of it stays."""
        opened = self.sources[name]
        opened.state = SourceState.STALE
        opened.trouble = Problem(opened.source.uri, error.message, error.remedy)

    def read_all(self) -> None:
        """Read every source whole, in this thread: for commands without a screen.

        Raises:
            SourceLostError: a source went away meanwhile.
        """
        for name, opened in self.sources.items():
            for batch in opened.batches():
                self.apply_batch(name, batch)
            self.scanned(name)

    def read_history(self, series: Sequence[SeriesKey]) -> None:
        """Fetch the points of these curves, in this thread: for commands without a screen.

        Raises:
            SourceLostError: a source went away meanwhile.
        """
        while requests := self.histories.wanted(series):
            for request in requests:
                source = self.sources[request.source].source
                self.apply_history(request, source.history(request.run_ids, request.metrics, request.cursor))

    @property
    def problems(self) -> list[tuple[str, Problem]]:
        """Everything that could not be read, as (source name, problem)."""
        return [
            (opened.name, problem)
            for opened in self.sources.values()
            for problem in ([opened.trouble] if opened.trouble else []) + list(opened.problems.values())
        ]

    @property
    def updated(self) -> datetime | None:
        """When any source last said anything."""
        return max((opened.updated for opened in self.sources.values() if opened.updated), default=None)

    def close(self) -> None:
        """Close every source."""
        for opened in self.sources.values():
            opened.source.close()
