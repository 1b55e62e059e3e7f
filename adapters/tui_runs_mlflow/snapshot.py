"""The runs of a file store as they were once read, to be shown again without reading them.

A snapshot holds only runs that were read whole and without any problem. What it says of a run is true as long as
every file of the run has the stamp that it had; of its meta.yaml that is looked at before the run is shown, of the
others afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tui_runs.adapter import RunBatch
from tui_runs.display import encodable
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, Schema, empty
from tui_runs_mlflow.seen import KnownRun
from tui_runs_mlflow.stamps import digest_now, meta_stamp
from tui_runs_mlflow.store_layout import ExperimentDir

FILES: Final[Schema] = {
    "digest": pl.Binary,  # of the stamps of all files
    "meta_size": pl.Int64,
    "meta_mtime": pl.Int64,
    "meta_ctime": pl.Int64,
    "metrics_size": pl.Int64,
    "fingerprint": pl.Int64,
    "in_trash": pl.Boolean,  # the run's experiment is deleted
}
"""What is kept of a run beside what is shown of it; its directory is its `uri`."""

_RUN: Final = "run"


def _indexed(schema: Schema) -> Schema:
    """A schema with the run's row number in place of its id, which takes a tenth of the room."""
    return {_RUN: pl.UInt32, **{name: dtype for name, dtype in schema.items() if name != "run_id"}}


SCHEMAS: Final[Sequence[Schema]] = ({**RUNS, **FILES}, _indexed(PARAMS), _indexed(TAGS), _indexed(METRICS))
"""Of a snapshot's four frames."""


class Snapshot:
    """What was read of some runs. A row is a run's number in it.

    Args:
        runs: RUNS and FILES.
        params: PARAMS, with `run`, the row (UInt32), in place of the id; and so the next two.
        tags: TAGS.
        metrics: METRICS, exact all of them.
    """

    def __init__(self, runs: pl.DataFrame, params: pl.DataFrame, tags: pl.DataFrame, metrics: pl.DataFrame) -> None:
        self.frames = (runs, params, tags, metrics)
        self._directories: list[str] = runs["uri"].to_list()
        self._rows = {directory: row for row, directory in enumerate(self._directories)}
        self._digests: list[bytes] = runs["digest"].to_list()
        self._stamps: list[tuple[int, int, int]] = runs.select("meta_size", "meta_mtime", "meta_ctime").rows()
        self._experiments: list[tuple[str, bool]] = runs.select("experiment", "in_trash").rows()
        self._run_ids: list[str] = runs["run_id"].to_list()
        self._known: list[tuple[bool, int, int]] = runs.select(
            pl.col("status") == "running", "fingerprint", "metrics_size"
        ).rows()

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self._directories)

    def row(self, directory: str, experiment: ExperimentDir) -> int | None:
        """The row of a run whose meta.yaml, and whose experiment, are as they were."""
        row = self._rows.get(directory)
        if row is None or self._experiments[row] != (encodable(experiment.name), experiment.deleted):
            return None
        return row if meta_stamp(directory) == self._stamps[row] else None

    def run_id(self, row: int) -> str:
        """The id of a run."""
        return self._run_ids[row]

    def is_current(self, row: int) -> bool:
        """Whether all files of a run are as they were. Looks at each of them, for a third of what reading costs."""
        return digest_now(self._directories[row]) == self._digests[row]

    def known(self, row: int) -> KnownRun:
        """What is to be remembered of a run that is shown."""
        running, fingerprint, metrics_size = self._known[row]
        return KnownRun(self._run_ids[row], running, fingerprint, metrics_size, self._stamps[row], frozenset())

    def batch(self, rows: Sequence[int], *, exact: bool) -> RunBatch:
        """Some runs, in this order.

        Args:
            rows: which.
            exact: what is said of their metrics; False as long as it is not known whether they have grown.
        """
        runs, params, tags, _ = self.frames
        wanted = self._wanted(rows)
        return RunBatch(
            runs=runs.select(RUNS.keys())[rows],
            params=self._cut(params, wanted, PARAMS),
            tags=self._cut(tags, wanted, TAGS),
            metrics=self._metrics(wanted, exact=exact),
        )

    def metrics(self, rows: Sequence[int]) -> RunBatch:
        """The metrics alone of some runs that are as they were: exact."""
        return RunBatch(empty(RUNS), empty(PARAMS), empty(TAGS), self._metrics(self._wanted(rows), exact=True))

    def only(self, rows: Sequence[int]) -> list[pl.DataFrame]:
        """The frames of some runs, as long frames of their schemas: RUNS and FILES, PARAMS, TAGS, METRICS."""
        batch = self.batch(rows, exact=True)
        return [self.frames[0][rows], batch.params, batch.tags, batch.metrics]

    def _wanted(self, rows: Sequence[int]) -> pl.Series:
        return pl.zeros(len(self), dtype=pl.Boolean, eager=True).scatter(rows, True)

    def _metrics(self, wanted: pl.Series, *, exact: bool) -> pl.DataFrame:
        return self._cut(self.frames[3], wanted, METRICS).with_columns(exact=pl.lit(exact))

    def _cut(self, frame: pl.DataFrame, wanted: pl.Series, schema: Schema) -> pl.DataFrame:
        rows = frame.filter(wanted.gather(frame[_RUN]))
        return rows.with_columns(self.frames[0]["run_id"].gather(rows[_RUN])).select(schema.keys())


NOTHING: Final = Snapshot(*map(empty, SCHEMAS))
"""A snapshot without runs."""


def snapshot_of(frames: Sequence[pl.DataFrame]) -> Snapshot:
    """Make a snapshot of frames as `Snapshot.only` returns them; rows of runs that the first has not are left out."""
    runs = frames[0].rechunk()
    numbers = runs.select("run_id", pl.int_range(pl.len(), dtype=pl.UInt32).alias(_RUN))
    indexed = [
        frame.join(numbers, on="run_id", maintain_order="left").select(schema.keys()).rechunk()
        for frame, schema in zip(frames[1:], SCHEMAS[1:], strict=True)
    ]
    return Snapshot(runs, *indexed)
