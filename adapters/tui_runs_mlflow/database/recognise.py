"""Tells MLflow's SQLite databases from other files. Imported at every start, so it imports nothing heavy."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Final
from urllib.parse import quote

MAGIC: Final = b"SQLite format 3\0"
WAL_FORMAT: Final = b"\2"
"""The byte at 19 of a database in WAL mode; see `sqlite` for what is to be minded with one."""


def is_sqlite(path: str) -> bool:
    """Whether a file begins as SQLite's do, whatever is in it."""
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


def is_mlflow_database(path: str) -> str | None:
    """What was seen of MLflow's in a file, to be shown to a person; None where it is something else. Never raises."""
    try:
        with open(path, "rb") as file:
            header = file.read(20)
        if not header.startswith(MAGIC):
            return None
        live = all(os.path.exists(os.path.realpath(path) + suffix) for suffix in ("-wal", "-shm"))
        mode = "mode=ro&immutable=1" if header[19:] == WAL_FORMAT and not live else "mode=ro"
        uri = f"file:{quote(os.fsencode(path))}?{mode}"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.2)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError as error:
        busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        return "a SQLite database that is locked" if busy else None
    except (OSError, ValueError, sqlite3.Error):
        return None
    return "a SQLite database with MLflow's tables" if {"runs", "experiments", "metrics"} <= names else None
