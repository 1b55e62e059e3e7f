"""What a database finds by itself, beside what plain Python finds among all of its runs."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.postgres import made_by_mlflow, shared_server
from tests.adapters.runs_asked_for import EPOCH, StoredRun, asked_for
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Order, Wanted, Word
from tui_runs_mlflow.database.connection import Database
from tui_runs_mlflow.database.queries import Queries
from tui_runs_mlflow.database.select import find_runs
from tui_runs_mlflow.database.sql_server import SqlServerDatabase
from tui_runs_mlflow.database.sqlite import SqliteDatabase

NAN, INF, LARGEST = math.nan, math.inf, 1.7976931348623157e308
START = 1_700_000_000_000

# --- runs as MLflow's tables have them --------------------------------------------------------------------------------

texts = st.text(alphabet="aAkKi%_[]*?\\ éÉ\u0130\u0131\u212a1.'\"\n", max_size=4)
numbers = st.sampled_from([0.0, 0.5, 1.0, -1.0, 5e-324, LARGEST, -LARGEST, INF, -INF, NAN])
stored_numbers = numbers.filter(lambda number: abs(number) != LARGEST)  # which MLflow cannot tell from infinity
times = st.integers(0, 3).map(lambda number: START + number)
keys = st.sampled_from(["a", "A", "b.c", "a b"])
tag_keys = keys | st.sampled_from(["mlflow.runName", "mlflow.user", "mlflow.source.name", "mlflow.note.content"])

stored_runs = st.builds(
    StoredRun,
    run_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    name=st.none() | texts,
    user=st.none() | texts,
    source=st.none() | texts,
    status=st.sampled_from(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]),
    deleted=st.booleans(),
    started=st.none() | times,
    ended=st.none() | times,
    experiment=st.sampled_from(["Default", "Änd%"]),
    params=st.dictionaries(keys, texts, max_size=3),
    tags=st.dictionaries(tag_keys, texts, max_size=3),
    metrics=st.dictionaries(keys, stored_numbers, max_size=3),
)
stores = st.lists(stored_runs, max_size=8, unique_by=lambda run: run.run_id)

# --- what is asked ----------------------------------------------------------------------------------------------------

moments = st.integers(-1500, 4500).map(lambda us: EPOCH + timedelta(milliseconds=START, microseconds=us))
text_columns = st.sampled_from(["name", "run_id", "user", "command", "notes", "experiment", "status", "host"])
open_columns = st.builds("{}.{}".format, st.sampled_from(["params", "tags"]), keys)
metric_columns = st.builds("metrics.{}".format, keys)
time_columns = st.sampled_from(["started", "ended"])
any_column = text_columns | open_columns | metric_columns | time_columns | st.just("updated")
relations = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
words_of_status = st.sampled_from(["running", "deleted", "finished", "%ed", "k_lled"])
patterns = st.sampled_from(["like", "ilike"])

leaves = st.one_of(
    st.builds(Compare, metric_columns, relations, numbers | st.integers(-1, 1)),
    st.builds(Compare, text_columns | open_columns, relations | patterns, texts | words_of_status),
    st.builds(Compare, open_columns, relations, numbers),
    st.builds(Compare, open_columns, st.just("~"), st.sampled_from(["^a", "[kK]", "1|a"])),
    st.builds(Compare, time_columns, relations, moments),
    st.builds(Compare, any_column, relations, texts | numbers | moments),
    st.builds(OneOf, any_column, st.lists(texts | numbers | words_of_status, max_size=3).map(tuple)),
    st.builds(Has, any_column),
    st.builds(Word, texts | words_of_status),
)
conditions = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(All, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Either, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)
orders = st.lists(st.builds(Order, metric_columns | time_columns | st.just("status"), st.booleans()), max_size=2)
questions = st.builds(Wanted, conditions, orders, st.none() | st.integers(0, 9))

# --- databases of MLflow's, filled by hand ----------------------------------------------------------------------------

Execute = Callable[[str, Sequence[Any]], object]


def fill(execute: Execute, runs: Sequence[StoredRun]) -> None:
    """Replace all runs of a database."""
    for table in ("params", "tags", "latest_metrics", "metrics", "runs", "experiments"):
        execute(f"DELETE FROM {table}", ())
    names = sorted({run.experiment for run in runs})
    for number, name in enumerate(names):
        execute(
            "INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (?, ?, 'active')", (number, name)
        )
    for run in runs:
        execute(
            "INSERT INTO runs (run_uuid, name, user_id, source_name, status, lifecycle_stage, start_time, end_time, "
            "experiment_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run.run_id, run.name, run.user, run.source, run.status, "deleted" if run.deleted else "active",
             run.started, run.ended, names.index(run.experiment)),
        )  # fmt: skip
        for table, texts in (("params", run.params), ("tags", run.tags)):
            for key, value in texts.items():
                execute(f"INSERT INTO {table} (run_uuid, key, value) VALUES (?, ?, ?)", (run.run_id, key, value))
        for key, number in run.metrics.items():
            value = 0.0 if math.isnan(number) else max(-LARGEST, min(LARGEST, number))
            execute(
                "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, 0, 0, ?)",
                (run.run_id, key, value, math.isnan(number)),
            )


class Filled:
    """A database, and how to fill it."""

    def __init__(self, database: Database, refill: Callable[[Sequence[StoredRun]], None]) -> None:
        self.database, self.refill = database, refill
        self.queries = Queries(database.columns(), database.dialect, with_deleted=True)

    def find(self, wanted: Wanted) -> list[str] | None:
        return find_runs(self.database, self.queries, wanted)


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("select") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA synchronous = OFF")

    def refill(runs: Sequence[StoredRun]) -> None:
        with writer:
            fill(writer.execute, runs)

    database = SqliteDatabase(str(path))
    yield Filled(database, refill)
    database.close()
    writer.close()


@pytest.fixture(scope="module")
def in_postgres() -> Iterator[Filled]:
    import psycopg

    postgres = shared_server()
    postgres.create("selected", made_by_mlflow())
    with psycopg.connect(postgres.url("selected")) as writer:

        def refill(runs: Sequence[StoredRun]) -> None:
            fill(lambda statement, values: writer.execute(statement.replace("?", "%s"), values), runs)
            writer.commit()

        database = SqlServerDatabase(postgres.url("selected"))
        yield Filled(database, refill)
        database.close()


def check(filled: Filled, runs: Sequence[StoredRun], wanted: Wanted) -> None:
    filled.refill(runs)
    found, expected = filled.find(wanted), asked_for(wanted, runs)
    if found is None:
        return
    if wanted.limit is not None:
        assert found == expected
    else:
        assert len(found) == len(set(found))
        assert set(expected) <= set(found) <= {run.run_id for run in runs}


@given(stores, questions)
@settings(max_examples=400)
def test_sqlite_finds_what_is_wanted(in_sqlite: Filled, runs: list[StoredRun], wanted: Wanted) -> None:
    check(in_sqlite, runs, wanted)


@given(stores, questions)
def test_postgres_finds_what_is_wanted(in_postgres: Filled, runs: list[StoredRun], wanted: Wanted) -> None:
    check(in_postgres, runs, wanted)
