"""Gathers what a scan reads of a file store, for the snapshot from which it is shown the next time."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tui_runs.adapter import Problem, RunBatch
from tui_runs.display import encodable
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, empty
from tui_runs_mlflow.run_batches import RunRead
from tui_runs_mlflow.seen import KnownRun
from tui_runs_mlflow.snapshot import FILES, Snapshot, snapshot_of

_SETTLED_NS: Final = 3 * 10**9
"""Files that changed so shortly before the scan are not kept: a file system that counts in ticks, or in seconds or
two, would give the same times to what is written next."""
_MANY_FILES: Final = 5000
_MANY_BYTES: Final = 64 << 20
"""Of files or bytes of metrics: with fewer, reading takes less than 0.2 s, and a snapshot gains nothing."""


class Keeper:
    """Takes in what is shown of a store, whole.

    Args:
        before: the snapshot of the last time; perhaps empty.
        known: what is said of each run, by directory.
    """

    def __init__(self, before: Snapshot, known: Mapping[str, KnownRun]) -> None:
        self._before, self._known = before, known
        self._begun = time.time_ns()
        self._files: dict[str, tuple[object, ...]] = {}
        self._batches: list[RunBatch] = []
        self._rows: list[int] = []
        self._troubled: set[str] = set()
        self._read_files = self._read_bytes = 0

    def current(self, rows: Sequence[int]) -> None:
        """These runs of the snapshot are as they were."""
        self._rows += rows

    def read(self, runs: Sequence[RunRead], batch: RunBatch) -> None:
        """These runs were read, and this batch made of them."""
        self._trouble(batch.problems)
        for run in runs:
            stamps = run.stamps
            if run.meta is None or stamps is None or run.problems or not stamps.settled(self._begun - _SETTLED_NS):
                continue
            digest = stamps.digest()
            if digest is None or encodable(run.directory) != run.directory:
                continue  # no frame can hold its path
            known = self._known[run.directory]
            self._files[run.meta.run_id] = (
                run.meta.run_id, digest, *known.stamp, known.metrics_size, known.fingerprint, run.experiment.deleted,
            )  # fmt: skip
            self._read_files += len(stamps)
            self._read_bytes += known.metrics_size
        self._batches.append(batch)

    def summarised(self, batch: RunBatch) -> None:
        """The metrics of long files were read whole."""
        self._trouble(batch.problems)
        self._batches.append(batch)

    def _trouble(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            path = problem.uri
            while path not in self._troubled and path != os.path.dirname(path):
                self._troubled.add(path)
                path = os.path.dirname(path)

    def snapshot(self) -> Snapshot | None:
        """What is to be kept; None where that is what is kept already, or too little to be worth it."""
        if not len(self._before) and self._read_files < _MANY_FILES and self._read_bytes < _MANY_BYTES:
            return None
        batches = self._batches
        metrics = pl.concat([empty(METRICS), *(batch.metrics for batch in batches)])
        metrics = metrics.unique(["run_id", "key"], keep="last", maintain_order=True)
        files = pl.DataFrame(list(self._files.values()), {"run_id": pl.String, **FILES}, orient="row")
        runs = (
            pl.concat([empty(RUNS), *(batch.runs for batch in batches)])
            .join(files, on="run_id", maintain_order="left")
            .join(metrics.filter(~pl.col("exact")), on="run_id", how="anti", maintain_order="left")
            .filter(~pl.col("uri").is_in(list(self._troubled)))
        )
        if runs.is_empty() and len(self._rows) == len(self._before):
            return None
        frames = [
            runs,
            pl.concat([empty(PARAMS), *(batch.params for batch in batches)]),
            pl.concat([empty(TAGS), *(batch.tags for batch in batches)]),
            metrics,
        ]
        kept = self._before.only(sorted(self._rows))
        return snapshot_of([pl.concat(pair) for pair in zip(kept, frames, strict=True)])
