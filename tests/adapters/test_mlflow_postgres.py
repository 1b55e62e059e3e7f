"""MLflow's databases on a real PostgreSQL: what is read, how it is opened, and what goes wrong on the way."""

from __future__ import annotations

import functools
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, cast

import polars as pl
import psycopg
import pytest

from tests.adapters.ledger import DEADLINE, Ledger, read_all, read_history
from tests.adapters.metric_truth import Point, same, truth_of
from tests.adapters.mlflow_stores import START, truth_of_client, write_rich_store
from tests.adapters.postgres import PASSWORD, QUOTED_PASSWORD, Postgres, PostgresWriter, made_by_mlflow, shared_server
from tui_runs.adapter import Source
from tui_runs.conditions import Compare, Order, Wanted
from tui_runs.errors import LocationError, SourceLostError
from tui_runs_mlflow import MlflowAdapter
from tui_runs_mlflow.database import postgresql
from tui_runs_mlflow.database.sql_server import SqlServerDatabase

LARGEST = sys.float_info.max
NAP = "SELECT CAST(pg_sleep(30) AS text)"
TEXT = {"text": pl.String}


@pytest.fixture
def server() -> Postgres:
    return shared_server()


@pytest.fixture
def opened() -> Iterator[Callable[..., Any]]:
    sources: list[Source] = []

    def open_store(location: str, **options: Any) -> Source:
        sources.append(MlflowAdapter().open(location, options))
        return sources[-1]

    yield open_store
    for source in sources:
        source.close()


@pytest.fixture
def database(server: Postgres) -> Iterator[SqlServerDatabase]:
    """A database of MLflow's, read by the user reader."""
    opened = SqlServerDatabase(server.url(made_by_mlflow(), "reader", QUOTED_PASSWORD))
    yield opened
    opened.close()


@functools.cache
def rich() -> tuple[str, dict[str, Any]]:
    """Where a database by mlflow with one of everything is, and what mlflow's client says of it."""
    server = shared_server()
    server.create("rich", made_by_mlflow())
    uri = cast("Path", server.url("rich", scheme="postgresql+psycopg"))  # all that is done with it is str()
    write_rich_store(uri)
    return server.url("rich", "reader", QUOTED_PASSWORD), truth_of_client(uri)


def as_stored(value: float) -> float:
    """As MLflow's databases keep it, and its client gives it: the infinities are the largest numbers."""
    return max(-LARGEST, min(LARGEST, value)) if value == value else value


class TestBesideMlflowsClient:
    """Run by run, point by point."""

    @pytest.fixture(autouse=True)
    def artifacts_elsewhere(self, tmp_path: Path) -> Iterator[None]:
        with chdir(tmp_path):  # where mlflow puts them by default
            yield

    @pytest.fixture
    def source(self, opened: Callable[..., Any]) -> Any:
        return opened(rich()[0], deleted=True)

    def test_every_run(self, source: Source) -> None:
        ledger, truth = read_all(source), rich()[1]
        assert ledger.runs.keys() == {run["run_id"] for run in truth["runs"]}
        gone = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
        for theirs in truth["runs"]:
            run_id, ours = theirs["run_id"], ledger.runs[theirs["run_id"]]
            deleted = theirs["lifecycle_stage"] == "deleted" or theirs["experiment_id"] in gone
            assert ours["status"] == ("deleted" if deleted else theirs["status"].lower())
            assert (ours["name"], ours["experiment"]) == (theirs["run_name"], theirs["experiment_name"])
            for column, theirs_ms in (("started", theirs["start_time"]), ("ended", theirs["end_time"])):
                assert (ours[column] and round(ours[column].timestamp() * 1000)) == theirs_ms
            assert ledger.params_of(run_id) == theirs["params"]
            assert ledger.tags_of(run_id) == theirs["tags"]
            metrics = {key: row["last"] for (run, key), row in ledger.metrics.items() if run == run_id}
            assert metrics.keys() == theirs["metrics"].keys()
            for key, value in theirs["metrics"].items():
                assert same(as_stored(metrics[key]), value), (key, metrics[key], value)

    def test_every_history_and_what_is_told_of_it(self, source: Source) -> None:
        ledger, truth = read_all(source), rich()[1]
        told, _, _ = read_history(source, list(ledger.runs))
        theirs = {(run["run_id"], key): points for run in truth["runs"] for key, points in run["history"].items()}
        assert told.keys() == theirs.keys()
        for series, points in theirs.items():
            ours = [(ms, step, as_stored(value)) for step, ms, value in told[series]]
            assert sorted(map(repr, ours)) == sorted(map(repr, points)), series
            expected = truth_of([Point(step, ms, value) for step, ms, value in told[series]])
            for name in ("min", "min_step", "max", "max_step", "count"):
                assert same(ledger.metrics[series][name], getattr(expected, name)), (series, name)

    def test_details(self, source: Any) -> None:
        details = source.details([run["run_id"] for run in rich()[1]["runs"]]).frame
        said = set(details.select("group", "item").iter_rows())
        assert ("dataset", "mnist-train") in said
        assert {group for group, _ in said} >= {"dataset", "logged model", "experiment"}

    def test_what_is_selected_is_as_it_was_scanned(self, source: Any) -> None:
        ledger = read_all(source)
        best = Wanted(Compare("metrics.rising", ">", 1.0), [Order("metrics.rising")], limit=3)
        (named,) = ledger.named("steps")
        chosen = Ledger(source.select(best))
        assert list(chosen.runs) == [named["run_id"]]
        assert chosen.runs[named["run_id"]] == named
        assert chosen.params_of(named["run_id"]) == ledger.params_of(named["run_id"])
        assert chosen.tags_of(named["run_id"]) == ledger.tags_of(named["run_id"])
        assert {key for _, key in chosen.metrics} == {key for run, key in ledger.metrics if run == named["run_id"]}
        assert source.select(Wanted()) is None

    def test_points_come_as_they_were_written_whichever_connection_wrote_them(
        self, server: Postgres, opened: Callable[..., Any]
    ) -> None:
        """Each connection goes on with the page that it wrote to last, so the order of the pages says nothing."""
        from mlflow import MlflowClient

        server.create("pages", made_by_mlflow())
        run_id = MlflowClient(server.url("pages", scheme="postgresql+psycopg")).create_run("0").info.run_id
        insert = "INSERT INTO metrics (run_uuid, key, value, timestamp, step) VALUES (%s, %s, 0.5, %s, %s)"
        with (
            psycopg.connect(server.url("pages"), autocommit=True) as one,
            psycopg.connect(server.url("pages"), autocommit=True) as other,
        ):
            one.execute(insert, (run_id, "loss", START, 0))  # on the first page
            with other.cursor() as cursor:  # fills it, and some more
                cursor.executemany(insert, [(run_id, "other", START, step) for step in range(300)])
            one.execute("DELETE FROM metrics WHERE key = 'other'")
            for step in range(1, 20):
                one.execute("SELECT * FROM metrics").fetchall()  # finds the room there is now on the first page
                (one if step % 2 else other).execute(insert, (run_id, "loss", START, step))
            pages = {page for (page,) in one.execute("SELECT split_part(ctid::text, ',', 1) FROM metrics").fetchall()}
        assert len(pages) == 2
        told, _, _ = read_history(opened(server.url("pages", "reader", QUOTED_PASSWORD)), [run_id])
        assert [step for step, _, _ in told[run_id, "loss"]] == list(range(20))


# --- opening ----------------------------------------------------------------------------------------------------------

Troubles = dict[str, tuple[Callable[[Postgres], str], str]]
TROUBLES: Troubles = {
    "wrong password": (lambda server: server.url("rich", "reader", "wr0ng-s3cret"), "does not accept"),
    "no password": (lambda server: server.url("rich", "reader"), "does not accept"),
    "unknown database": (lambda server: server.url("no_such", "reader", QUOTED_PASSWORD), "no database 'no_such'"),
    "unknown user": (lambda server: server.url("postgres", "nobody", QUOTED_PASSWORD), "does not accept"),
    "not MLflow's": (lambda server: server.url("postgres", "reader", QUOTED_PASSWORD), "MLflow's tables are not in"),
    "TLS is needed": (
        lambda server: server.url("postgres", "tls_only", QUOTED_PASSWORD) + "?sslmode=disable", "without TLS",
    ),
    "TLS is not there": (
        lambda server: server.url("postgres", "reader", QUOTED_PASSWORD) + "?sslmode=require", "has no TLS",
    ),
    "nothing answers": (lambda _: f"postgresql://u:{QUOTED_PASSWORD}@127.0.0.1:9/x", "Nothing answers"),
    "no socket": (lambda _: f"postgresql://u:{QUOTED_PASSWORD}@/x?host=/nonexistent", "Nothing answers"),
    "no such host": (lambda _: f"postgresql://u:{QUOTED_PASSWORD}@no%20host/x", "no host of this name"),
    "unknown parameter": (
        lambda server: server.url("postgres", "reader", QUOTED_PASSWORD) + "?pasword=wr0ng-s3cret", '"pasword"',
    ),
    "a password with an @": (lambda server: server.url("rich", "reader", "wr0ng@s3cret"), "more than one @"),
    "no port": (lambda _: f"postgresql://u:{QUOTED_PASSWORD}@127.0.0.1:http/x", "port is not a number"),
}  # fmt: skip


class TestOpening:
    def refused(self, url: str) -> LocationError:
        """The error, which tells no secret, nor does the traceback."""
        with pytest.raises(LocationError) as caught:
            MlflowAdapter().open(url, {})
        told = "".join([*traceback.format_exception(caught.value), repr(caught.value), caught.value.remedy])
        for secret in (PASSWORD, QUOTED_PASSWORD, "s3cret"):
            assert secret not in told
        assert caught.value.remedy.strip()
        return caught.value

    @pytest.mark.parametrize("trouble", TROUBLES)
    def test_says_why_it_cannot(self, server: Postgres, trouble: str) -> None:
        url, said = TROUBLES[trouble]
        error = self.refused(url(server))
        assert said in error.message
        assert error.message.startswith("postgresql://")

    @pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
    def test_something_else_answers(self, scheme: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer() -> None:
                with listening.accept()[0] as connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

            threading.Thread(target=answer, daemon=True).start()
            error = self.refused(f"{scheme}://u:{QUOTED_PASSWORD}@127.0.0.1:{listening.getsockname()[1]}/x")
        assert error.message.startswith(f"{scheme}://u@127.0.0.1")

    def test_nobody_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            error = self.refused(f"postgresql://u:{QUOTED_PASSWORD}@127.0.0.1:{port}/x?connect_timeout=1")
        assert "no answer" in error.message

    def test_tables_that_this_user_may_not_read(self, server: Postgres) -> None:
        server.create("forbidden", made_by_mlflow())
        server.run("REVOKE SELECT ON runs FROM reader", database="forbidden")
        assert "may not read" in self.refused(server.url("forbidden", "reader", QUOTED_PASSWORD)).message

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
    def test_every_way_to_write_it(self, server: Postgres, opened: Callable[..., Any], scheme: str) -> None:
        location = server.url(made_by_mlflow(), "reader", QUOTED_PASSWORD, scheme)
        assert MlflowAdapter().match(location) is not None
        source = opened(location)
        assert source.uri == f"postgresql://reader@127.0.0.1:{server.port}/made_by_mlflow"
        assert source.kind == "MLflow PostgreSQL database"

    def test_password_from_the_environment(
        self, server: Postgres, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        assert list(opened(server.url(made_by_mlflow(), "reader")).scan())

    def test_password_from_its_file(
        self, server: Postgres, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "pgpass"
        file.write_text(f"127.0.0.1:{server.port}:*:reader:{PASSWORD}\n")
        file.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(file))
        assert list(opened(server.url(made_by_mlflow(), "reader")).scan())

    def test_tables_in_another_schema(
        self, server: Postgres, opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.create("elsewhere", made_by_mlflow())
        server.run("ALTER SCHEMA public RENAME TO team", database="elsewhere")
        server.run("GRANT USAGE ON SCHEMA team TO reader", database="elsewhere")
        url = server.url("elsewhere", "reader", QUOTED_PASSWORD)
        self.refused(url)
        assert list(opened(f"{url}?options=-csearch_path%3Dteam").scan())
        monkeypatch.setenv("PGOPTIONS", "-c search_path=team")
        assert list(opened(url).scan())

    @pytest.mark.parametrize(
        ("scheme", "drivers"), [("postgresql", ("psycopg", "psycopg2")), ("mysql", ("pymysql", "MySQLdb"))]
    )
    def test_driver_is_missing(self, monkeypatch: pytest.MonkeyPatch, scheme: str, drivers: tuple[str, ...]) -> None:
        for name in drivers:
            monkeypatch.setitem(sys.modules, name, None)
        error = self.refused(f"{scheme}://u:{QUOTED_PASSWORD}@127.0.0.1/x")
        assert "pip install 'tui-runs[sql]'" in error.remedy


# --- once it is open --------------------------------------------------------------------------------------------------


class Statement:
    """A statement that runs in a thread of its own."""

    def __init__(self, database: SqlServerDatabase, statement: str) -> None:
        self.answer: object = None
        self._database, self._statement = database, statement
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._database.frame(self._statement, {}, TEXT)
        except SourceLostError as error:
            self.answer = error

    def ends(self) -> object:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the statement does not end"
        return self.answer


def running(server: Postgres, but: int = 0) -> int:
    """The process that runs a statement of the reader's, once there is one other than this."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        rows = server.run("SELECT pid FROM pg_stat_activity WHERE usename = 'reader' AND state = 'active'")
        if pids := [pid for (pid,) in rows if pid != but]:
            return int(pids[0])
    raise AssertionError("the statement never began")


class TestTrouble:
    def test_nothing_can_be_written(self, server: Postgres) -> None:
        """Not even by the one who may do everything."""
        database = SqlServerDatabase(server.url(made_by_mlflow()))
        before = server.contents(made_by_mlflow())
        with pytest.raises(SourceLostError, match="read-only"):
            database.frame("INSERT INTO experiments (name) VALUES ('ours') RETURNING name", {}, TEXT)
        assert server.contents(made_by_mlflow()) == before
        database.close()

    def test_connections_that_were_dropped_between_two_pages(
        self, server: Postgres, opened: Callable[..., Any]
    ) -> None:
        writer = PostgresWriter(many=True)
        expected = read_all(opened(writer.location)).runs
        scan = opened(writer.location).scan()
        ledger = Ledger([next(scan)])
        assert len(ledger.runs) < len(expected)
        server.disconnect(writer.database)
        for batch in scan:
            ledger.apply(batch)
        assert ledger.runs == expected

    def test_a_connection_that_is_dropped_in_the_middle_of_a_statement(
        self, server: Postgres, database: SqlServerDatabase
    ) -> None:
        server.run("CREATE TABLE IF NOT EXISTS patience AS SELECT 30 AS seconds", database=made_by_mlflow())
        server.run("GRANT SELECT ON patience TO reader", database=made_by_mlflow())
        statement = Statement(database, "SELECT CAST(pg_sleep(seconds) AS text) || 'slept' FROM patience")
        pid = running(server)
        server.run("UPDATE patience SET seconds = 0", database=made_by_mlflow())
        server.run("SELECT pg_terminate_backend({}::int)", str(pid))
        answer = statement.ends()
        server.run("DROP TABLE patience", database=made_by_mlflow())
        assert isinstance(answer, pl.DataFrame)
        assert answer.rows() == [("slept",)]

    def test_a_connection_that_is_dropped_again_is_lost(self, server: Postgres, database: SqlServerDatabase) -> None:
        statement = Statement(database, NAP)
        first = running(server)
        server.run("SELECT pg_terminate_backend({}::int)", str(first))
        server.run("SELECT pg_terminate_backend({}::int)", str(running(server, but=first)))
        error = statement.ends()
        assert isinstance(error, SourceLostError)
        assert "closed the connection" in error.message
        assert error.remedy
        assert database.frame("SELECT 'there'", {}, TEXT).item() == "there"

    def test_a_server_that_stops_and_comes_back(self, server: Postgres, database: SqlServerDatabase) -> None:
        server.stop()
        try:
            with pytest.raises(SourceLostError, match="Nothing answers") as caught:
                database.frame("SELECT 'there'", {}, TEXT)
        finally:
            server.start()
        assert PASSWORD not in repr(caught.value)
        assert database.frame("SELECT 'there'", {}, TEXT).item() == "there"

    def test_a_statement_that_takes_too_long(self, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgresql, "_SETTINGS", postgresql._SETTINGS.replace("60s", "50ms"))
        database = SqlServerDatabase(server.url(made_by_mlflow(), "reader", QUOTED_PASSWORD))
        with pytest.raises(SourceLostError, match="was given up"):
            database.frame(NAP, {}, TEXT)
        assert database.frame("SELECT 'there'", {}, TEXT).item() == "there"
        database.close()

    def test_a_right_that_is_taken_away(self, server: Postgres, opened: Callable[..., Any]) -> None:
        server.create("taken_away", made_by_mlflow())
        source = opened(server.url("taken_away", "reader", QUOTED_PASSWORD))
        server.run("REVOKE SELECT ON runs FROM reader", database="taken_away")
        with pytest.raises(SourceLostError, match="may not read") as caught:
            read_all(source)
        assert "GRANT" in caught.value.remedy

    def test_closing_ends_the_statement_that_runs(self, server: Postgres, database: SqlServerDatabase) -> None:
        statement = Statement(database, NAP)
        running(server)
        database.close()
        database.close()
        assert isinstance(statement.ends(), SourceLostError)
        with pytest.raises(SourceLostError, match="closed"):
            database.frame("SELECT 'there'", {}, TEXT)
        left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND datname = 'made_by_mlflow'"
        until = time.monotonic() + DEADLINE
        while server.run(left) != [(0,)]:
            assert time.monotonic() < until, "a connection is left open"

    def test_many_threads_at_once(self, database: SqlServerDatabase) -> None:
        statements = [Statement(database, f"SELECT 'answer {number}'") for number in range(16)]
        answers = [cast("pl.DataFrame", statement.ends()).item() for statement in statements]
        assert answers == [f"answer {number}" for number in range(16)]
        assert len(database._idle) <= 4
