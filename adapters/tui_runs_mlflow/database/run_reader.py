"""Reads runs of a tracking database whole, some at a time, into the frames of a `RunBatch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import polars as pl

from tui_runs.adapter import RunBatch, SeriesId
from tui_runs.schema import METRICS, PARAMS, RUNS, STATUS, conform, empty
from tui_runs_mlflow.database.connection import Database
from tui_runs_mlflow.database.extremes import Extremes, frame_of, merge_into
from tui_runs_mlflow.database.points import row_beyond, sizes
from tui_runs_mlflow.database.queries import EXTREMES, RECORDS, Queries, Statement
from tui_runs_mlflow.metric_lines import time_of
from tui_runs_mlflow.run_frame import FACTS, STATUSES, runs_frame

_LARGEST: Final = 1.7976931348623157e308
"""What MLflow stores for infinity."""
_POINTS_AT_ONCE: Final = 15_000
"""Points that one statement goes through in SQLite: 50 ms, during which nobody can write."""
_RUNS_NAMED: Final = 900
"""Runs that one statement may name: SQLite before 3.32 knows 999 parameters."""
_RUNS_AT_ONCE: Final = 100
"""Runs that one statement goes through elsewhere."""
_TEXTS: Final = pl.List(pl.String)
_STATUS: Final = list(RECORDS).index("status")
_NONE: Final = empty(METRICS)
_NO_RUNS: Final = empty(RUNS)
_NO_TEXTS: Final = empty(PARAMS)


class Look(NamedTuple):
    """How a run looked when it was read, to tell later whether it changed.

    Args:
        running: its status was running.
        digest: of all that is shown of it but its metrics.
        newest: of its metrics' newest points; 0 in SQLite, which tells by itself what was added.
    """

    running: bool
    digest: int
    newest: int


class RunReader:
    """Reads runs by their ids.

    Args:
        database: where they are.
        queries: which of them are shown, and how to ask.
    """

    def __init__(self, database: Database, queries: Queries) -> None:
        self._database, self.queries = database, queries

    def ask(self, statement: Statement) -> pl.DataFrame:
        """The rows of a statement.

        Raises:
            SourceLostError: the database cannot be read any more, or not now.
        """
        return self._database.frame(*statement)

    def ask_of(self, statement: Callable[[Sequence[str]], Statement], run_ids: Sequence[str]) -> pl.DataFrame:
        """The rows of a statement that names runs, whatever their number.

        Raises:
            SourceLostError: as `ask`.
        """
        if len(run_ids) <= _RUNS_NAMED:
            return self.ask(statement(run_ids))
        blocks = [run_ids[start : start + _RUNS_NAMED] for start in range(0, len(run_ids), _RUNS_NAMED)]
        return pl.concat([self.ask(statement(block)) for block in blocks])

    def read(
        self, run_ids: Sequence[str], *, total: int | None = None, exact: bool = False
    ) -> tuple[RunBatch, dict[str, Look]]:
        """Read some hundred runs, each whole.

        Args:
            run_ids: which, in the order wanted; those that are not shown, or gone, are left out.
            total: how many there are in all.
            exact: read the extremes of their metrics too, from the whole histories.

        Returns:
            The batch, and how each of its runs looks.
        """
        records = pl.DataFrame({"run_id": run_ids}, schema={"run_id": pl.String}).join(
            self.ask_of(self.queries.records, run_ids), on="run_id", maintain_order="left"
        )
        shown = records["run_id"].to_list()
        params = self._texts(self.ask_of(self.queries.params, shown))
        packed = self.ask_of(self.queries.tags, shown)
        tags = self._texts(packed)
        metrics = self.exact_metrics(shown) if exact else self.metrics(shown)
        runs = runs_frame(records.with_columns(_status()).select(list(FACTS)), tags, metrics)
        if self.queries.dialect == "sqlite":
            looks = _looks(records, packed)
        else:
            looks = _looks(records, packed, dict(params.group_by("run_id").len().iter_rows()), metrics)
        return RunBatch(runs, params, tags, metrics, total=total), looks

    def looks(self, run_ids: Sequence[str]) -> dict[str, Look]:
        """How these runs look now; those that are not shown, or gone, are left out."""
        records, tags = self.ask_of(self.queries.records, run_ids), self.ask_of(self.queries.tags, run_ids)
        if self.queries.dialect == "sqlite":
            return _looks(records, tags)
        counts = dict(self.ask_of(self.queries.param_counts, run_ids).iter_rows())
        return _looks(records, tags, counts, self.metrics(run_ids))

    def _texts(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Params or tags (schema PARAMS), from what their statement gives."""
        if self.queries.dialect == "sqlite":
            frame = frame.with_columns(pl.col("key", "value").str.json_decode(_TEXTS)).explode("key", "value")
        if any(column.null_count() for column in frame.get_columns()):  # what is stored there is no text
            frame = frame.drop_nulls(["run_id", "key"]).with_columns(pl.col("value").fill_null(""))
        return frame

    # --- metrics ----------------------------------------------------------------------------------------------------

    def metrics(self, run_ids: Sequence[str]) -> pl.DataFrame:
        """The newest point of every metric of these runs (schema METRICS), not exact."""
        return conform(self._latest(run_ids).with_columns(pl.lit(value=False).alias("exact")), METRICS)

    def exact_metrics(self, run_ids: Sequence[str], extremes: pl.DataFrame | None = None) -> pl.DataFrame:
        """All that is known of metrics of these runs (schema METRICS), from their whole histories.

        Args:
            run_ids: whose.
            extremes: schema EXTREMES, of the metrics wanted; None to read all metrics of these runs.
        """
        how: Literal["inner", "left"] = "inner"
        if extremes is None:  # a metric without any point is still one of the run's
            how, extremes = "left", self.extremes(run_ids)
        frame = self._latest(run_ids).join(extremes, on=["run_id", "key"], how=how, maintain_order="left")
        return conform(
            frame.with_columns(number_of("min"), number_of("max"), pl.lit(value=True).alias("exact")), METRICS
        )

    def extremes(
        self, run_ids: Sequence[str], keys: Sequence[str] | None = None, until: int | None = None
    ) -> pl.DataFrame:
        """Schema EXTREMES of metrics of these runs, in statements none of which takes long.

        Args:
            run_ids: whose.
            keys: which metrics; None for all.
            until: in SQLite, only points whose rowid is not greater.
        """
        if self.queries.dialect != "sqlite":
            blocks = [run_ids[i : i + _RUNS_AT_ONCE] for i in range(0, len(run_ids), _RUNS_AT_ONCE)]
            frames = [self.ask(self.queries.extremes(block, keys)) for block in blocks]
            return pl.concat([empty(EXTREMES), *frames])
        frames = [empty(EXTREMES)]
        block: list[str] = []
        points = 0
        for run_id, size in self.ask_of(sizes, run_ids).iter_rows():
            if size > _POINTS_AT_ONCE:
                frames.append(self._extremes_in_pages(run_id, keys, until))
                continue
            if points + size > _POINTS_AT_ONCE or len(block) == _RUNS_NAMED:
                frames.append(self.ask(self.queries.extremes(block, keys, until=until)))
                block, points = [], 0
            block.append(run_id)
            points += size
        if block:
            frames.append(self.ask(self.queries.extremes(block, keys, until=until)))
        return pl.concat(frames)

    def _extremes_in_pages(self, run_id: str, keys: Sequence[str] | None, until: int | None) -> pl.DataFrame:
        merged: dict[SeriesId, Extremes] = {}
        after: int | None = 0
        while after is not None:
            end = self.ask(row_beyond(run_id, after, _POINTS_AT_ONCE))["rowid"].to_list()
            last = end[0] if end and (until is None or end[0] < until) else until
            merge_into(merged, self.ask(self.queries.extremes([run_id], keys, after=after, until=last)))
            after = last if last != until else None
        return frame_of(merged)

    def _latest(self, run_ids: Sequence[str]) -> pl.DataFrame:
        frame = self.ask_of(self.queries.latest, run_ids).drop_nulls(["run_id", "key"])
        if "latest_metrics" not in self.queries.columns:
            frame = frame.unique(["run_id", "key"], keep="last", maintain_order=True)
        return frame.with_columns(number_of("last"), time_of(pl.col("last_ms")).alias("last_time"))


def metrics_only(metrics: pl.DataFrame) -> RunBatch:
    """A batch of metrics alone, of runs sent earlier."""
    return RunBatch(_NO_RUNS, _NO_TEXTS, _NO_TEXTS, metrics)


def number_of(column: str) -> pl.Expr:
    """A number as it was logged, from what MLflow stores: null, that is NaN, and the largest, the infinities."""
    value = pl.col(column)
    infinity = pl.when(value >= _LARGEST).then(float("inf")).when(value <= -_LARGEST).then(float("-inf"))
    return infinity.otherwise(value).fill_null(float("nan")).alias(column)


def _looks(
    records: pl.DataFrame, tags: pl.DataFrame, params: Mapping[str, int] | None = None, metrics: pl.DataFrame = _NONE
) -> dict[str, Look]:
    """How runs look, from their records (schema RECORDS), tags as read, numbers of params, and metrics.

    In SQLite the last two are left out: it tells by itself of new params and points.
    """
    digests, params = _digests(tags), params or {}
    newest = _digests(metrics.select("run_id", "key", pl.col("last").cast(pl.String), "last_step", "last_time"))
    return {
        record[0]: Look(
            record[_STATUS] == "RUNNING",
            hash((record, digests.get(record[0]), params.get(record[0]))),
            newest.get(record[0], 0),
        )
        for record in records.iter_rows()
    }


def _digests(frame: pl.DataFrame) -> dict[str, int]:
    """One number a run for its rows of a frame whose first column is run_id, whatever their order."""
    digests: dict[str, int] = {}
    for run_id, *values in frame.iter_rows():
        digests[run_id] = digests.get(run_id, 0) ^ hash(tuple(values))
    return digests


def _status() -> pl.Expr:
    words: Mapping[str, str] = {**STATUSES, "DELETED": "deleted"}
    return pl.col("status").replace_strict(words, default="unknown", return_dtype=STATUS)
