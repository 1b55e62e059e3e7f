"""The runs of all sources: merges what sources say of them and gives frames of the columns asked for.

Params, tags and metrics are kept as they come, long and sorted by key, in chunks (see `tui_runs.frames.chunks`). A
column is cut out of each chunk by its key when it is asked for.

Every run has a row number. A run that is said anew gets a new number, so that whatever was known of the old one is
left behind without a search; a metric that is said anew keeps its run's number, and the latest chunk wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import polars as pl

from tui_runs.adapter import RunBatch
from tui_runs.analysis.columns import AGGREGATES, split_aggregate, with_aggregate
from tui_runs.frames.chunks import ROW, Chunks
from tui_runs.schema import METRICS, PARAMS, RUNS, conform, empty


class RunKey(NamedTuple):
    """A run among those of all sources."""

    source: str
    run_id: str


class Column(NamedTuple):
    """A column's name taken apart: `params.lr` is of kind params and has the key lr."""

    kind: str
    key: str

    @classmethod
    def of(cls, name: str) -> Column:
        """Take a name apart; a column of the runs themselves has the kind "run"."""
        kind, dot, key = name.partition(".")
        return cls(kind, key) if dot and kind in ("params", "metrics", "tags") else cls("run", name)


_HAS_POINTS: Final = pl.col("count").is_null() | (pl.col("count") > 0)
"""Of rows of METRICS; null: nobody has counted yet."""


class Catalog:
    """What is known of every run. Belongs to one thread; the frames it gives are immutable."""

    def __init__(self) -> None:
        self.runs_version = 0
        """Rises when runs come, change or go, and not when a metric grows."""
        self._rows: dict[RunKey, int] = {}
        self._next_row = 0
        self._run_chunks: list[pl.DataFrame] = []
        self._params = Chunks(PARAMS)
        self._tags = Chunks(PARAMS)
        self._metrics = Chunks(METRICS)
        self._runs: pl.DataFrame | None = None
        self._columns: dict[str, pl.Series] = {}
        """Columns cut out of the chunks lately, in the order of the runs."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: RunKey) -> bool:
        return key in self._rows

    def apply(self, source: str, batch: RunBatch) -> None:
        """Take in what a source says. See `RunBatch` for what replaces what.

        Args:
            source: the source's name; it becomes the `source` column.
            batch: its runs, and metrics of runs said before; metrics of unknown runs are ignored.
        """
        run_ids = batch.runs["run_id"].to_list()
        for run_id in run_ids:
            self._rows[RunKey(source, run_id)] = self._next_row
            self._next_row += 1
        if run_ids:
            first = self._next_row - len(run_ids)
            runs = conform(batch.runs, RUNS).with_columns(
                pl.lit(source).alias("source"),
                pl.int_range(first, self._next_row, dtype=pl.UInt32).alias(ROW),
            )
            self._run_chunks.append(runs)
        known = self._row_numbers(source, batch)
        self._params.add(batch.params, known)
        self._tags.add(batch.tags, known)
        self._metrics.add(batch.metrics, known)
        if run_ids:
            self._changed()
        elif not batch.metrics.is_empty():
            self._touch(batch.metrics, known)
            self._changed(batch.metrics["key"].unique())

    def _row_numbers(self, source: str, batch: RunBatch) -> pl.DataFrame:
        """Columns run_id and row, of the runs that a batch speaks of and that are known."""
        named = batch.runs["run_id"] if batch.runs.height else batch.metrics["run_id"].unique()
        if batch.runs.height and batch.metrics.height:
            named = pl.concat([named, batch.metrics["run_id"]]).unique()
        rows = [(run_id, self._rows.get(RunKey(source, run_id))) for run_id in named]
        return pl.DataFrame(rows, schema={"run_id": pl.String, ROW: pl.UInt32}, orient="row").drop_nulls()

    def _touch(self, metrics: pl.DataFrame, known: pl.DataFrame) -> None:
        """Move `updated` to the newest point of runs whose metrics grew."""
        newest = metrics.group_by("run_id").agg(pl.col("last_time").max()).join(known, on="run_id")
        newest = newest.select(ROW, pl.col("last_time").alias("newest"))
        frame = self._all_runs().join(newest, on=ROW, how="left", maintain_order="left")
        latest = pl.max_horizontal("updated", "newest").alias("updated")
        self._run_chunks = [frame.with_columns(latest).drop("newest")]

    def remove(self, source: str, run_ids: Iterable[str]) -> None:
        """Forget runs; those that are not known are ignored."""
        gone = [self._rows.pop(RunKey(source, run_id), None) for run_id in run_ids]
        if any(row is not None for row in gone):
            self._changed()

    def _changed(self, metrics: Iterable[str] | None = None) -> None:
        """Drop what was worked out of an older state.

        Args:
            metrics: the keys that changed where only metrics did; None where runs did.
        """
        self._runs = None
        if metrics is None:
            self.runs_version += 1
            self._columns = {}
        else:
            for key in metrics:
                for aggregate in AGGREGATES:
                    self._columns.pop(with_aggregate(aggregate, f"metrics.{key}"), None)
        for chunks in (self._params, self._tags, self._metrics):
            if chunks.crowded:
                chunks.merge(self._live_rows())

    def _live_rows(self) -> pl.Series:
        return pl.Series(ROW, list(self._rows.values()), dtype=pl.UInt32)

    def _all_runs(self) -> pl.DataFrame:
        if self._runs is None:
            frame = pl.concat(self._run_chunks) if self._run_chunks else empty({**RUNS, ROW: pl.UInt32})
            if frame.height != len(self._rows):
                frame = frame.join(self._live_rows().to_frame(), on=ROW, how="semi", maintain_order="left")
            self._runs = frame.rechunk()
            self._run_chunks = [self._runs]
        return self._runs

    @property
    def runs(self) -> pl.DataFrame:
        """Every run, schema RUNS, in the order in which they were first said."""
        return self._all_runs().drop(ROW)

    def run(self, run: RunKey) -> dict[str, object]:
        """What is known of one run: the columns of RUNS.

        Raises:
            KeyError: there is no such run.
        """
        row = self._all_runs().filter(pl.col(ROW) == self._rows[run]).drop(ROW)
        return row.row(0, named=True)

    def names(self, runs: Iterable[RunKey]) -> dict[RunKey, str]:
        """What to call some runs: the name, or else the id."""
        rows = {self._rows[run]: run for run in runs if run in self._rows}
        frame = self._all_runs().filter(pl.col(ROW).is_in(list(rows))).select(ROW, "name", "run_id")
        return {rows[row]: name or run_id for row, name, run_id in frame.iter_rows()}

    def count(self, status: str) -> int:
        """How many runs have this status."""
        return int((self._all_runs()["status"] == status).sum())

    def count_by_source(self) -> dict[str, int]:
        """How many runs each source has."""
        return dict(self._all_runs()["source"].value_counts().iter_rows())

    def keys(self, kind: str) -> list[str]:
        """The keys of a kind ("params", "metrics", "tags"), in natural reading order."""
        return sorted(self._of(kind).keys(), key=_reading_order)

    def wide(self, columns: Sequence[str]) -> pl.DataFrame:
        """One row a run: `source`, `run_id` and the columns asked for.

        Args:
            columns: names of RUNS columns, or `params.<key>`, `tags.<key>` (String) and `metrics.<key>` (Float64, the
                last value) or `min(metrics.<key>)` and the like, see `analysis.columns.AGGREGATES`; an unknown one
                is all null.
        """
        runs = self._all_runs()
        names = dict.fromkeys(["source", "run_id", *columns])
        return pl.DataFrame([runs[name] if name in RUNS else self._column(name, runs) for name in names])

    def _column(self, name: str, runs: pl.DataFrame) -> pl.Series:
        """A column that is not of the runs themselves, in their order."""
        if name not in self._columns:
            aggregate, column = split_aggregate(name)
            kind, key = Column.of(column)
            if kind == "run":
                return pl.Series(name, [None] * runs.height, dtype=pl.String)
            value = aggregate if kind == "metrics" else "value"
            values = self._of(kind).column(key).select(ROW, pl.col(value).alias(name))
            self._columns[name] = runs.select(ROW).join(values, on=ROW, how="left", maintain_order="left")[name]
        return self._columns[name]

    def texts_of(self, kind: str, run: RunKey) -> pl.DataFrame:
        """The params or tags of one run: columns key and value, in reading order of the keys."""
        return self._of_run(kind, run).select("key", "value")

    def metrics_of(self, run: RunKey) -> pl.DataFrame:
        """The metrics of one run: the columns of METRICS without run_id, in reading order of the keys."""
        return self._of_run("metrics", run).select(name for name in METRICS if name != "run_id")

    def curves_of(self, run: RunKey) -> list[str]:
        """The metrics of which a run has points, as far as is known, in no order."""
        return self._metrics.of_rows(self._numbers_of([run])).filter(_HAS_POINTS)["key"].to_list()

    def has_curves(self, metric: str) -> bool:
        """Whether some run has points of a metric, as far as is known: a summary may give a last value alone."""
        return bool(self._metrics.column(metric).select(_HAS_POINTS.any()).item())

    def _numbers_of(self, runs: Iterable[RunKey]) -> pl.Series:
        return pl.Series(ROW, [self._rows[run] for run in runs if run in self._rows], dtype=pl.UInt32)

    def values_of(self, kind: str, runs: Sequence[RunKey]) -> dict[RunKey, dict[str, str | float]]:
        """The params, the tags, or the last values of the metrics of some runs: by run, values by key, none missing.

        Args:
            kind: "params", "tags" or "metrics".
            runs: which; those that are not known have none.
        """
        value = "last" if kind == "metrics" else "value"
        found: dict[RunKey, dict[str, str | float]] = {run: {} for run in runs}
        of_row = {self._rows[run]: found[run] for run in runs if run in self._rows}
        frame = self._of(kind).of_rows(self._numbers_of(runs)).select(ROW, "key", value).drop_nulls()
        for row, key, one in frame.iter_rows():
            of_row[row][key] = one
        return found

    def metrics_of_runs(self, runs: Sequence[RunKey]) -> pl.DataFrame:
        """The metrics of some runs: `run` (UInt32), the run's place among `runs`, and METRICS without run_id."""
        places = [(self._rows[run], place) for place, run in enumerate(runs) if run in self._rows]
        of_row = pl.DataFrame(places, schema={ROW: pl.UInt32, "run": pl.UInt32}, orient="row")
        return self._metrics.of_rows(of_row[ROW]).join(of_row, on=ROW).drop(ROW)

    def _of_run(self, kind: str, run: RunKey) -> pl.DataFrame:
        frame = self._of(kind).of_rows(self._numbers_of([run]))
        keys = frame["key"].to_list()
        return frame[sorted(range(len(keys)), key=lambda i: _reading_order(keys[i]))]

    def containing(self, text: str) -> pl.DataFrame:
        """The runs of which a param, a tag or a text column contains `text`, upper or lower case: source, run_id."""
        needle = text.lower()
        frame = self._all_runs()
        shown = [name for name, dtype in RUNS.items() if dtype == pl.String and name not in ("source", "uri")]
        hits = pl.any_horizontal(
            pl.col(name).cast(pl.String).str.to_lowercase().str.contains(needle, literal=True).fill_null(value=False)
            for name in [*shown, "status"]
        )
        inside = pl.concat([self._params.containing(needle), self._tags.containing(needle)]).unique()
        return frame.filter(hits | pl.col(ROW).is_in(inside.implode())).select("source", "run_id")

    def _of(self, kind: str) -> Chunks:
        return {"params": self._params, "tags": self._tags, "metrics": self._metrics}[kind]


def _reading_order(key: str) -> tuple[str, str]:
    return key.lower(), key
