"""Tells MLflow's SQLite databases from other files. Imported at every start, so it imports nothing heavy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final
from urllib.parse import quote

MAGIC: Final = b"SQLite format 3\0"


def is_mlflow_database(path: str) -> str | None:
    """What was seen of MLflow's in a file, to be shown to a person; None where it is something else. Never raises."""
    try:
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return None
        uri = f"file:{quote(path)}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.2)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (OSError, ValueError, sqlite3.Error):
        return None
    return "a SQLite database with MLflow's tables" if {"runs", "experiments", "metrics"} <= names else None
