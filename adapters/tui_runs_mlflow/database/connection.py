"""What the readers of a tracking database need of it, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import polars as pl

from tui_runs.schema import Schema

Dialect = Literal["sqlite", "postgresql", "mysql"]


class Database(Protocol):
    """One tracking database, read by one short statement at a time, each in a transaction of its own.

    A reader that keeps a transaction open makes a training's `log_metric` fail with "database is locked" in SQLite,
    and holds back vacuum elsewhere; so every statement is fetched whole before anything is done with its rows.
    May be used from several threads at once.
    """

    uri: str
    """Where it is, without a password."""
    kind: str
    """What it is, for a person: "MLflow SQLite database"."""

    @property
    def dialect(self) -> Dialect:
        """Whose SQL it understands."""
        ...

    def frame(self, statement: str, parameters: Mapping[str, object], schema: Schema) -> pl.DataFrame:
        """Run one SELECT.

        Args:
            statement: SQL, with parameters as `:name`.
            parameters: their values, by name.
            schema: names and types of the columns that the statement gives, in their order. What a column's type
                cannot hold becomes null.

        Raises:
            SourceLostError: the database cannot be read any more, or not now.
        """
        ...

    def columns(self) -> Mapping[str, frozenset[str]]:
        """Names of the columns of every table, looked up once: old schemas lack some, later ones have more."""
        ...

    def close(self) -> None:
        """Close every connection, and end the statement that is running; may be called twice, from any thread."""
        ...


@runtime_checkable
class StampedFile(Protocol):
    """A database that is a file, so that a glance at it tells whether somebody has written."""

    path: str

    def stamp(self) -> object:
        """Something that is equal to an earlier stamp only where nobody has written in between.

        Raises:
            SourceLostError: the file is gone.
        """
        ...
