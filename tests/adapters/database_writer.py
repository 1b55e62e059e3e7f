"""MLflow's SQLite databases for tests: written by mlflow itself, or by SQL where mlflow would not do such a thing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import chdir, closing
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.adapters.contract import Points
from tests.adapters.metric_truth import Point
from tests.adapters.mlflow_stores import START, MlflowWriter, truth_of_client, write_rich_store


class TablesWriter(MlflowWriter):
    """Writes into tables of a database, in which what can happen to files cannot happen."""

    def append_half(self, run_id: str, key: str, point: object) -> Callable[[], None]:
        self._cannot("be half written")

    def remove_run(self, run_id: str) -> None:
        """As `mlflow gc` does after `delete_run`."""
        self.client.delete_run(run_id)
        self.client._tracking_client.store._hard_delete_run(run_id)

    def rewrite(self, run_id: str, key: str, points: Points) -> None:
        self._cannot("be truncated")

    def break_run(self, run_id: str) -> Callable[[], None]:
        self._cannot("be broken in one run only")

    def hide_part(self, run_id: str) -> Path:
        self._cannot("have an unreadable part")


class DatabaseWriter(TablesWriter):
    """Writes through `mlflow.MlflowClient` into a SQLite database.

    Args:
        root: the database file; a copy of the template, where there is none yet.
        template: a database that mlflow has made, which takes seconds.
    """

    def __init__(self, root: Path, template: Path | None = None, experiment: str = "trials") -> None:
        if template is not None and not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(template, root)
        from mlflow import MlflowClient

        _do_not_wait_for_the_disk()
        self.root = root
        self.location = str(root)
        self.client = MlflowClient(f"sqlite:///{root}")
        self._clock = START + 600_000  # after the runs of `many_database`
        found = self.client.get_experiment_by_name(experiment)
        artifacts = str(root.parent / "mlruns")
        self.experiment = (
            found.experiment_id if found else self.client.create_experiment(experiment, artifact_location=artifacts)
        )

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.root, timeout=20)) as connection, connection:
            return connection.execute(statement, values).fetchall()


@cache
def _do_not_wait_for_the_disk() -> None:
    """Let mlflow's connections in this process do without fsync, which takes most of the time."""
    from sqlalchemy import Engine, event

    def connected(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", connected)


@cache
def empty_database(base: Path) -> Path:
    """A database by mlflow without any run; do not write into it."""
    path = base / "empty" / "mlflow.db"
    path.parent.mkdir()
    DatabaseWriter(path)
    return path


@cache
def many_database(base: Path) -> Path:
    """A database of 90 runs, two by mlflow and copies of them; do not write into it."""
    path = base / "many" / "mlflow.db"
    writer = DatabaseWriter(path, empty_database(base))
    one = writer.add_run("run 1", params={"number": "1"}, metrics={"loss": [Point(0, START, 1 / 7)]}, status="finished")
    with closing(sqlite3.connect(path)) as connection, connection:
        for number in range(2, 90):
            values = {"run": f"{number:032x}", "name": f"run {number}", "ms": START + 120_000 + number, "one": one}
            for table, columns in _COPIED.items():
                names = ", ".join(f'"{name}"' for name in columns)
                what = ", ".join(columns.values())
                connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {what} FROM {table} WHERE run_uuid = :one", values
                )
    writer.add_run("newest", params={"number": "90"}, status="finished")
    return path


_COPIED = {
    "runs": {
        "run_uuid": ":run", "name": ":name", "start_time": ":ms", "end_time": ":ms + 1000",
        **{name: name for name in ("status", "experiment_id", "lifecycle_stage", "artifact_uri", "source_type",
                                   "source_name", "entry_point_name", "user_id", "source_version")},
    },
    "params": {"run_uuid": ":run", "key": "key", "value": "substr(:name, 5)"},
    "tags": {"run_uuid": ":run", "key": "key", "value": ":name"},
    "metrics": {"run_uuid": ":run", **{name: name for name in ("key", "value", "timestamp", "step", "is_nan")}},
    "latest_metrics": {"run_uuid": ":run", **{name: name for name in ("key", "value", "timestamp", "step", "is_nan")}},
}  # fmt: skip


@cache
def rich_database(base: Path) -> tuple[Path, dict[str, Any]]:
    """A database by mlflow with one of everything, and what mlflow's client says of it; do not write into it."""
    path = base / "rich" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(empty_database(base), path)
    uri = cast("Path", f"sqlite:///{path}")  # all that is done with it is str()
    with chdir(path.parent):  # where artifacts go by default
        write_rich_store(uri)
        return path, truth_of_client(uri)
