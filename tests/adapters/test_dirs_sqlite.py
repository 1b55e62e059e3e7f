"""Reading other tools' SQLite files: whole, beside their writers, and without leaving a trace."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.adapters.dirs_seen import fingerprint
from tui_runs_dirs.files import NotReadError
from tui_runs_dirs.readers import sqlite_file
from tui_runs_dirs.readers.sqlite_file import columns_of, read_tables

WANTED = {"points": {"id": int, "value": float, "text": str}}


def make(path: Path, rows: int = 3, mode: str = "delete") -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE points (id INTEGER PRIMARY KEY, value FLOAT, text TEXT)")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO points VALUES (?, ?, ?)", ((number, number / 4, f"row {number}") for number in range(rows))
    )
    connection.execute("COMMIT")
    return connection


@pytest.fixture
def wal(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database in WAL mode that a writer has open, nothing of it in the file itself yet."""
    with closing(make(tmp_path / "live.db", mode="wal")) as connection:
        yield connection


class TestTables:
    def test_what_is_not_there_is_null_or_empty(self, tmp_path: Path) -> None:
        make(tmp_path / "a.db").close()
        wanted = {"points": {"value": float, "missing": str}, "nowhere": {"a": int}}
        frames, columns = read_tables(str(tmp_path / "a.db"), wanted)
        assert frames["points"].rows() == [(0.0, None), (0.25, None), (0.5, None)]
        assert frames["nowhere"].columns == ["a"]
        assert frames["nowhere"].is_empty()
        assert columns == {"points": frozenset({"id", "value", "text"})}

    def test_values_of_any_type_become_the_type_that_is_wanted(self, tmp_path: Path) -> None:
        connection = make(tmp_path / "a.db", rows=0)
        odd = [(7, 1.5), ("seven", "x"), (b"\xff\xfe", b'{"a":1}'), (1 << 62, b"\xff"), (None, None)]
        connection.executemany("INSERT INTO points (value, text) VALUES (?, ?)", odd)
        connection.close()
        frames, _ = read_tables(str(tmp_path / "a.db"), WANTED)
        assert frames["points"]["value"].to_list() == [7.0, None, None, float(1 << 62), None]
        assert frames["points"]["text"].to_list() == ["1.5", "x", '{"a":1}', "�", None]

    def test_pages_add_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_file, "_PAGE", 7)
        connection = make(tmp_path / "a.db", rows=100)
        connection.execute("INSERT INTO points VALUES (-5, 0.5, 'below zero')")
        connection.execute("DELETE FROM points WHERE id BETWEEN 20 AND 70")
        connection.close()
        frames, _ = read_tables(str(tmp_path / "a.db"), WANTED)
        assert frames["points"]["id"].to_list() == [-5, *range(20), *range(71, 100)]

    def test_too_many_rows_are_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_file, "_PAGE", 10)
        monkeypatch.setattr(sqlite_file, "MOST_ROWS", 50)
        make(tmp_path / "a.db", rows=100).close()
        with pytest.raises(NotReadError, match="more than 50 rows"):
            read_tables(str(tmp_path / "a.db"), WANTED)

    def test_views_and_virtual_tables_are_none(self, tmp_path: Path) -> None:
        connection = sqlite3.connect(tmp_path / "a.db")
        connection.execute(
            "CREATE VIEW points AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
        )
        connection.execute("CREATE VIRTUAL TABLE texts USING fts5(text)")
        connection.close()
        frames, columns = read_tables(str(tmp_path / "a.db"), {**WANTED, "texts": {"text": str}})
        assert frames["points"].is_empty()
        assert frames["texts"].is_empty()
        assert not {"points", "texts"} & columns.keys()

    def test_cells_and_times_are_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        connection = make(tmp_path / "a.db", rows=60_000)
        connection.execute("INSERT INTO points (text) VALUES (?)", ("x" * 5000,))
        connection.close()
        monkeypatch.setattr(sqlite_file, "_LONGEST_CELL", 1000)
        with pytest.raises(NotReadError, match="too big"):
            read_tables(str(tmp_path / "a.db"), WANTED)
        monkeypatch.setattr(sqlite_file, "_LONGEST_READ", -1.0)
        with pytest.raises(NotReadError, match="takes longer"):
            read_tables(str(tmp_path / "a.db"), WANTED)


class TestWal:
    def test_database_that_nobody_has_open_gets_no_files(self, tmp_path: Path, wal: sqlite3.Connection) -> None:
        wal.close()
        assert os.listdir(tmp_path) == ["live.db"]
        before = fingerprint(tmp_path)
        frames, _ = read_tables(str(tmp_path / "live.db"), WANTED)
        assert len(frames["points"]) == 3
        assert fingerprint(tmp_path) == before

    def test_read_only_directory_is_no_obstacle(self, tmp_path: Path, wal: sqlite3.Connection) -> None:
        wal.close()
        tmp_path.chmod(0o555)
        try:
            frames, _ = read_tables(str(tmp_path / "live.db"), WANTED)
        finally:
            tmp_path.chmod(0o755)
        assert len(frames["points"]) == 3

    def test_what_is_only_in_the_wal_is_read(self, tmp_path: Path, wal: sqlite3.Connection) -> None:
        names = sorted(os.listdir(tmp_path))
        wal.execute("BEGIN IMMEDIATE")
        wal.execute("INSERT INTO points (text) VALUES ('not yet')")
        frames, _ = read_tables(str(tmp_path / "live.db"), WANTED)
        assert frames["points"]["text"].to_list() == ["row 0", "row 1", "row 2"]
        wal.execute("COMMIT")
        frames, _ = read_tables(str(tmp_path / "live.db"), WANTED)
        assert frames["points"]["text"].to_list()[-1] == "not yet"
        assert sorted(os.listdir(tmp_path)) == names

    def test_wal_without_shm_is_left_alone(self, tmp_path: Path, wal: sqlite3.Connection) -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("live.db", "live.db-wal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
        with pytest.raises(NotReadError, match="-shm file is missing") as caught:
            read_tables(str(copy / "live.db"), WANTED)
        assert "wal_checkpoint" in caught.value.remedy
        assert sorted(os.listdir(copy)) == ["live.db", "live.db-wal"]

    def test_database_that_is_opened_meanwhile_is_read_again(
        self, tmp_path: Path, wal: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wal.close()
        path = tmp_path / "live.db"
        read_once = sqlite_file._read_once
        calls = []

        def write_then_read(*arguments: object) -> object:
            calls.append(arguments[1])
            if len(calls) == 1:
                with closing(sqlite3.connect(path, isolation_level=None)) as writer:
                    writer.execute("INSERT INTO points (text) VALUES ('late')")
            return read_once(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(sqlite_file, "_read_once", write_then_read)
        frames, _ = read_tables(str(path), WANTED)
        assert calls == [True, True]
        assert frames["points"]["text"].to_list()[-1] == "late"


class TestBesideAWriter:
    def test_writer_that_commits_again_and_again_is_never_kept_out(self, tmp_path: Path) -> None:
        path = tmp_path / "busy.db"
        make(path, rows=0).close()
        failures: list[Exception] = []
        enough = threading.Event()

        def write() -> None:
            with closing(sqlite3.connect(path, isolation_level=None, timeout=1)) as writer:
                number = 0
                while not enough.wait(0.002) or number < 50:
                    try:
                        writer.execute("INSERT INTO points (value) VALUES (?)", (number,))
                    except sqlite3.Error as error:
                        failures.append(error)
                        return
                    number += 1

        thread = threading.Thread(target=write)
        thread.start()
        try:
            sizes = [len(read_tables(str(path), WANTED)[0]["points"]) for _ in range(20)]
        finally:
            enough.set()
            thread.join(30)
        assert not thread.is_alive()
        assert failures == []
        assert sizes == sorted(sizes)

    def test_transaction_that_died_needs_a_writer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_file, "_ATTEMPTS", 2)
        path = tmp_path / "a.db"
        with closing(make(path, rows=2000)) as writer:
            writer.execute("PRAGMA cache_size = 1")  # so that pages go to the file before the end
            writer.execute("BEGIN")
            writer.execute("UPDATE points SET text = text || 'x'")
            copy = tmp_path / "copy"
            copy.mkdir()
            for name in os.listdir(tmp_path):
                if name.startswith("a.db"):
                    (copy / name).write_bytes((tmp_path / name).read_bytes())
        before = fingerprint(copy)
        with pytest.raises(NotReadError, match="died in the middle"):
            columns_of(str(copy / "a.db"))
        assert fingerprint(copy) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty"), (b"text" * 100, "not a SQLite database"), (b"SQLite format 3\0" + b"\7" * 5000, "damaged")],
)
def test_what_is_no_database_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(NotReadError, match=said):
        columns_of(str(tmp_path / "a.db"))


def test_links_pipes_and_directories_are_not_opened(tmp_path: Path) -> None:
    make(tmp_path / "a.db").close()
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "directory.db").mkdir()
    for name in ("link.db", "pipe.db", "directory.db", "nothing.db"):
        with pytest.raises(OSError, match=r".*"):
            columns_of(str(tmp_path / name))
