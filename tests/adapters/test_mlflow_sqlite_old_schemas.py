"""SQLite databases of earlier MLflow versions: mlflow's own migrations make their tables, one version at a time.

What is expected is what mlflow's client of today says of the same database after `mlflow db upgrade`.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.ledger import Ledger, read_all, read_history, snapshot
from tests.adapters.metric_truth import same
from tui_runs_mlflow.database.recognise import is_mlflow_database
from tui_runs_mlflow.database.sqlite import SqliteDatabase
from tui_runs_mlflow.database.store import DatabaseStore

REVISIONS = {
    "451aebb31d03": "0.9: steps",
    "181f10493468": "1.0: NaN",
    "c48cb773bb87": "1.15: latest_metrics",
    "97727af70f4d": "2.0: indices, deleted_time",
    "5b0e9adcef9c": "2.16: traces",
}
T = 1_500_000_000_000
POINTS = [("loss", T + step, step, 1.0 / (step + 1)) for step in range(10)]
POINTS += [("acc", T, 3, 0.5), ("acc", T + 1, 1, 0.75), ("acc", T + 2, 3, 0.25), ("acc", T + 2, 3, 0.125)]
POINTS += [("big", T, 0, 1.7976931348623157e308)]


@cache
def made_at(base: Path, revision: str) -> Path:
    """A database of two runs as this version would have made it."""
    path = base / revision / "mlflow.db"
    path.parent.mkdir()
    migrate(path, revision)
    with closing(sqlite3.connect(path)) as connection, connection:
        insert(connection, "experiments", experiment_id=7, name="old", artifact_location="a", lifecycle_stage="active")
        for run_id, status in (("a" * 32, "FINISHED"), ("b" * 32, "RUNNING")):
            insert(
                connection, "runs", run_uuid=run_id, name="", source_type="LOCAL", source_name="train.py",
                entry_point_name="", user_id="alice", status=status, start_time=T, source_version="",
                end_time=None if status == "RUNNING" else T + 5000, lifecycle_stage="active",
                artifact_uri=f"/artifacts/{run_id}", experiment_id=7,
            )  # fmt: skip
            insert(connection, "tags", run_uuid=run_id, key="mlflow.runName", value=f"run {run_id[0]}")
            insert(connection, "params", run_uuid=run_id, key="lr", value="0.1")
        insert(connection, "runs", run_uuid="c" * 32, status="FINISHED", start_time=T, lifecycle_stage="deleted",
               user_id="alice", source_name="", entry_point_name="", source_version="", artifact_uri="x",
               source_type="LOCAL", experiment_id=7)  # fmt: skip
        for key, ms, step, value in POINTS:
            insert(connection, "metrics", run_uuid="a" * 32, key=key, timestamp=ms, step=step, value=value, is_nan=0)
        if revision != "451aebb31d03":  # NaN could not be stored before
            insert(connection, "metrics", run_uuid="a" * 32, key="nan", timestamp=T, step=2, value=0, is_nan=1)
        newest = {}
        for key, ms, step, value in sorted(POINTS, key=lambda point: (point[2], point[1], point[3])):
            newest[key] = {"timestamp": ms, "step": step, "value": value, "is_nan": 0}
        newest["nan"] = {"timestamp": T, "step": 2, "value": 0, "is_nan": 1}
        for key, values in newest.items():
            insert(connection, "latest_metrics", run_uuid="a" * 32, key=key, **values)
    return path


def migrate(path: Path, revision: str) -> None:
    """As `mlflow db upgrade` does, but to some revision. Before the first one there were MLflow 0.8's tables."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config, create_sqlalchemy_engine
    from mlflow.store.tracking.dbmodels.initial_models import Base

    uri = f"sqlite:///{path}"
    if not path.exists():
        engine = create_sqlalchemy_engine(uri)
        Base.metadata.create_all(engine)
        engine.dispose()
    engine = create_sqlalchemy_engine(uri)
    config = _get_alembic_config(uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def insert(connection: sqlite3.Connection, table: str, **values: Any) -> None:
    """Insert what the table has columns for."""
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    some = {name: value for name, value in values.items() if name in there}
    if some:
        names, marks = ", ".join(f'"{name}"' for name in some), ", ".join("?" * len(some))
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(some.values()))


@pytest.fixture(params=REVISIONS, ids=REVISIONS.values())
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_at(tmp_path_factory.getbasetemp(), request.param)


def test_reads_what_todays_client_says_after_an_upgrade(old: Path, tmp_path: Path) -> None:
    before = snapshot(old.parent)
    assert is_mlflow_database(str(old))
    source = DatabaseStore(SqliteDatabase(str(old)), with_deleted=True)
    ledger = read_all(source)
    run_ids = list(ledger.runs)
    told, cursor, _ = read_history(source, run_ids)
    assert read_history(source, run_ids, None, cursor)[0] == {}
    source.close()
    assert snapshot(old.parent) == before

    upgraded = tmp_path / "mlflow.db"
    shutil.copy(old, upgraded)
    migrate(upgraded, "heads")
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(f"sqlite:///{upgraded}")
    theirs = {run.info.run_id: run for run in client.search_runs(["7"], run_view_type=ViewType.ALL)}
    assert ledger.runs.keys() == theirs.keys() == {letter * 32 for letter in "abc"}
    for run_id, run in theirs.items():
        ours = ledger.runs[run_id]
        deleted = run.info.lifecycle_stage == "deleted"
        assert ours["status"] == ("deleted" if deleted else run.info.status.lower())
        assert ours["experiment"] == "old"
        assert ours["name"] == (None if deleted else f"run {run_id[0]}")
        assert ours["started"].timestamp() * 1000 == run.info.start_time
        assert (ours["ended"] is None) == (run.info.end_time is None)
        assert ledger.params_of(run_id) == run.data.params
        # The first migration makes a tag of the user; before it there was only the column.
        assert {"mlflow.user": ours["user"], **ledger.tags_of(run_id)} == {"mlflow.user": "alice", **run.data.tags}
        check_metrics(ledger, told, client, run_id, run.data.metrics)


def check_metrics(ledger: Ledger, told: Any, client: Any, run_id: str, metrics: dict[str, float]) -> None:
    ours = {key: row for (run, key), row in ledger.metrics.items() if run == run_id}
    assert ours.keys() == metrics.keys()
    for key, value in metrics.items():
        assert same(min(ours[key]["last"], 1.7976931348623157e308), value) or key == "nan"
        history = [(point.timestamp, point.step, point.value) for point in client.get_metric_history(run_id, key)]
        points = [(ms, step, min(value, 1.7976931348623157e308)) for step, ms, value in told[run_id, key]]
        assert sorted(map(repr, points)) == sorted(map(repr, history))
        assert ours[key]["count"] == len(history)
        numbers = [point[2] for point in history]
        assert same(min(ours[key]["max"], 1.7976931348623157e308), max(numbers))
        assert same(min(ours[key]["min"], 1.7976931348623157e308), min(numbers))
