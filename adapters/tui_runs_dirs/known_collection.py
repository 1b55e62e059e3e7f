"""A collection as it is known: a file that holds several runs, read whole whenever it changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf
from time import time as now

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import DETAILS, HISTORY, METRICS, PARAMS, RUNS, TAGS, empty
from tui_runs_dirs.files import unreadable
from tui_runs_dirs.layout import Collection, Stamp
from tui_runs_dirs.run_batches import TOOL_TAG

_NOTHING = RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), empty(METRICS))


class KnownCollection:
    """What a collection said when it was read last.

    Args:
        collection: what reads it.
        place: its path from the source's root, put before its run ids.
        tool: what wrote it, for a person.
        stale_after: seconds without a write after which a run does not run any more.

    Attributes:
        batch: its runs, with the source's run ids.
        history: schema HISTORY, likewise.
        details: schema DETAILS, likewise.
        generations: by run id, how often points of it that were given out turned out not to hold any more.
        problem: why it could not be read; None where it could.
    """

    def __init__(self, collection: Collection, place: str, tool: str, stale_after: float) -> None:
        self.collection, self.place, self.tool, self._stale_after = collection, place, tool, stale_after
        self.lock = threading.RLock()
        self.batch, self.history, self.details = _NOTHING, empty(HISTORY), empty(DETAILS)
        self.generations: dict[str, int] = {}
        self.problem: Problem | None = None
        self._stamp: Stamp | None = None
        self._ages_at = inf

    @property
    def has_news(self) -> bool:
        """It was written since it was read, or a run of it has not been written for long."""
        return now() > self._ages_at or self._stamp != self.collection.stamp()

    def refresh(self) -> bool:
        """Read it if there is news; whether there was."""
        with self.lock:
            if not self.has_news:
                return False
            self._stamp, self._ages_at = self.collection.stamp(), inf
            try:
                reading = self.collection.read()
            except FileNotFoundError:
                self.batch, self.history, self.details, self.problem = _NOTHING, empty(HISTORY), empty(DETAILS), None
                return True
            except OSError as error:  # what was read before stays; it may be locked for a moment only
                self.problem, self._stamp = unreadable(self.collection.path, error), None
                return True
            self.problem = None
            history = self._named(reading.history)
            self._compare(history)
            self.history, self.details = history, self._named(reading.details)
            batch = reading.batch
            runs = self._with_statuses(self._named(batch.runs), "stale" if reading.tells_ends else "finished")
            runs = runs.with_columns(
                (pl.lit(f"{self.place}/") + pl.col("parent_id")).alias("parent_id"),
                pl.col("uri").fill_null(encodable(self.collection.path)),
            )
            tags = self._named(batch.tags)
            tools = runs.select("run_id", key=pl.lit(TOOL_TAG), value=pl.lit(self.tool))
            tagged = tags.filter(pl.col("key") == TOOL_TAG)["run_id"]
            tags = pl.concat([tags, tools.filter(~pl.col("run_id").is_in(tagged.implode()))])
            self.batch = RunBatch(runs, self._named(batch.params), tags, self._named(batch.metrics), batch.problems)
            return True

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be read."""
        return [self.problem] if self.problem is not None else list(self.batch.problems)

    def points(self, run_id: str, key: str, rows: int) -> pl.DataFrame:
        """The points of a series after so many."""
        return self.history.filter((pl.col("run_id") == run_id) & (pl.col("key") == key))[rows:]

    def _with_statuses(self, runs: pl.DataFrame, otherwise: str) -> pl.DataFrame:
        """Those said to be running tell by the age of their last write; the next time that one is too old is noted."""
        limit = datetime.fromtimestamp(now() - self._stale_after, UTC)
        is_live = pl.col("updated") >= limit
        aged = pl.when(is_live).then(pl.lit("running")).when(is_live.is_null()).then(pl.lit("unknown"))
        told = pl.when(pl.col("status") == "running").then(aged.otherwise(pl.lit(otherwise)))
        status = told.otherwise(pl.col("status").cast(pl.String)).cast(RUNS["status"])
        ended = pl.when(status == "finished").then(pl.coalesce("ended", "updated")).otherwise(pl.col("ended"))
        runs = runs.with_columns(status.alias("status"), ended.alias("ended"))
        oldest = runs.filter(pl.col("status") == "running")["updated"].min()
        self._ages_at = oldest.timestamp() + self._stale_after if isinstance(oldest, datetime) else inf
        return runs

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns((pl.lit(f"{self.place}/") + pl.col("run_id")).alias("run_id"))

    def _compare(self, history: pl.DataFrame) -> None:
        """See in which runs points that were there before are not there any more."""
        numbered = pl.int_range(pl.len()).over("run_id", "key").alias("n")
        before, now = self.history.with_columns(numbered), history.with_columns(numbered)
        on = ["run_id", "key", "n", "step", "time", "value"]
        for run_id in before.join(now, on=on, how="anti", nulls_equal=True)["run_id"].unique():
            self.generations[run_id] = self.generations.get(run_id, 0) + 1
