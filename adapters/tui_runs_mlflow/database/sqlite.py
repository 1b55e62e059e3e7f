"""MLflow's SQLite databases, read beside a training that writes into them.

The journal mode that MLflow leaves is DELETE: while anyone reads, a writer waits, and gives up with "database is
locked" after 20 s. So every statement is a transaction of its own, fetched whole at once, and pages are small.

A database in WAL mode is another matter: any reader makes a `-shm` and a `-wal` file beside it where there are none,
and leaves them there, `mode=ro` or not. Where nobody has it open (no `-wal`) it is therefore read as immutable, and
what was read counts only if the file is the same afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import polars as pl

from tui_runs.display import printable
from tui_runs.errors import LocationError, SourceLostError
from tui_runs.schema import Schema
from tui_runs_mlflow.database.connection import Dialect
from tui_runs_mlflow.database.recognise import MAGIC, WAL_FORMAT

_BUSY_SECONDS: Final = 0.25
"""How long SQLite itself waits for a lock; between two such waits it is seen that the source was closed."""
_PAUSE: Final = 0.02
_PATIENCE: Final = 10.0
"""Seconds of waiting for a lock after which the database is said to be locked."""
_STEPS: Final = 100_000
"""Steps of SQLite's machine, some milliseconds, after which a statement looks whether it is still wanted."""
_PRAGMAS: Final = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY"
"""The last one: what does not fit into memory would go to a file, and that perhaps into the working directory."""
_TABLES: Final = (
    "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c "
    "WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%'"
)
_NEEDED: Final = frozenset({"runs", "experiments", "metrics", "params", "tags"})


@dataclass(slots=True, eq=False)
class _OpenFile:
    """The database file as long as it is the same one; `path` is without links, for SQLite's own files lie beside it.

    It is kept open to read its header, and closed last: closing any descriptor of a file takes away all the locks
    that this process has on it, those of a statement that is running too (https://sqlite.org/howtocorrupt.html, 2.2).
    """

    path: str
    descriptor: int
    identity: tuple[int, int]
    idle: list[_Connection] = field(default_factory=list)

    def unchanging(self) -> tuple[object, ...] | None:
        """Of a database in WAL mode that nobody has open: what changes when somebody opens and writes it; else None."""
        if os.pread(self.descriptor, 1, 19) != WAL_FORMAT or self.wal_stamp() != (0, 0):
            return None
        status = os.fstat(self.descriptor)
        return status.st_size, status.st_mtime_ns

    def wal_stamp(self) -> tuple[int, int]:
        """Size and time of change (ns) of the `-wal` file; zeros where it is empty or not there."""
        try:
            status = os.stat(f"{self.path}-wal")
        except OSError:
            return 0, 0
        return (status.st_size, status.st_mtime_ns) if status.st_size else (0, 0)


@dataclass(slots=True, eq=False)
class _Connection:
    """A connection that one thread uses at a time; `unchanging` is the stamp that an immutable file had."""

    sqlite: sqlite3.Connection
    file: _OpenFile
    unchanging: tuple[object, ...] | None


class SqliteDatabase:
    """A SQLite file, opened for reading only. See `tui_runs_mlflow.database.connection.Database`.

    Args:
        path: absolute.

    Raises:
        LocationError: it is not there, cannot be read, or is no database of MLflow's.
    """

    kind = "MLflow SQLite database"
    dialect: Dialect = "sqlite"

    def __init__(self, path: str) -> None:
        self.path = path
        self.uri = path
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._file: _OpenFile | None = None
        self._busy: set[_Connection] = set()
        try:
            self._columns = self._look_up_columns()
        except SourceLostError as error:
            self.close()
            raise LocationError(error.message, error.remedy) from None
        except BaseException:
            self.close()
            raise

    def columns(self) -> Mapping[str, frozenset[str]]:
        """Names of the columns of every table."""
        return self._columns

    def frame(self, statement: str, parameters: Mapping[str, object], schema: Schema) -> pl.DataFrame:
        """Run one SELECT; brief locks are waited for. See `tui_runs_mlflow.database.connection.Database`."""
        rows = self._rows(statement, parameters)
        columns = zip(*rows, strict=True) if rows else ((),) * len(schema)  # twice as fast as a frame from rows
        return pl.DataFrame(
            [
                pl.Series(name, values, dtype, strict=False)
                for (name, dtype), values in zip(schema.items(), columns, strict=True)
            ]
        )

    def stamp(self) -> tuple[object, ...]:
        """Differs once somebody has written. Takes no lock: the header's change counter, or the WAL's time and size.

        Raises:
            SourceLostError: the file is gone.
        """
        with self._lock:
            file = self._current_file()
            header = os.pread(file.descriptor, 28, 0)
        return file.identity, header[24:], file.wal_stamp()

    def close(self) -> None:
        """Close every connection, and end the statement that is running; may be called twice, from any thread."""
        self._closed.set()
        with self._lock:
            self._retire()

    # --- statements -------------------------------------------------------------------------------------------------

    def _rows(self, statement: str, parameters: Mapping[str, object]) -> list[Any]:
        begin = time.monotonic()
        while True:
            with self._connection() as connection:
                try:
                    rows = _fetch(connection.sqlite, statement, parameters)
                    failure = None
                except sqlite3.Error as error:
                    failure = error
                if connection.unchanging not in (None, connection.file.unchanging()):
                    continue  # what was read of it, and what went wrong, says nothing
            if failure is None:
                return rows
            if self._closed.is_set():
                raise self._was_closed()
            if time.monotonic() - begin > _patience_with(failure):
                raise SourceLostError(*_explain(self.path, failure))
            self._closed.wait(_PAUSE)

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """A connection that nobody else uses, to the file that is there now."""
        with self._lock:
            file = self._current_file()
            connection = file.idle.pop() if file.idle else self._connect(file)
            if connection.unchanging not in (None, file.unchanging()):
                connection.sqlite.close()
                connection = self._connect(file)
            self._busy.add(connection)
        try:
            yield connection
        finally:
            with self._lock:
                self._busy.discard(connection)
                if file is self._file and connection.unchanging in (None, file.unchanging()):
                    file.idle.append(connection)
                else:
                    connection.sqlite.close()
                    if file is not self._file and all(other.file is not file for other in self._busy):
                        os.close(file.descriptor)

    def _was_closed(self) -> SourceLostError:
        return SourceLostError(f"{printable(self.path)} was closed.", "Open it again.")

    def _connect(self, file: _OpenFile) -> _Connection:
        unchanging = file.unchanging()
        if file.wal_stamp() != (0, 0) and not os.path.exists(f"{file.path}-shm"):
            raise SourceLostError(
                f"{printable(self.path)} is in WAL mode and its -shm file is missing: reading it would make one.",
                "Let what wrote it open and close it once: sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'.",
            )
        mode = "mode=ro" if unchanging is None else "mode=ro&immutable=1"
        sqlite = sqlite3.connect(
            f"file:{quote(os.fsencode(file.path))}?{mode}",
            uri=True, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False,
        )  # fmt: skip
        try:
            sqlite.executescript(_PRAGMAS)
            # Not `interrupt` when it is closed: that would miss a statement which is just about to begin.
            sqlite.set_progress_handler(self._closed.is_set, _STEPS)
        except BaseException:
            sqlite.close()
            raise
        return _Connection(sqlite, file, unchanging)

    # --- the file ---------------------------------------------------------------------------------------------------

    def _current_file(self) -> _OpenFile:
        """The file that has the path now; what was open of another one that had it is closed."""
        if self._closed.is_set():
            raise self._was_closed()
        try:
            status = os.stat(self.path)
            identity = status.st_dev, status.st_ino
            if self._file is None or self._file.identity != identity:
                self._retire()
                self._file = _open(self.path)
        except (OSError, ValueError) as error:
            self._retire()
            raise SourceLostError(*_explain(self.path, error)) from None
        return self._file

    def _retire(self) -> None:
        """Close what is not in use; who uses the rest closes it."""
        if self._file is None:
            return
        file, self._file = self._file, None
        for connection in file.idle:
            connection.sqlite.close()
        if all(connection.file is not file for connection in self._busy):
            os.close(file.descriptor)

    def _look_up_columns(self) -> dict[str, frozenset[str]]:
        tables: dict[str, set[str]] = {}
        for table, column in self._rows(_TABLES, {}):
            tables.setdefault(table, set()).add(column)
        if not tables.keys() >= _NEEDED:
            some = [printable(name) for name in sorted(tables)]
            names = ", ".join(some[:8]) + (f" and {len(some) - 8} more" if len(some) > 8 else "")
            raise SourceLostError(
                f"{printable(self.path)} is a SQLite database, but not MLflow's: "
                + (f"its tables are {names}." if some else "it has no tables."),
                "Give the file that mlflow writes (mlflow.db), which has the tables runs and metrics.",
            )
        return {table: frozenset(columns) for table, columns in tables.items()}


def _fetch(connection: sqlite3.Connection, statement: str, parameters: Mapping[str, object]) -> list[Any]:
    """All rows. The cursor is exhausted or closed in any case: an open one holds the lock."""
    cursor = connection.cursor()
    try:
        return cursor.execute(statement, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) is not None or "decode" not in str(error):
            raise
    finally:
        cursor.close()
    # Some text is not UTF-8. A factory of our own makes every text slower, so only where one is needed.
    connection.text_factory = lambda data: data.decode(errors="replace")
    try:
        return _fetch(connection, statement, parameters)
    finally:
        connection.text_factory = str


def _open(path: str) -> _OpenFile:
    """Open a database file and look at its header.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no SQLite database; the message says what it is, and the second argument the remedy.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(
                "is a directory", f"Give the database in it, such as {printable(os.path.join(path, 'mlflow.db'))}."
            )
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("is no regular file", "Give a database file, such as mlflow.db.")
        header = os.read(descriptor, 100)
        if not header:
            raise ValueError("is empty (0 bytes)", "Nothing was written into it yet, or a copy failed.")
        if not header.startswith(MAGIC):
            text = all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in header)
            if text:
                raise ValueError(
                    "is a text file, not a SQLite database", "Give the file that mlflow writes: mlflow.db."
                )
            raise ValueError(
                "is not a SQLite database, or it is encrypted",
                "Give the file that mlflow writes (mlflow.db); an encrypted one must be decrypted first.",
            )
    except BaseException:
        os.close(descriptor)
        raise
    return _OpenFile(os.path.realpath(path), descriptor, (status.st_dev, status.st_ino))


def _patience_with(error: sqlite3.Error) -> float:
    """Seconds for which a statement is tried again that fails like this."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):  # another connection is writing
        return _PATIENCE
    # A journal that a writer takes away this moment looks as if the writer had died: pager.c, ticket 3883.
    return _PAUSE * 50 if code == sqlite3.SQLITE_READONLY else 0.0


def _explain(path: str, error: Exception) -> tuple[str, str]:
    """Why a database cannot be read, and what the user can do."""
    where = printable(path)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"There is no database {where}.", "Check the path; one that was there before is read on when it is back."
    if isinstance(error, PermissionError):
        return f"{where}: permission denied.", "Make it readable for your user: chmod u+r, or ask its owner."
    if isinstance(error, OSError):
        return f"{where} cannot be read: {error.strerror or error}.", "Check the file and its disk."
    if isinstance(error, ValueError):
        if len(error.args) == 2:
            return f"{where} {error.args[0]}.", str(error.args[1])
        return f"{where} is not a path.", "Give a database file, such as mlflow.db."
    code = getattr(error, "sqlite_errorcode", 0)
    if isinstance(error, sqlite3.Error) and _patience_with(error) == _PATIENCE:
        return (
            f"{where} is locked: somebody has been writing for {_PATIENCE:.0f} s without an end.",
            "Look for a process that hangs in a transaction (fuser, lsof); it is read on when the lock is gone.",
        )
    if code == sqlite3.SQLITE_READONLY_ROLLBACK:
        return (
            f"{where}: its writer died in the middle of a transaction, which only a writer can take back.",
            f"Open it once with the right to write: sqlite3 {where} 'SELECT 1 FROM runs'; or run any mlflow command.",
        )
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"{where} is a damaged SQLite database: {error}.",
            f"Restore it from a backup, or save what is left: sqlite3 {where} .recover",
        )
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and os.path.exists(f"{path}-wal"):
        return (
            f"{where} is in WAL mode, and its -wal and -shm files cannot be used: {error}.",
            "Make its directory readable for your user, and copy a database together with both files.",
        )
    return (
        f"{where} cannot be read: {printable(str(error))}.",
        "Check the file; if mlflow changed it just now, open it again.",
    )
