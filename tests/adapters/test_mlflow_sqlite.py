"""MLflow's SQLite databases: beside mlflow's own client, and everything that can be wrong with such a file."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.database_writer import DatabaseWriter, empty_database, many_database, rich_database
from tests.adapters.ledger import DEADLINE, Following, Ledger, read_all, read_history, snapshot
from tests.adapters.metric_truth import Point, same, truth_of
from tui_runs.adapter import Focus
from tui_runs.errors import ArtifactError, LocationError, SourceLostError
from tui_runs_mlflow.database import run_reader, sqlite, store
from tui_runs_mlflow.database.recognise import is_mlflow_database
from tui_runs_mlflow.database.sqlite import SqliteDatabase
from tui_runs_mlflow.database.store import DatabaseStore

Open = Callable[..., DatabaseStore]
T = 1_700_000_000_000
LARGEST = sys.float_info.max


@pytest.fixture
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def writer(tmp_path: Path, base: Path) -> DatabaseWriter:
    return DatabaseWriter(tmp_path / "store" / "mlflow.db", empty_database(base))


@pytest.fixture
def opened() -> Iterator[Open]:
    stores: list[DatabaseStore] = []

    def open_store(path: Path, **options: Any) -> DatabaseStore:
        stores.append(DatabaseStore(SqliteDatabase(str(path)), **options))
        return stores[-1]

    yield open_store
    for one in stores:
        one.close()


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    started: list[tuple[DatabaseStore, Following]] = []

    def start(source: DatabaseStore, focus: Focus | None = None) -> Following:
        started.append((source, Following(source, read_all(source), focus or Focus())))
        return started[-1][1]

    yield start
    for source, following in started:
        source.close()
        following.ends()


def points(count: int, start: int = 0) -> list[Point]:
    return [Point(step, T + step, step / 7) for step in range(start, start + count)]


class TestBesideMlflowsClient:
    """The store has one of everything that mlflow can log; what its client says of it is the truth."""

    @pytest.fixture
    def truth(self, base: Path) -> dict[str, Any]:
        return rich_database(base)[1]

    @pytest.fixture
    def source(self, base: Path, opened: Open) -> DatabaseStore:
        return opened(rich_database(base)[0], with_deleted=True)

    def test_every_run(self, source: DatabaseStore, truth: dict[str, Any]) -> None:
        ledger = read_all(source)
        assert ledger.runs.keys() == {run["run_id"] for run in truth["runs"]}
        gone = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
        for theirs in truth["runs"]:
            run_id = theirs["run_id"]
            ours = ledger.runs[run_id]
            deleted = theirs["lifecycle_stage"] == "deleted" or theirs["experiment_id"] in gone
            assert ours["status"] == ("deleted" if deleted else theirs["status"].lower())
            assert ours["name"] == theirs["run_name"]
            assert ours["experiment"] == theirs["experiment_name"]
            assert ours["user"] in (theirs["user_id"], theirs["tags"].get("mlflow.user"))
            assert ours["parent_id"] == theirs["tags"].get("mlflow.parentRunId")
            assert ours["git_commit"] == theirs["tags"].get("mlflow.source.git.commit")
            assert ours["notes"] == theirs["tags"].get("mlflow.note.content")
            for column, theirs_ms in (("started", theirs["start_time"]), ("ended", theirs["end_time"])):
                assert (ours[column] and round(ours[column].timestamp() * 1000)) == theirs_ms
            assert ledger.params_of(run_id) == theirs["params"]
            assert ledger.tags_of(run_id) == theirs["tags"]
            metrics = {key: row["last"] for (run, key), row in ledger.metrics.items() if run == run_id}
            assert metrics.keys() == theirs["metrics"].keys()
            for key, value in theirs["metrics"].items():
                assert same(as_stored(metrics[key]), value), (key, metrics[key], value)
        assert ledger.problems == {}

    def test_every_history_and_what_is_told_of_it(self, source: DatabaseStore, truth: dict[str, Any]) -> None:
        ledger = read_all(source)
        told, _, _ = read_history(source, list(ledger.runs))
        compared = 0
        for run in truth["runs"]:
            for key, theirs in run["history"].items():
                series = (run["run_id"], key)
                ours = [(ms, step, as_stored(value)) for step, ms, value in told[series]]
                assert sorted(map(repr, ours)) == sorted(map(repr, theirs)), series
                expected = truth_of([Point(step, ms, value) for step, ms, value in told[series]])
                row = ledger.metrics[series]
                assert row["exact"] is True
                for name in ("min", "min_step", "max", "max_step", "count"):
                    assert same(row[name], getattr(expected, name)), (series, name)
                compared += 1
        assert compared == len(told) > 20

    def test_infinities_are_what_was_logged(self, source: DatabaseStore) -> None:
        """MLflow's client says 1.8e308: what was logged is in `write_rich_store`."""
        ledger = read_all(source)
        (run,) = ledger.named("007")
        row = ledger.metrics[run["run_id"], "odd"]
        assert (row["min"], row["max"], row["min_step"], row["max_step"]) == (float("-inf"), float("inf"), 2, 1)
        told, _, _ = read_history(source, [run["run_id"]], ["odd"])
        assert [repr(value) for _, _, value in told[run["run_id"], "odd"]] == ["1e+22", "inf", "-inf", "nan"]

    def test_deleted_runs_only_on_request(self, base: Path, opened: Open, truth: dict[str, Any]) -> None:
        shown = read_all(opened(rich_database(base)[0])).runs
        gone = {one["experiment_id"] for one in truth["experiments"] if one["lifecycle_stage"] == "deleted"}
        active = {
            run["run_id"]
            for run in truth["runs"]
            if run["lifecycle_stage"] == "active" and run["experiment_id"] not in gone
        }
        assert shown.keys() == active
        assert len(active) < len(truth["runs"])

    def test_one_experiment(self, base: Path, opened: Open, truth: dict[str, Any]) -> None:
        path = rich_database(base)[0]
        (vision,) = [one for one in truth["experiments"] if one["name"] == "vision: λ"]
        by_name = read_all(opened(path, experiment="vision: λ")).runs
        by_id = read_all(opened(path, experiment=vision["experiment_id"])).runs
        assert by_name == by_id
        assert {run["experiment"] for run in by_name.values()} == {"vision: λ"}
        with pytest.raises(LocationError, match="no experiment 'nope'") as caught:
            opened(path, experiment="nope")
        assert caught.value.remedy


def as_stored(value: float) -> float:
    """As MLflow's databases keep it, and its client gives it: the infinities are the largest numbers."""
    return max(-LARGEST, min(LARGEST, value)) if value == value else value


class TestLocations:
    def bad(self, path: Path | str) -> LocationError:
        assert is_mlflow_database(str(path)) is None
        with pytest.raises(LocationError) as caught:
            SqliteDatabase(str(path))
        assert caught.value.remedy.strip()
        return caught.value

    def test_recognised(self, base: Path) -> None:
        assert is_mlflow_database(str(empty_database(base))) == "a SQLite database with MLflow's tables"

    def test_not_there(self, tmp_path: Path) -> None:
        error = self.bad(tmp_path / "no.db")
        assert "no database" in error.message
        assert "no.db" in error.message

    def test_a_directory(self, tmp_path: Path) -> None:
        assert "is a directory" in self.bad(tmp_path).message

    def test_no_path(self) -> None:
        assert "is not a path" in self.bad("a\0b").message

    def test_a_device(self) -> None:
        assert "no regular file" in self.bad(os.devnull).message

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        assert "0 bytes" in self.bad(tmp_path / "empty.db").message

    def test_a_text(self, tmp_path: Path) -> None:
        (tmp_path / "notes.db").write_text("Not a database, really.\n" * 9)
        assert "text file" in self.bad(tmp_path / "notes.db").message

    def test_encrypted(self, tmp_path: Path) -> None:
        (tmp_path / "secret.db").write_bytes(bytes((i * 197 + 13) % 256 for i in range(8192)))
        assert "encrypted" in self.bad(tmp_path / "secret.db").message

    def test_not_mlflows(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
            for name in ("albums", "artists\x1b[31m", "runs"):
                connection.execute(f'CREATE TABLE "{name}" (a)')
            connection.commit()
        error = self.bad(tmp_path / "other.db")
        assert "not MLflow's: its tables are albums, artists␛[31m, runs" in error.message

    def test_without_tables(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "bare.db")) as connection:
            connection.execute("PRAGMA user_version = 1")
        assert "no tables" in self.bad(tmp_path / "bare.db").message

    def test_truncated(self, tmp_path: Path, base: Path) -> None:
        path = tmp_path / "cut.db"
        path.write_bytes(empty_database(base).read_bytes()[:20_000])
        with pytest.raises((LocationError, SourceLostError), match="damaged"):
            read_all(DatabaseStore(SqliteDatabase(str(path))))

    def test_garbage_inside(self, tmp_path: Path, base: Path) -> None:
        path = tmp_path / "garbage.db"
        data = bytearray(many_database(base).read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        path.write_bytes(data)
        with pytest.raises((LocationError, SourceLostError), match="damaged"):
            read_all(DatabaseStore(SqliteDatabase(str(path))))

    @pytest.mark.parametrize("name", ["a b.db", "what?.db", "50%.db", "#1.db", "学習 λ.db", "a&mode=rwc.db", "'q\".db"])
    def test_odd_names(self, tmp_path: Path, base: Path, name: str, opened: Open) -> None:
        path = tmp_path / name
        shutil.copy(many_database(base), path)
        assert is_mlflow_database(str(path))
        source = opened(path)
        assert source.uri == str(path)
        assert len(read_all(source).runs) == 90
        assert os.listdir(tmp_path) == [name]

    def test_a_name_that_is_no_text(self, tmp_path: Path, base: Path, opened: Open) -> None:
        path = os.fsencode(tmp_path) + b"/\xff.db"
        shutil.copy(many_database(base), path)
        assert len(read_all(opened(Path(os.fsdecode(path)))).runs) == 90

    def test_through_a_link(self, tmp_path: Path, writer: DatabaseWriter, opened: Open) -> None:
        link = tmp_path / "link.db"
        link.symlink_to(writer.root)
        writer.add_run("one")
        assert read_all(opened(link)).named("one")


class TestWalMode:
    """A reader of such a database makes files beside it, `mode=ro` or not."""

    @pytest.fixture
    def wal(self, writer: DatabaseWriter) -> DatabaseWriter:
        writer.client._tracking_client.store.engine.dispose()
        with closing(sqlite3.connect(writer.root)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        return writer

    def test_nothing_is_made_where_nobody_has_it_open(self, wal: DatabaseWriter, opened: Open) -> None:
        before = snapshot(wal.root.parent)
        assert is_mlflow_database(str(wal.root))
        source = opened(wal.root)
        assert read_all(source).runs == {}
        assert snapshot(wal.root.parent) == before
        assert list(before) == [str(wal.root.parent), str(wal.root)]

    def test_what_is_only_in_the_wal_file_is_read(self, wal: DatabaseWriter, opened: Open) -> None:
        source = opened(wal.root)
        read_all(source)
        wal.add_run("in the WAL", metrics={"loss": points(3)})
        assert Path(f"{wal.root}-wal").stat().st_size > 0
        ledger = read_all(source)
        (run,) = ledger.named("in the WAL")
        assert ledger.count(run["run_id"], "loss") == 3

    def test_followed_while_writers_come_and_go(self, wal: DatabaseWriter, opened: Open, follow: Any) -> None:
        following = follow(opened(wal.root))
        for number in range(3):
            run_id = wal.add_run(f"run {number}", metrics={"loss": points(3)})
            following.until(lambda said, run_id=run_id: said.count(run_id, "loss") == 3, "a run")
            wal.client._tracking_client.store.engine.dispose()

    def test_without_its_shm_file(self, wal: DatabaseWriter) -> None:
        wal.add_run("one")
        lost = wal.root.parent / "copy" / "mlflow.db"
        lost.parent.mkdir()
        for name in ("mlflow.db", "mlflow.db-wal"):
            shutil.copy(wal.root.parent / name, lost.parent / name)
        before = snapshot(lost.parent)
        with pytest.raises(LocationError, match="-shm file is missing"):
            SqliteDatabase(str(lost))
        assert is_mlflow_database(str(lost))
        assert snapshot(lost.parent) == before


class TestTrouble:
    def test_a_brief_lock_is_waited_for(self, writer: DatabaseWriter, opened: Open) -> None:
        source = opened(writer.root)
        with closing(sqlite3.connect(writer.root, check_same_thread=False)) as other:
            other.execute("BEGIN EXCLUSIVE")
            timer = threading.Timer(0.6, other.rollback)
            timer.start()
            assert read_all(source).runs == {}
            timer.join()

    def test_a_lasting_lock_is_told(
        self, writer: DatabaseWriter, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = opened(writer.root)
        monkeypatch.setattr(sqlite, "_PATIENCE", 0.1)
        with closing(sqlite3.connect(writer.root)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for ask in (lambda: read_all(source), lambda: SqliteDatabase(str(writer.root))):
                with pytest.raises((SourceLostError, LocationError), match="is locked") as caught:
                    ask()
                assert "process that hangs" in caught.value.remedy
        assert read_all(source).runs == {}

    def test_a_writer_that_died_is_told(self, writer: DatabaseWriter, monkeypatch: pytest.MonkeyPatch) -> None:
        """It left a hot journal, which only a writer can play back."""
        code = (
            "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA cache_size = 1'); "
            "c.execute('BEGIN'); c.executemany('INSERT INTO params VALUES (?, ?, ?)', "
            "((str(i), 'x' * 500, 'r') for i in range(2000))); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(writer.root)], check=False, timeout=60)
        assert Path(f"{writer.root}-journal").exists()
        before = snapshot(writer.root.parent)
        with pytest.raises(LocationError, match="died in the middle of a transaction"):
            SqliteDatabase(str(writer.root))
        assert snapshot(writer.root.parent) == before

    def test_closing_ends_the_statement_that_runs(self, writer: DatabaseWriter) -> None:
        database = SqliteDatabase(str(writer.root))
        begun, ended = threading.Event(), threading.Event()

        def run() -> None:
            begun.set()
            endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
            with pytest.raises(SourceLostError, match="was closed"):
                database.frame(endless, {}, {})
            ended.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert begun.wait(DEADLINE)
        while not database._busy:
            assert thread.is_alive()
        database.close()
        assert ended.wait(DEADLINE)
        database.close()

    def test_values_of_other_types(self, writer: DatabaseWriter, opened: Open) -> None:
        """SQLite keeps anything in any column."""
        one = writer.add_run("one", params={"a": "1", "b": "2", "c": "3"}, metrics={"loss": points(3)})
        two = writer.add_run("two", params={"a": "1"})
        writer.sql("UPDATE params SET value = CAST(x'ff41' AS TEXT) WHERE key = 'a' AND run_uuid = ?", one)
        writer.sql("UPDATE params SET value = x'00ff41' WHERE key = 'b'")
        writer.sql(
            "UPDATE runs SET end_time = 'never', artifact_uri = x'ff', name = 'n' || char(0) || 'm' WHERE run_uuid = ?",
            one,
        )
        writer.sql("UPDATE latest_metrics SET step = 'last', value = 'much'")
        ledger = read_all(opened(writer.root))
        assert ledger.runs.keys() == {one, two}
        assert ledger.params_of(one) == {"a": "�A", "b": "\0�A", "c": "3"}
        assert ledger.params_of(two) == {"a": "1"}
        assert ledger.runs[one]["ended"] is None
        assert ledger.runs[one]["name"] == "n\0m"
        assert ledger.metrics[one, "loss"]["last_step"] is None
        assert ledger.metrics[one, "loss"]["max"] == 2 / 7

    def test_a_schema_of_the_future(self, writer: DatabaseWriter, opened: Open) -> None:
        run_id = writer.add_run("one", params={"a": "1"}, metrics={"loss": points(3)})
        for table in ("runs", "params", "tags", "metrics", "latest_metrics", "experiments"):
            writer.sql(f"ALTER TABLE {table} ADD COLUMN novelty TEXT DEFAULT 'x'")
        writer.sql("CREATE TABLE wonders (a, b)")
        writer.sql("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        ledger = read_all(opened(writer.root))
        assert ledger.params_of(run_id) == {"a": "1"}
        assert ledger.count(run_id, "loss") == 3


class TestWholeHistories:
    def test_long_runs_are_read_in_pages(
        self, writer: DatabaseWriter, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nan = float("nan")
        series = {
            "waves": [Point(i, T + i, float(i * 37 % 101)) for i in range(300)],
            "mostly nan": [Point(i, T + i, nan if i % 50 else i / 3) for i in range(300)],
            "all nan": [Point(i, T + i, nan) for i in range(120)],
            "flat": [Point(i, T + i, 2.5) for i in range(150)],
        }
        long = writer.add_run("long", metrics=series)
        short = [writer.add_run(f"short {i}", metrics={"waves": series["waves"][i : i + 40]}) for i in range(5)]
        monkeypatch.setattr(run_reader, "_POINTS_AT_ONCE", 70)
        ledger = read_all(opened(writer.root))
        expected = {(long, key): some for key, some in series.items()}
        expected |= {(run_id, "waves"): series["waves"][i : i + 40] for i, run_id in enumerate(short)}
        assert ledger.metrics.keys() == expected.keys()
        for key, some in expected.items():
            truth = truth_of(some)
            for name in ("last", "min", "min_step", "max", "max_step", "count"):
                assert same(ledger.metrics[key][name], getattr(truth, name)), (key, name)

    def test_what_the_scan_leaves_follow_makes_exact(
        self, writer: DatabaseWriter, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "_EXACT_SECONDS", 0.0)
        run_ids = [writer.add_run(f"run {i}", metrics={"loss": points(5)}, status="finished") for i in range(30)]
        following = follow(opened(writer.root))
        assert not any(row["exact"] for row in following.ledger.metrics.values())
        assert all(row["last"] == 4 / 7 for row in following.ledger.metrics.values())
        following.until(lambda said: all(row["exact"] for row in said.metrics.values()), "all are exact")
        assert all(following.ledger.count(run_id, "loss") == 5 for run_id in run_ids)


class TestCursors:
    def test_one_metric_first_and_all_later(self, writer: DatabaseWriter, opened: Open) -> None:
        run_id = writer.add_run("one", metrics={"a": points(10), "b": points(20)})
        writer.append(run_id, "a", points(5, 10))
        source = opened(writer.root)
        told, cursor, _ = read_history(source, [run_id], ["a"])
        assert [step for step, _, _ in told[run_id, "a"]] == list(range(15))
        writer.append(run_id, "b", points(5, 20))
        writer.append(run_id, "a", points(1, 15))
        told, cursor, _ = read_history(source, [run_id], None, cursor)
        assert [step for step, _, _ in told[run_id, "a"]] == [15]
        assert [step for step, _, _ in told[run_id, "b"]] == list(range(25))
        told, _, _ = read_history(source, [run_id], None, cursor)
        assert told == {}

    def test_more_runs_and_metrics_than_a_statement_may_name(
        self, writer: DatabaseWriter, opened: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SQLite before 3.32 knows 999 parameters; here it is 30."""
        for name, value in (("queries.KEYS_NAMED", 9), ("histories.KEYS_NAMED", 9), ("histories._RUNS", 20),
                            ("run_reader._RUNS_NAMED", 20), ("changes._PAGE", 20), ("store._BATCH", 20)):  # fmt: skip
            monkeypatch.setattr(f"tui_runs_mlflow.database.{name}", value)
        monkeypatch.setattr(store, "_FIRST_BATCH", 10)
        series = {f"m{i}": points(2) for i in range(40)}
        runs = [writer.add_run("many metrics", metrics=series)]
        runs += [writer.add_run(f"run {i}", metrics={"m0": points(1)}) for i in range(45)]
        source = opened(writer.root)
        real = sqlite._fetch

        def limited(connection: sqlite3.Connection, statement: str, parameters: Any) -> list[Any]:
            connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 30)
            return real(connection, statement, parameters)

        monkeypatch.setattr(sqlite, "_fetch", limited)
        ledger = read_all(source)
        assert ledger.runs.keys() == set(runs)
        assert len(ledger.metrics) == 85
        told, cursor, _ = read_history(source, runs)
        assert len(told) == 85
        some = [f"m{i}" for i in range(5, 40)]
        assert read_history(source, runs, some)[0].keys() == {(runs[0], key) for key in some}
        for number in (3, 30):
            writer.append(runs[0], f"m{number}", points(1, 2))
        told, _, _ = read_history(source, runs, None, cursor)
        assert {series: len(some) for series, some in told.items()} == {(runs[0], "m3"): 1, (runs[0], "m30"): 1}

    def test_a_table_that_was_written_anew(self, writer: DatabaseWriter, opened: Open) -> None:
        """As `mlflow db upgrade` does: the rows get other numbers."""
        for number in range(3):
            writer.add_run(f"before {number}", metrics={"a": points(30)})
        run_id = writer.add_run("one", metrics={"a": points(10)})
        source = opened(writer.root)
        _, cursor, _ = read_history(source, [run_id])
        writer.sql("CREATE TABLE copied AS SELECT * FROM metrics ORDER BY run_uuid = ? DESC", run_id)
        writer.sql("DELETE FROM metrics")
        writer.sql("INSERT INTO metrics SELECT * FROM copied")
        told, _, answers = read_history(source, [run_id], None, cursor)
        assert answers[0].restarted == {(run_id, "a")}
        assert [step for step, _, _ in told[run_id, "a"]] == list(range(10))


class TestFollowing:
    @pytest.fixture(autouse=True)
    def _compare_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tui_runs_mlflow.database.changes._SWEEP_SHARE", 0.5)

    def test_what_is_changed_in_place(self, writer: DatabaseWriter, opened: Open, follow: Any) -> None:
        """Of runs that are neither running nor looked at."""
        one = writer.add_run("one", tags={"t": "old", "gone": "x"}, metrics={"a": points(3)}, status="finished")
        two = writer.add_run("two", status="finished")
        source = opened(writer.root)
        following = follow(source)
        writer.client.set_tag(one, "t", "new")
        following.until(lambda said: said.tags_of(one)["t"] == "new", "a tag")
        writer.client.delete_tag(one, "gone")
        following.until(lambda said: "gone" not in said.tags_of(one), "a tag is gone")
        writer.client.update_run(one, name="renamed")
        following.until(lambda said: said.runs[one]["name"] == "renamed", "a name")
        writer.client.delete_run(two)
        following.until(lambda said: two not in said.runs, "a run was deleted")
        writer.client.restore_run(two)
        following.until(lambda said: two in said.runs, "a run was restored")
        writer.client.rename_experiment(writer.experiment, "other trials")
        following.until(lambda said: {run["experiment"] for run in said.runs.values()} == {"other trials"}, "a name")
        following.until_like(opened(writer.root))
        writer.client.delete_experiment(writer.experiment)
        following.until(lambda said: not said.runs, "an experiment was deleted")
        writer.client.restore_experiment(writer.experiment)
        following.until_like(opened(writer.root))
        assert len(following.ledger.runs) == 2

    def test_row_numbers_that_are_used_again(self, writer: DatabaseWriter, opened: Open, follow: Any) -> None:
        stays = writer.add_run("stays", metrics={"a": points(3)})
        goes = writer.add_run("goes", metrics={"a": points(5)}, params={"p": "1", "q": "2"})
        following = follow(opened(writer.root))
        with closing(sqlite3.connect(writer.root, isolation_level=None)) as other:  # both in one transaction
            other.execute("BEGIN")
            for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
                other.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (goes,))
            rows = [("a", step / 7, T + step, stays, step, 0) for step in range(3, 8)]
            other.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?,?,?,?,?,?)", rows
            )
            other.execute("UPDATE latest_metrics SET step = 7, value = 1.0, timestamp = ?", (T + 7,))
            other.execute("COMMIT")
        following.until(lambda said: said.count(stays, "a") == 8, "points that have the numbers of others")
        following.until(lambda said: goes not in said.runs, "a run is gone")
        following.until_like(opened(writer.root))

    def test_another_file_in_its_place(
        self, writer: DatabaseWriter, tmp_path: Path, base: Path, opened: Open, follow: Any
    ) -> None:
        writer.add_run("old", metrics={"a": points(3)})
        source = opened(writer.root)
        following = follow(source)
        other = DatabaseWriter(tmp_path / "other" / "mlflow.db", empty_database(base))
        new = other.add_run("new", metrics={"a": points(4)})
        os.replace(other.root, writer.root)
        following.until(lambda said: said.runs.keys() == {new}, "the other's runs only")
        assert read_history(source, [new])[0][new, "a"][-1][0] == 3
        following.until_like(opened(writer.root))

    def test_a_new_metric_of_a_finished_run(self, writer: DatabaseWriter, opened: Open, follow: Any) -> None:
        one = writer.add_run("one", metrics={"a": points(50)}, status="finished")
        following = follow(opened(writer.root))
        writer.append(one, "a", [Point(60, T + 60, -5.0)])
        following.until(lambda said: said.count(one, "a") == 51, "a point")
        row = following.ledger.metrics[one, "a"]
        assert (row["last"], row["last_step"], row["min"], row["min_step"], row["max"]) == (-5.0, 60, -5.0, 60, 7.0)
        assert row["exact"] is True
        writer.append(one, "a", [Point(10, T + 61, 99.0)])  # not the newest
        following.until(lambda said: said.metrics[one, "a"]["max"] == 99.0, "a late point")
        assert following.ledger.metrics[one, "a"]["last_step"] == 60

    def test_many_points_at_once(
        self, writer: DatabaseWriter, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tui_runs_mlflow.database.growth._ROWS", 7)
        monkeypatch.setattr("tui_runs_mlflow.database.growth._REMEMBERED", 1)
        runs = [writer.add_run(f"run {i}", metrics={"a": points(5), "b": points(5)}) for i in range(3)]
        following = follow(opened(writer.root))
        for start in range(5, 50, 15):
            for run_id in runs:
                writer.append(run_id, "a", points(15, start))
        following.until(lambda said: all(said.count(run_id, "a") == 50 for run_id in runs), "all points")
        following.until_like(opened(writer.root))

    @pytest.mark.parametrize("failing", range(1, 12, 2))
    def test_a_look_that_fails_in_the_middle_loses_nothing(
        self, writer: DatabaseWriter, opened: Open, monkeypatch: pytest.MonkeyPatch, failing: int
    ) -> None:
        """Whichever of its statements it is."""
        one = writer.add_run("one", metrics={"a": points(3)})
        source = opened(writer.root)
        ledger = read_all(source)
        writer.append(one, "a", points(3, 3))
        two = writer.add_run("two", params={"p": "1"}, metrics={"a": points(2)})
        writer.client.log_param(one, "late", "yes")
        real, left = SqliteDatabase.frame, [failing]

        def frame(self: SqliteDatabase, *arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise SourceLostError("locked", "wait")
            return real(self, *arguments)

        monkeypatch.setattr(SqliteDatabase, "frame", frame)
        for _ in range(2):
            try:
                for change in source.follow(Focus()):
                    ledger.apply_change(change)
                    if change.batch is None and not change.removed:
                        break
            except SourceLostError:
                continue
            break
        assert left[0] <= 0
        assert ledger.count(one, "a") == 6
        assert ledger.params_of(one) == {"late": "yes"}
        assert ledger.count(two, "a") == 2
        monkeypatch.setattr(SqliteDatabase, "frame", real)
        assert ledger.state() == read_all(opened(writer.root)).state()

    def test_says_that_it_was_asked_to_poll(self, writer: DatabaseWriter, opened: Open, follow: Any) -> None:
        run_id = writer.add_run("one", metrics={"a": points(3)})
        following = follow(opened(writer.root), Focus(poll_seconds=0.05))
        writer.append(run_id, "a", points(3, 3))
        following.until(lambda said: said.count(run_id, "a") == 6, "the points")
        writer.append(run_id, "a", points(3, 6))
        following.until(lambda said: said.count(run_id, "a") == 9, "points by polling")
        said = [change.polling for change in following.changes if change.polling is not None]
        assert said == ["asked for --poll 0.05"]

    def test_says_that_a_limit_is_reached(
        self, writer: DatabaseWriter, opened: Open, follow: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(paths: list[str]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("tui_runs.follow.events.make_notifier", fail)
        run_id = writer.add_run("one", metrics={"a": points(3)})
        following = follow(opened(writer.root))
        limit = "/proc/sys/fs/inotify/max_user_watches"
        following.until(lambda said: limit in said.problems, "that there are no watches")
        assert following.changes[-1].polling == "no inotify watches left"
        writer.append(run_id, "a", points(3, 3))
        following.until(lambda said: said.count(run_id, "a") == 6, "the points all the same")

    def test_only_the_experiment_that_is_shown(self, writer: DatabaseWriter, opened: Open, follow: Any) -> None:
        other = DatabaseWriter(writer.root, experiment="other")
        hidden = other.add_run("hidden", metrics={"a": points(2)})
        following = follow(opened(writer.root, experiment="trials"))
        assert following.ledger.runs == {}
        other.append(hidden, "a", points(3, 2))
        shown = writer.add_run("shown", metrics={"a": points(2)})
        following.until(lambda said: said.count(shown, "a") == 2, "the run")
        assert following.ledger.runs.keys() == {shown}


def test_scan_of_what_grows_tells_each_run_once(writer: DatabaseWriter, opened: Open) -> None:
    for number in range(80):
        writer.add_run(f"run {number}")
    source = opened(writer.root)
    scan = source.scan()
    ledger = Ledger([next(scan)])
    first = set(ledger.runs)
    assert len(first) == 64
    late = writer.add_run("late")
    seen = [run_id for batch in scan for run_id in batch.runs["run_id"]]
    assert len(seen) == len(set(seen)) == 17
    assert late in seen
    assert not first & set(seen)


def test_nothing_is_left_of_a_closed_source(writer: DatabaseWriter) -> None:
    writer.add_run("one")
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    source = DatabaseStore(SqliteDatabase(str(writer.root)))
    read_all(source)
    source.close()
    if before:
        assert set(os.listdir("/proc/self/fd")) <= before


def test_the_path_of_an_artifact(writer: DatabaseWriter, opened: Open, tmp_path: Path) -> None:
    run_id = writer.add_run("one")
    place = Path(writer.client.get_run(run_id).info.artifact_uri)
    place.mkdir(parents=True)
    (place / "a.txt").write_text("alpha")
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", place / "link")
    store = opened(writer.root)
    assert store.artifact_path(run_id, "a.txt") == str(place / "a.txt")
    for run, path in ((run_id, "link"), (run_id, "../secret"), ("no such run", "a.txt")):
        with pytest.raises(ArtifactError):
            store.artifact_path(run, path)
