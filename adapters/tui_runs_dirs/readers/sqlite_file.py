"""Tables of other tools' SQLite databases, read whole beside the program that writes them.

Nobody is kept from writing: every statement is a transaction of its own, fetched at once, and a big table comes in
pages. Nothing is written beside the file either: a database in WAL mode that nobody has open (no `-wal`) would get a
`-wal` and a `-shm` from any reader, `mode=ro` or not, so it is read as immutable, and what was read counts only if
the file is the same afterwards.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from tui_runs.display import printable
from tui_runs_dirs.files import NotReadError, open_regular, stamp_of
from tui_runs_dirs.layout import Stamp

if TYPE_CHECKING:
    import polars as pl

MAGIC: Final = b"SQLite format 3\0"
_WAL_FORMAT: Final = 2
"""The byte at 19 of a database in WAL mode."""
PATIENCE: Final = 2.0
"""Seconds of waiting for a lock. Whoever reads comes again soon, and must not be held up by a writer that hangs."""
_PAGE: Final = 20_000
"""Rows fetched in one transaction: some 20 ms, which a writer waits without noticing."""
MOST_ROWS: Final = 10_000_000
_LONGEST_CELL: Final = 64 << 20
_LONGEST_READ: Final = 60.0
"""Seconds for one database, after which it is taken for one that was made to keep its readers busy."""
_PRAGMAS: Final = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY"
_TABLES: Final = (
    "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c "
    "WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%'"
)
_ONE_AT_A_TIME: Final = threading.Lock()
"""Closing any descriptor of a file takes away the locks that other connections of this process have on it
(https://sqlite.org/howtocorrupt.html, 2.2), so no two threads are at the same file at once."""

_ATTEMPTS: Final = 20
_PAUSE: Final = 0.05
_BUSY_PAUSE: Final = 0.002
Columns: TypeAlias = Mapping[str, frozenset[str]]
"""Names of the columns of every table."""
Wanted: TypeAlias = Mapping[str, Mapping[str, type[int | float | str]]]
"""Of each table the columns and their types."""


def sqlite_stamp(path: str) -> Stamp:
    """Of a database and its `-wal`, into which a writer may write for long before it touches the database."""
    return stamp_of(path, f"{path}-wal")


def first_bytes(path: str, limit: int) -> bytes:
    """The beginning of a file that may be a database; empty where it cannot be read."""
    with _ONE_AT_A_TIME:
        try:
            descriptor = open_regular(path)
        except OSError:
            return b""
        try:
            return os.pread(descriptor, limit, 0)
        except OSError:
            return b""
        finally:
            os.close(descriptor)


def columns_of(path: str) -> Columns:
    """The tables of a database, to tell whose it is.

    Raises:
        OSError: it cannot be opened; NotReadError, which is one: it is no database, or cannot be read now.
    """
    return _read(path, {})[0]


def read_tables(path: str, wanted: Wanted) -> tuple[dict[str, pl.DataFrame], Columns]:
    """Read tables whole, in the order in which their rows were written.

    Statements see different moments where somebody writes meanwhile: a row may be there whose parent is not, yet.

    Args:
        path: of the database.
        wanted: of each table the columns and their types. A column of texts holds whatever is stored as text (a blob as
            the UTF-8 text it is); in others a value that does not fit is null. A column that the table lacks is null,
            and a table that the database lacks is empty: tools change their schemas from release to release.

    Returns:
        The frames by table, and what there is in the database.

    Raises:
        OSError: it cannot be opened; NotReadError, which is one: it is no database, is locked, damaged or too big.
    """
    columns, frames = _read(path, wanted)
    return frames, columns


def _read(path: str, wanted: Wanted) -> tuple[Columns, dict[str, pl.DataFrame]]:
    end = time.monotonic() + _LONGEST_READ
    failure = NotReadError("The database changes while it is read.", "It is read again when it changes the next time.")
    with _ONE_AT_A_TIME:
        for _ in range(_ATTEMPTS):
            with _opened(path) as descriptor:
                before = _unchanging(descriptor, path)
                try:
                    found = _read_once(path, before is not None, wanted, end)
                    error = None
                except sqlite3.Error as raised:
                    error = raised
                if before is not None and before != _unchanging(descriptor, path):
                    continue  # somebody opened it: what was read of it, and what went wrong, says nothing
            if error is None:
                return found
            failure = _failure(path, error)
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_READONLY:
                break
            # A journal that a writer takes away this moment looks as if the writer had died: pager.c, ticket 3883.
            time.sleep(_PAUSE)
    raise failure


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """A descriptor of the file, open as long as SQLite has it.

    Raises:
        OSError: it cannot be opened; NotReadError, which is one, if it is no SQLite database.
    """
    descriptor = open_regular(path)
    try:
        header = os.pread(descriptor, len(MAGIC), 0)
        if not header:
            raise NotReadError("The database is empty (0 bytes).", "Nothing was written yet, or a copy failed.")
        if header != MAGIC:
            what = "It is not a SQLite database, or it is encrypted."
            raise NotReadError(what, "Restore it from a backup; the rest is shown.")
        yield descriptor
    finally:
        os.close(descriptor)


def _unchanging(descriptor: int, path: str) -> tuple[int, int] | None:
    """Of a database in WAL mode that nobody has open: what changes when somebody writes into it; else None."""
    if os.pread(descriptor, 1, 19) != bytes([_WAL_FORMAT]) or _wal_size(path):
        return None
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _wal_size(path: str) -> int:
    try:
        return os.stat(f"{path}-wal").st_size
    except OSError:
        return 0


def _read_once(path: str, immutable: bool, wanted: Wanted, end: float) -> tuple[Columns, dict[str, pl.DataFrame]]:
    if _wal_size(path) and not os.path.exists(f"{path}-shm"):
        raise NotReadError(
            "The database is in WAL mode and its -shm file is missing: reading it would make one.",
            "Let what wrote it open and close it once: sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'.",
        )
    uri = f"file:{quote(os.fsencode(path))}?mode=ro" + ("&immutable=1" if immutable else "")
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > end, 100_000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
        connection.executescript(_PRAGMAS)
        columns: dict[str, set[str]] = {}
        for table, column in _fetch(connection, _TABLES):
            columns.setdefault(table, set()).add(column)
        frames = {
            table: _read_table(connection, table, schema, columns.get(table, set())) for table, schema in wanted.items()
        }
    return {table: frozenset(names) for table, names in columns.items()}, frames


def _read_table(
    connection: sqlite3.Connection, table: str, schema: Mapping[str, type], there: set[str]
) -> pl.DataFrame:
    import polars as pl  # noqa: PLC0415  recognising a database needs none

    types = {int: pl.Int64, float: pl.Float64, str: pl.String}
    dtypes = {name: types[kind] for name, kind in schema.items()}
    pages = [pl.DataFrame(schema=dtypes)]
    if there:
        selected = ", ".join(
            "NULL" if name not in there else f'CAST("{name}" AS TEXT)' if kind is str else f'"{name}"'
            for name, kind in schema.items()
        )
        statement = f'SELECT rowid, {selected} FROM "{table}" WHERE rowid > ? ORDER BY rowid LIMIT {_PAGE}'
        last = -(1 << 63)
        while rows := _fetch(connection, statement, last):
            ids, *values = zip(*rows, strict=True)
            pages.append(
                pl.DataFrame(
                    [
                        pl.Series(name, column, dtype, strict=False)
                        for (name, dtype), column in zip(dtypes.items(), values, strict=True)
                    ]
                )
            )
            last = ids[-1]
            if len(rows) < _PAGE:
                break
            if len(pages) * _PAGE > MOST_ROWS:
                raise NotReadError(
                    f"The table {table} has more than {MOST_ROWS:,} rows.", "Delete what is not needed any more."
                )
    return pl.concat(pages)


def _fetch(connection: sqlite3.Connection, statement: str, *parameters: object) -> list[Any]:
    """All rows at once. Asks often while there is a lock: a writer that commits on and on lets go only briefly."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return connection.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) is None and connection.text_factory is str:
                # Some text is not UTF-8. A factory of our own makes every text slower, so only where one is needed.
                connection.text_factory = lambda data: data.decode(errors="replace")
                continue
            if not _is_locked(error) or time.monotonic() > end:
                raise
        # Nothing tells a reader when a writer lets go of its lock; this is a worker thread.
        time.sleep(_BUSY_PAUSE)


def _is_locked(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _failure(path: str, error: sqlite3.Error) -> NotReadError:
    """What went wrong, and what the user can do."""
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF
    reason = printable(str(error))
    if _is_locked(error):
        return NotReadError(
            f"The database is locked: somebody has been writing for {PATIENCE:.0f} s without an end.",
            "Look for a process that hangs in a transaction (fuser, lsof); it is read when the lock is gone.",
        )
    if code == sqlite3.SQLITE_READONLY_ROLLBACK:
        return NotReadError(
            "The writer of the database died in the middle of a transaction, which only a writer can take back.",
            "Open it once with the tool that writes it.",
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return NotReadError(
            f"The database is damaged: {reason}.",
            "Restore it from a backup, or save what is left: sqlite3 FILE .recover",
        )
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) and os.path.exists(f"{path}-wal"):
        return NotReadError(
            f"The database is in WAL mode, and its -wal and -shm files cannot be used: {reason}.",
            "Make its directory readable for your user, and copy a database together with both files.",
        )
    if primary == sqlite3.SQLITE_INTERRUPT:
        what = f"Reading the database takes longer than {_LONGEST_READ:.0f} s."
        return NotReadError(what, "Delete what is not needed any more.")
    return NotReadError(
        f"The database cannot be read: {reason}.", "Check the file; if it changed just now, look again."
    )
