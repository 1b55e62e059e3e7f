"""Writes MLflow databases of any size, fast: mlflow makes the tables, and SQL fills them with `make_store`'s runs."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.make_store import Run, Shape, make_run

_STATUSES: Final = {1: "RUNNING", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_AT_ONCE: Final = 200
_INSERTS: Final = {
    "runs": "(run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, "
    "source_version, lifecycle_stage, artifact_uri, experiment_id) "
    "VALUES (?, ?, 'LOCAL', '', '', 'alice', ?, ?, ?, '', 'active', ?, 0)",
    "params": "(run_uuid, key, value) VALUES (?, ?, ?)",
    "tags": "(run_uuid, key, value) VALUES (?, ?, ?)",
    "metrics": "(run_uuid, key, timestamp, value, is_nan, step) VALUES (?, ?, ?, ?, ?, ?)",
    "latest_metrics": "(run_uuid, key, timestamp, value, is_nan, step) VALUES (?, ?, ?, ?, ?, ?)",
}


def make_tables(path: Path) -> None:
    """Let mlflow make an empty database with the experiment "Default"."""
    from mlflow import MlflowClient  # 4 s

    MlflowClient(f"sqlite:///{path}").search_experiments()


def fill(path: Path, runs: Iterator[Run]) -> None:
    """Insert these runs, as mlflow would have."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        while some := [run for _, run in zip(range(_AT_ONCE), runs, strict=False)]:
            rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INSERTS}
            for run in some:
                uri = f"{path.parent}/mlruns/0/{run.run_id}/artifacts"
                rows["runs"].append((run.run_id, run.name, _STATUSES[run.status], run.start, run.end, uri))
                rows["params"] += [(run.run_id, key, value) for key, value in run.params.items()]
                rows["tags"] += [(run.run_id, key, value) for key, value in run.tags.items()]
                for key, points in run.metrics.items():
                    stored = [
                        (run.run_id, key, ms, 0.0 if math.isnan(value) else value, math.isnan(value), step)
                        for ms, value, step in points
                    ]
                    rows["metrics"] += stored
                    rows["latest_metrics"].append(stored[-1])
            with connection:
                for table, insert in _INSERTS.items():
                    connection.executemany(f"INSERT INTO {table} {insert}", rows[table])


def stored_database(directory: Path, shape: Shape) -> Path:
    """The database of this shape below a directory: the one that is there, else a new one."""
    path, whole = directory / shape.label / "mlflow.db", directory / shape.label / "complete"
    if not whole.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        make_tables(path)
        fill(path, (make_run(index, shape) for index in range(shape.runs)))
        whole.touch()
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{stored_database(Path(sys.argv[1]), Shape(runs=int(sys.argv[2])))}\n")
