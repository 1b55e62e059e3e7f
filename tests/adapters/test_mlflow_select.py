"""What a database finds by itself, beside what plain Python finds among all of its runs."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.database_writer import DatabaseWriter, empty_database
from tests.adapters.metric_truth import Point
from tests.adapters.postgres import made_by_mlflow, shared_server
from tests.adapters.runs_asked_for import EPOCH, StoredRun, asked_for
from tui_runs.conditions import All, Compare, Either, Has, Not, OneOf, Order, Wanted, Word
from tui_runs_mlflow.database.connection import Database
from tui_runs_mlflow.database.queries import Queries
from tui_runs_mlflow.database.select import find_runs
from tui_runs_mlflow.database.sql_server import SqlServerDatabase
from tui_runs_mlflow.database.sqlite import SqliteDatabase
from tui_runs_mlflow.database.store import DatabaseStore

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
    path = tmp_path_factory.mktemp("select") / "mlflow.db"
    shutil.copy(empty_database(tmp_path_factory.getbasetemp()), path)
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


def check(filled: Filled, runs: Sequence[StoredRun], asked: Sequence[Wanted]) -> None:
    filled.refill(runs)
    for wanted in asked:
        found, expected = filled.find(wanted), asked_for(wanted, runs)
        if found is None:
            continue
        if wanted.limit is not None:
            assert found == expected, wanted
        else:
            assert set(expected) <= set(found), wanted
            assert found == [run_id for run_id in asked_for(Wanted(), runs) if run_id in found], wanted


@given(stores, st.lists(questions, min_size=1, max_size=12))
def test_sqlite_finds_what_is_wanted(in_sqlite: Filled, runs: list[StoredRun], asked: list[Wanted]) -> None:
    check(in_sqlite, runs, asked)


@given(stores, st.lists(questions, min_size=1, max_size=12))
def test_postgres_finds_what_is_wanted(in_postgres: Filled, runs: list[StoredRun], asked: list[Wanted]) -> None:
    check(in_postgres, runs, asked)


# --- one by one -------------------------------------------------------------------------------------------------------

RUNS = [
    StoredRun(
        run_id=f"{number:032x}", name=name, user="", source="train.py", status=status, deleted=number == 5,
        started=START + number, ended=None, experiment="Default", params=params, metrics=metrics,
        tags={"mlflow.user": "ada"} if number % 2 else {"mlflow.runName": "by tag"},
    )
    for number, (name, status, params, metrics) in enumerate([
        ("one", "RUNNING", {"lr": "1e-3", "opt": "Adam"}, {"loss": 0.5, "a b": 1.0}),
        ("Two", "FINISHED", {"lr": "0.1", "opt": "adam"}, {"loss": NAN}),
        (None, "FINISHED", {"lr": "", "opt": "adamw"}, {"loss": INF}),
        ("", "FAILED", {"opt": "sgd"}, {"loss": -INF}),
        ("tie", "FAILED", {"opt": "sgd_100%"}, {"loss": 0.5}),
        ("gone", "KILLED", {}, {}),
    ])
]  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest) -> Filled:
    filled: Filled = request.getfixturevalue(f"in_{request.param}")
    filled.refill(RUNS)
    return filled


LOSS = "metrics.loss"
EXACT = {
    "all": (All(()), [0, 1, 2, 3, 4, 5]),
    "below a number": (Compare(LOSS, "<", 1.0), [0, 3, 4]),
    "not equal: NaN too": (Compare(LOSS, "!=", 0.5), [1, 2, 3]),
    "not below: NaN and missing too": (Not(Compare(LOSS, "<", 1.0)), [1, 2, 5]),
    "at most infinity": (Compare(LOSS, "<=", INF), [0, 2, 3, 4]),
    "below infinity": (Compare(LOSS, "<", INF), [0, 3, 4]),
    "infinity": (Compare(LOSS, "=", INF), [2]),
    "largest number": (Compare(LOSS, "=", LARGEST), []),
    "above the largest number": (Compare(LOSS, ">", LARGEST), [2]),
    "a metric is no text": (Compare(LOSS, "=", "0.5"), []),
    "one of some numbers": (OneOf(LOSS, (0.5, -INF, NAN)), [0, 3, 4]),
    "there": (Has(LOSS), [0, 1, 2, 3, 4]),
    "a key with a blank": (Has("metrics.a b"), [0]),
    "another case of letters": (Has("metrics.LOSS"), []),
    "text": (Compare("params.opt", "=", "adam"), [1]),
    "text, greater": (Compare("params.opt", ">", "adam"), [2, 3, 4]),
    "like": (Compare("params.opt", "like", "adam%"), [1, 2]),
    "like, one sign": (Compare("params.opt", "like", "sgd_100_"), [4]),
    "one of some texts": (OneOf("params.opt", ("Adam", "sgd")), [0, 3]),
    "empty text is there": (Has("params.lr"), [0, 1, 2]),
    "status": (Compare("status", "=", "failed"), [3, 4]),
    "deleted": (OneOf("status", ("deleted", "killed")), [5]),
    "name from a tag": (Compare("name", "=", "by tag"), [2]),
    "no name": (Not(Has("name")), [3]),
    "user from a tag": (Compare("user", "=", "ada"), [1, 3, 5]),
    "no host": (Has("host"), []),
    "started": (Compare("started", ">", EPOCH + timedelta(milliseconds=START, microseconds=2500)), [3, 4, 5]),
    "ended": (Has("ended"), []),
    "either": (Either((Compare(LOSS, "=", INF), Compare("name", "=", "one"))), [0, 2]),
    "none of them": (Not(Either((Has(LOSS), Has("params.opt")))), [5]),
}


@pytest.mark.parametrize("named", EXACT)
def test_says_exactly(filled: Filled, named: str) -> None:
    """So that there is an answer, and with a limit too; the truth is written beside each."""
    condition, numbers = EXACT[named]
    expected = [RUNS[number].run_id for number in reversed(numbers)]
    assert filled.find(Wanted(condition, limit=9)) == expected
    assert filled.find(Wanted(condition, limit=2)) == expected[:2]


NEARLY = {
    "param as a number": (Compare("params.lr", "<", 0.01), {0, 1, 2}),
    "any case": (Compare("params.opt", "ilike", "ADAM"), {0, 1, 2, 3, 4}),
    "regular expression": (Compare("params.lr", "~", "^1"), {0, 1, 2}),
    "word": (Word("ADAM"), {0, 1, 2}),
    "word with what other letters become": (Word("TIE"), {4}),
    "word in a name": (Word("two"), {1}),
    "word with a sign of patterns": (Word("100%"), {4}),
    "time of the last change": (All((Has("params.lr"), Compare("updated", "<", EPOCH))), {0, 1, 2}),
}


@pytest.mark.parametrize("named", NEARLY)
def test_says_nearly_where_there_is_no_limit(filled: Filled, named: str) -> None:
    condition, numbers = NEARLY[named]
    found = filled.find(Wanted(condition))
    assert found is not None
    assert set(found) == {RUNS[number].run_id for number in numbers}
    assert filled.find(Wanted(condition, limit=9)) is None
    # Of what does not hold nothing is sure: all runs are looked at.
    assert filled.find(Wanted(Not(condition))) is None


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(Compare("adapter", "=", "mlflow")),
        Wanted(order=[Order("params.lr")], limit=3),
        Wanted(order=[Order("name")], limit=3),
        Wanted(Compare("params.opt", "=", "\0")),
        Wanted(Compare("params.\ud800", "=", "x")),
        Wanted(Word("i\u0307")),
        Wanted(Compare(LOSS, "<", 10**400)),
        Wanted(Either(tuple(Compare(LOSS, "=", number) for number in range(1000)))),
    ],
)
def test_leaves_to_others_what_it_cannot_say(filled: Filled, wanted: Wanted) -> None:
    assert filled.find(wanted) is None


ORDERED = {
    "metric": ([Order(LOSS)], [3, 4, 0, 2, 5, 1]),
    "metric, descending": ([Order(LOSS, descending=True)], [2, 4, 0, 3, 5, 1]),
    "status, then started": ([Order("status"), Order("started")], [0, 1, 2, 3, 4, 5]),
    "ended: none has": ([Order("ended")], [5, 4, 3, 2, 1, 0]),
    "a metric that nobody has": ([Order("metrics.no"), Order("started")], [0, 1, 2, 3, 4, 5]),
}


@pytest.mark.parametrize("named", ORDERED)
def test_sorts(filled: Filled, named: str) -> None:
    order, numbers = ORDERED[named]
    assert filled.find(Wanted(order=order, limit=9)) == [RUNS[number].run_id for number in numbers]
    assert filled.find(Wanted(order=order, limit=1)) == [RUNS[numbers[0]].run_id]


def test_asks_about_the_columns_that_are_shown(filled: Filled) -> None:
    """What this file says of a run's columns is what a scan of it shows."""
    shown = pl.concat([batch.runs for batch in DatabaseStore(filled.database, with_deleted=True).scan()])
    rows = {row["run_id"]: row for row in shown.unique("run_id").iter_rows(named=True)}
    columns = ("name", "experiment", "status", "started", "ended", "user", "command", "notes")
    for run in RUNS:
        assert {name: rows[run.run_id][name] for name in columns} == {name: run.value(name) for name in columns}


def test_finds_only_what_is_shown(in_sqlite: Filled) -> None:
    in_sqlite.refill(RUNS)
    without_deleted = Queries(in_sqlite.database.columns(), "sqlite")
    found = find_runs(in_sqlite.database, without_deleted, Wanted(limit=9))
    assert found == [run.run_id for run in reversed(RUNS) if not run.deleted]
    nowhere = Queries(in_sqlite.database.columns(), "sqlite", experiment_ids=[77])
    assert find_runs(in_sqlite.database, nowhere, Wanted(limit=9)) == []


def test_numbers_that_mlflow_itself_has_stored(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """How NaN and the infinities lie in the tables is mlflow's to say."""
    writer = DatabaseWriter(tmp_path / "mlflow.db", empty_database(tmp_path_factory.getbasetemp()))
    runs = {
        repr(number): writer.add_run("run", metrics={"loss": [Point(0, START, number)]})
        for number in (NAN, INF, -INF, 0.5)
    }
    database = SqliteDatabase(str(tmp_path / "mlflow.db"))
    queries = Queries(database.columns(), "sqlite")

    def found(operator: Any, value: float) -> set[str]:
        return set(find_runs(database, queries, Wanted(Compare(LOSS, operator, value), limit=9)) or [])

    assert found("=", INF) == {runs["inf"]}
    assert found("<", 0.0) == {runs["-inf"]}
    assert found("!=", 0.0) == set(runs.values())
    assert found("<=", INF) == set(runs.values()) - {runs["nan"]}
    database.close()
