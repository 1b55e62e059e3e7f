"""From what MLflow stores of a run, wherever it does, to the RUNS frame."""

from __future__ import annotations

from typing import Final

import polars as pl

from tui_runs.schema import RUNS, STATUS, Schema, conform
from tui_runs_mlflow.metric_lines import time_of

FACTS: Final[Schema] = {
    "run_id": pl.String,
    "name": pl.String,
    "experiment": pl.String,
    "status": STATUS,
    "start_ms": pl.Int64,
    "end_ms": pl.Int64,
    "user": pl.String,
    "command": pl.String,
    "uri": pl.String,
}
"""What every backend keeps in a run's own record; times are milliseconds since 1970. Empty texts count as missing."""

STATUSES: Final = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
"""MLflow's words, as databases and servers have them, and ours."""

_FROM_TAGS: Final = {
    "name": "mlflow.runName",
    "user": "mlflow.user",
    "parent_id": "mlflow.parentRunId",
    "git_commit": "mlflow.source.git.commit",
    "command": "mlflow.source.name",
    "notes": "mlflow.note.content",
}


def runs_frame(facts: pl.DataFrame, tags: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Say of each run what its record, its tags and its metrics know.

    Args:
        facts: schema FACTS, one row a run.
        tags: schema TAGS, of these runs.
        metrics: schema METRICS, of these runs; the newest point counts for `updated`.

    Returns:
        Schema RUNS, rows in the order of `facts`.
    """
    from_tags = tags.group_by("run_id").agg(
        pl.col("value").filter(pl.col("key") == key).first().alias(f"tag_{name}") for name, key in _FROM_TAGS.items()
    )
    newest = metrics.group_by("run_id").agg(pl.col("last_time").max().alias("newest_point"))
    frame = (
        facts.join(from_tags, on="run_id", how="left", maintain_order="left")
        .join(newest, on="run_id", how="left", maintain_order="left")
        .with_columns(time_of(pl.col("start_ms")).alias("started"), time_of(pl.col("end_ms")).alias("ended"))
    )

    def known(name: str) -> pl.Expr:
        return pl.when(pl.col(name) != "").then(pl.col(name))

    return conform(
        frame.with_columns(
            pl.coalesce(known("name"), "tag_name").alias("name"),
            # The record says "unknown" where the tag names whoever ran it.
            pl.coalesce("tag_user", known("user")).alias("user"),
            pl.coalesce("tag_command", known("command")).alias("command"),
            pl.max_horizontal("newest_point", "started", "ended").alias("updated"),
            *(pl.col(f"tag_{name}").alias(name) for name in ("parent_id", "git_commit", "notes")),
        ),
        RUNS,
    )
