"""`tui-runs tail`: the points of runs as they are logged, and how the runs end.

Everything that was logged comes once: the stores are read, then followed from where the reading began, and whenever
something happens to a run its points are read on from where the last reading ended.
"""

from __future__ import annotations

import os
import queue
import select
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from tui_runs.adapter import Change, Cursor, Focus, Source
from tui_runs.display import iso, moment, number, printable
from tui_runs.errors import SourceLostError, TuiRunsError
from tui_runs.export.json_rows import rows_as_json
from tui_runs.export.json_text import json_lines
from tui_runs.export.text_table import styled
from tui_runs.frames.catalog import RunKey
from tui_runs.frames.following import again_when_lost
from tui_runs.frames.workspace import Workspace
from tui_runs.headless.narration import say
from tui_runs.headless.output import Output, ReaderGoneError, open_output
from tui_runs.headless.run_table import STATUS_STYLES, status_cell
from tui_runs.headless.runs import names_apart, run_named
from tui_runs.headless.stores import Stores

_POINTS: Final = {"run_id": "run_id", "metric": "key", "step": "step", "time": "time", "value": "value"}
"""What a JSON line of a point holds, and what HISTORY calls it."""
_ENDED: Final = ("finished", "failed", "killed", "deleted")
_FIRST_LINES: Final = 10
"""Lines for people that are written of what was logged before; programs get all of it."""
_FIRST_POINTS: Final = 100
"""Points of a metric that are kept for them of each stretch that is read: a step may have been logged several times."""
_NEWS_LIMIT: Final = 64
"""Changes that wait while writing is held up, as by ctrl+s; more of them wait in the stores."""
_LOOK_SECONDS: Final = 0.5
"""How often to look whether anybody still reads what is written."""


@dataclass(frozen=True, slots=True)
class TailWish:
    """What somebody wants to see.

    Args:
        run: an id, the beginning of one, or a name; None for every run that is running or begins, or else the latest.
        metrics: their names; none means all.
        every: seconds between two writings, each with the newest value of each metric; 0 writes every point at once.
        until_done: end when no run that is followed goes on.
        as_json: one JSON object a line, for programs.
        poll: seconds between two looks at files; None waits for events.
    """

    run: str | None = None
    metrics: tuple[str, ...] = ()
    every: float = 0.0
    until_done: bool = False
    as_json: bool = False
    poll: float | None = None


def is_source(text: str) -> bool:
    """Whether a lone argument names a store, and not a run."""
    return "://" in text or text.startswith((".", "~", "/")) or os.path.exists(text)


def tail_runs(stores: Stores, wish: TailWish) -> int:
    """Write points until the runs have ended, where that is wished, or until nobody reads them any more.

    Returns:
        0 where every run that was followed finished, else 1.

    Raises:
        UnknownRunError: no run fits, or several.
        TuiRunsError: a store cannot be read.
    """
    with stores.read() as workspace, open_output() as output:
        return _Tail(workspace, wish, output).follow()


class _Follower(threading.Thread):
    """Puts what happens in a source into a queue: changes, what it cannot be read for, and None at its end."""

    def __init__(self, name: str, source: Source, focus: Focus, news: queue.Queue[_News]) -> None:
        super().__init__(name=f"tui-runs-{name}", daemon=True)
        self._source_name, self._source, self._focus, self._news = name, source, focus, news

    def run(self) -> None:
        """Follow, and begin again when the source was lost."""
        never = threading.Event()  # a daemon: nobody waits for it
        try:
            for change in again_when_lost(lambda: self._source.follow(self._focus), never, self._put):
                self._put(change)
            self._put(None)
        except Exception as error:  # an adapter may fail in any way
            self._put(error)

    def _put(self, what: Change | Exception | None) -> None:
        self._news.put((self._source_name, what))


_News = tuple[str, Change | Exception | None]


class _Tail:
    """Follows the sources of a workspace, which belongs to this thread alone."""

    def __init__(self, workspace: Workspace, wish: TailWish, output: Output) -> None:
        self._workspace, self._wish, self._output = workspace, wish, output
        self._runs: dict[RunKey, str] = {}
        """The runs followed, and what was last said of their status."""
        self._cursors: dict[RunKey, Cursor] = {}
        self._waiting: list[pl.DataFrame] = []
        """Points that are to be written: frames of the schema HISTORY, and `source`."""
        self._written = -float("inf")
        self._focus = {name: Focus(poll_seconds=wish.poll) for name in workspace.sources}
        self._news: queue.Queue[_News] = queue.Queue(_NEWS_LIMIT)
        self._going_on = set(workspace.sources)

    def follow(self) -> int:
        """Write what there is, and then what comes; returns the exit code."""
        self._choose()
        self._read(self._runs, first=True)
        followers = [
            _Follower(name, opened.source, self._focus[name], self._news)
            for name, opened in self._workspace.sources.items()
        ]
        if not self._done():
            for follower in followers:
                follower.start()
        while not self._done():
            touched = self._take_news()
            self._read([run for run in touched if run in self._runs])
            if self._waiting and time.monotonic() - self._written >= self._wish.every:
                self._write_points()
            if _reader_is_gone(self._output):
                raise ReaderGoneError
        self._write_points()
        return 0 if all(status == "finished" for status in self._runs.values()) else 1

    def _done(self) -> bool:
        if not self._going_on:
            return True
        ended = bool(self._runs) and all(status in _ENDED for status in self._runs.values())
        return self._wish.until_done and ended

    # --- which runs -----------------------------------------------------------------------------------------------

    def _choose(self) -> None:
        """The runs to begin with."""
        runs = self._workspace.catalog.runs
        if self._wish.run is not None:
            self._add(run_named(self._workspace.catalog, self._wish.run))
        else:
            chosen = runs.filter(pl.col("status") == "running")
            if chosen.is_empty():
                chosen = runs.sort("started", descending=True, nulls_last=True).head(1)
            for row in chosen.select("source", "run_id").iter_rows():
                self._add(RunKey(*row))
        names = self._workspace.catalog.names(self._runs)
        say(f"Following {', '.join(names.values())}." if names else "There is no run yet; waiting for one.")

    def _add(self, run: RunKey) -> None:
        self._runs[run] = "running"
        focus = self._focus[run.source]
        focus.run_ids = focus.run_ids | {run.run_id}

    def _status(self, run: RunKey) -> str:
        if run not in self._workspace.catalog:
            return "deleted"
        return str(self._workspace.catalog.run(run)["status"] or "unknown")

    # --- what happens ---------------------------------------------------------------------------------------------

    def _take_news(self) -> set[RunKey]:
        """Wait for something to happen, but not long; gives the runs that it happened to."""
        touched: set[RunKey] = set()
        wait = _LOOK_SECONDS
        if self._waiting:
            wait = min(wait, max(0.0, self._written + self._wish.every - time.monotonic()))
        try:
            news = [self._news.get(timeout=wait)]
            # No more than wait now: whoever makes them goes on meanwhile.
            news += [self._news.get_nowait() for _ in range(self._news.qsize())]
        except queue.Empty:
            return touched
        for name, what in news:
            if isinstance(what, Change):
                touched |= self._take_change(name, what)
            elif what is None:
                self._going_on.discard(name)
            elif isinstance(what, TuiRunsError):
                say(f"{what.message} {what.remedy}".strip())
            else:
                raise what
        return touched

    def _take_change(self, name: str, change: Change) -> set[RunKey]:
        catalog = self._workspace.catalog
        self._workspace.apply_change(name, change)
        run_ids = set(change.removed)
        if change.batch is not None:
            run_ids.update(change.batch.runs["run_id"], change.batch.metrics["run_id"])
        touched = {RunKey(name, run_id) for run_id in run_ids}
        if self._wish.run is None:
            for run in touched - self._runs.keys():
                if run in catalog and self._status(run) == "running":
                    self._add(run)
                    say(f"Following {catalog.names([run])[run]} as well.")
        return touched

    def _read(self, runs: Iterable[RunKey], *, first: bool = False) -> None:
        """Read the points of some runs that were not read yet, and then say how the runs are."""
        runs = list(runs)
        for run in runs:
            if run in self._workspace.catalog:
                self._read_points(run, first=first)
        if self._waiting and first:
            self._write_points(None if self._wish.as_json else _FIRST_LINES)
        elif not self._wish.every:
            self._write_points()
        for run in runs:
            status = self._status(run)
            if status != self._runs[run]:
                self._write_points()
                self._runs[run] = status
                self._write_status(run, status)

    def _read_points(self, run: RunKey, *, first: bool) -> None:
        known = self._workspace.catalog.keys("metrics")
        metrics = [name if name in known else name.removeprefix("metrics.") for name in self._wish.metrics] or None
        source, complete = self._workspace.sources[run.source].source, False
        while not complete:
            try:
                history = source.history([run.run_id], metrics, self._cursors.get(run))
            except SourceLostError:
                return  # whoever follows it says so
            self._cursors[run], complete = history.cursor, history.complete
            if history.restarted:
                say("Rewritten, so that points come again: " + ", ".join(sorted(key for _, key in history.restarted)))
            if not history.frame.is_empty():
                self._keep(history.frame.with_columns(pl.lit(run.source).alias("source")), first=first)
                if self._wish.as_json and not self._wish.every:
                    self._write_points()

    def _keep(self, points: pl.DataFrame, *, first: bool) -> None:
        """Let points wait to be written; of a long history no more than will be."""
        if self._wish.every:
            points = pl.concat([*self._waiting, points])
            self._waiting = [points.unique(["source", "run_id", "key"], keep="last", maintain_order=True)]
            return
        if first and not self._wish.as_json:
            after = pl.int_range(pl.len(), 0, -1).over("run_id", "key")
            points = _in_order(points).filter(after <= _FIRST_POINTS)
        self._waiting.append(points)

    # --- what is written ------------------------------------------------------------------------------------------

    def _write_points(self, last: int | None = None) -> None:
        """Write the points that wait.

        Args:
            last: lines for people at most, the last ones.
        """
        if not self._waiting:
            return
        points, self._waiting = pl.concat(self._waiting), []
        self._written = time.monotonic()
        if self._wish.as_json:
            columns = {"source": "source", **_POINTS} if self._names_source else _POINTS
            named = points.select(pl.col(key).alias(name) for name, key in columns.items())
            self._output.write(json_lines(rows_as_json(named)))
        else:
            self._output.write_lines(self._lines(points, last))

    def _lines(self, points: pl.DataFrame, last: int | None) -> Iterator[str]:
        """A line for each step of a run, with the metrics that were logged at it."""
        steps = (
            _in_order(points)
            .group_by("source", "run_id", "step", maintain_order=True)
            .agg(pl.col("time").last(), pl.col("key"), pl.col("value"))
        )
        names = names_apart(self._workspace.catalog, list(self._runs))
        for source, run_id, step, when, keys, values in (steps if last is None else steps.tail(last)).iter_rows():
            parts = [self._muted(moment(when)[11:])] if when is not None else []
            if len(self._runs) > 1:
                parts.append(names[RunKey(source, run_id)])
            if step is not None:
                parts.append(f"{self._muted('step')} {step}")
            parts += [f"{self._muted(printable(key))} {number(value)}" for key, value in zip(keys, values, strict=True)]
            yield "  ".join(parts)

    def _write_status(self, run: RunKey, status: str) -> None:
        now = self._workspace.now()
        if self._wish.as_json:
            source = {"source": run.source} if self._names_source else {}
            self._output.write(json_lines([{**source, "run_id": run.run_id, "status": status, "time": iso(now)}]))
            return
        told = styled(status_cell(status), STATUS_STYLES.get(status, ""), self._output.colour)
        name = names_apart(self._workspace.catalog, list(self._runs))[run]
        self._output.write_lines([f"{self._muted(moment(now)[11:])}  {name}  {told}"])

    @property
    def _names_source(self) -> bool:
        """Whether a run's id does not say which run it is: it is unique within its source."""
        return len(self._workspace.sources) > 1

    def _muted(self, text: str) -> str:
        return styled(text, "muted", self._output.colour)


def _in_order(points: pl.DataFrame) -> pl.DataFrame:
    return points.sort("time", "step", nulls_last=True, maintain_order=True)


def _reader_is_gone(output: Output) -> bool:
    """Whether the other end of a pipe was closed, as by `head`: told without writing anything."""
    try:
        place = output.file.fileno()
        if not stat.S_ISFIFO(os.fstat(place).st_mode):
            return False
    except OSError:  # no file of the system's: a test's
        return False
    poll = select.poll()
    poll.register(place, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
