"""A tracking database on a server, PostgreSQL or MySQL.

The drivers are used as they are. SQLAlchemy would give little more than their URLs and parameters, which are a page
of code, and importing it takes 0.4 s: half of the time in which the first rows are to be there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from typing import Any, Final

import polars as pl

from tui_runs.errors import LocationError, SourceLostError
from tui_runs.schema import Schema
from tui_runs_mlflow.database.mysql import MySQL
from tui_runs_mlflow.database.postgresql import PostgreSQL
from tui_runs_mlflow.database.server import Connection, Server, Trouble
from tui_runs_mlflow.database.server_url import parse_url

_BACK_OFF_SECONDS: Final = 0.25
_IDLE: Final = 4
"""Connections that are kept for the next statement."""
_CANCEL_SECONDS: Final = 5.0
_CANCEL_AGAIN_SECONDS: Final = 0.1
_PARAMETER: Final = re.compile(r"(?<!:):([A-Za-z_]\w*)")
_MLFLOW_TABLES: Final = frozenset({"experiments", "metrics", "params", "runs", "tags"})


class SqlServerDatabase:
    """See `connection.Database`. A statement takes an idle connection or makes one, and never shares it.

    Args:
        url: as MLflow takes it, `postgresql+psycopg2://user:password@host/database`; the driver's name does not
            matter. What it lacks comes from where the servers' own tools look for it.

    Raises:
        LocationError: it cannot be connected to, or MLflow's tables are not there.
    """

    def __init__(self, url: str) -> None:
        address = parse_url(url)
        self.uri = address.uri
        self.dialect = address.dialect
        self._server: Server = PostgreSQL(address) if self.dialect == "postgresql" else MySQL(address)
        self.kind = f"MLflow {self._server.name} database"
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._idle: list[Connection] = []
        self._busy: list[Connection] = []
        try:
            rows = self._run(self._server.catalogue, [])
        except _FailedError as failed:
            raise LocationError(f"{self.uri}: {failed.trouble.what}", failed.trouble.remedy) from None
        columns: dict[str, set[str]] = {}
        for table, column in rows:
            columns.setdefault(table, set()).add(column)
        if not columns.keys() >= _MLFLOW_TABLES:
            self.close()
            raise LocationError(
                f"{self.uri}: MLflow's tables are not in this database, or this user may not read them.",
                "Check the database's name, and that its owner has granted SELECT on the tables.",
            )
        self._columns = {table: frozenset(names) for table, names in columns.items()}

    def columns(self) -> Mapping[str, frozenset[str]]:
        """Names of the columns of every table that may be read. See `connection.Database`."""
        return self._columns

    def frame(self, statement: str, parameters: Mapping[str, object], schema: Schema) -> pl.DataFrame:
        """Run one SELECT, a second time on a new connection where the first was dropped. See `connection.Database`."""
        sql, names = _by_position(statement, self._server.placeholder)
        values = [_storable(parameters[name]) for name in names]
        try:
            rows = self._run_again_where_dropped(sql, values)
        except _FailedError as failed:
            raise SourceLostError(f"{self.uri}: {failed.trouble.what}", failed.trouble.remedy) from None
        # Measured on a million rows of three texts: 2.4 s, of which 1.8 are the driver's; polars' own reading of rows
        # takes 2.8, zip(*rows) 3.4, and COPY, which psycopg hands on a row at a time, 9.
        return pl.DataFrame(
            [
                pl.Series(name, [row[number] for row in rows], dtype=dtype, strict=False)
                for number, (name, dtype) in enumerate(schema.items())
            ]
        )

    def close(self) -> None:
        """Close every connection, and end the statements that are running. See `connection.Database`."""
        self._closed.set()
        self._close_idle()
        with self._lock:
            running = bool(self._busy)
        if running:  # over the network: whoever closes does not wait for it
            threading.Thread(target=self._cancel, name="tui-runs-mlflow-cancel", daemon=True).start()

    def _run_again_where_dropped(self, sql: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._run(sql, values)
        except _FailedError as failed:
            if not failed.dropped:
                raise
        self._close_idle()  # they came over the same network, from the same server
        self._closed.wait(_BACK_OFF_SECONDS)
        return self._run(sql, values)

    def _run(self, sql: str, values: Sequence[object]) -> list[Any]:
        """Rows of one statement.

        Raises:
            _FailedError: the driver raised something.
            SourceLostError: this was closed.
        """
        connection = self._take()
        usable = False
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute(sql, values)
                rows: list[Any] = cursor.fetchall()
            usable = True
        except self._server.errors as error:
            if self._closed.is_set():  # and so cancelled
                raise self._is_closed() from None
            dropped = self._server.is_dropped(error, connection)
            raise _FailedError(self._server.trouble(error), dropped=dropped) from None
        finally:
            self._give_back(connection, usable=usable)
        return rows

    def _take(self) -> Connection:
        with self._lock:
            if self._closed.is_set():
                raise self._is_closed()
            connection = self._idle.pop() if self._idle else None
            if connection is not None:
                self._busy.append(connection)
                return connection
        try:
            connection = self._server.connect()
        except self._server.errors as error:
            raise _FailedError(self._server.trouble(error)) from None
        with self._lock:
            if not self._closed.is_set():
                self._busy.append(connection)
                return connection
        self._end(connection)
        raise self._is_closed()

    def _is_closed(self) -> SourceLostError:
        return SourceLostError(f"{self.uri}: It is closed.", "Open it again.")

    def _give_back(self, connection: Connection, *, usable: bool) -> None:
        with self._lock:
            self._busy.remove(connection)
            if usable and not self._closed.is_set() and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        self._end(connection)

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        with suppress(*self._server.errors):  # it was dropped
            connection.close()

    def _cancel(self) -> None:
        """Cancel until nothing runs: the first may come just before a statement begins."""
        for _ in range(int(_CANCEL_SECONDS / _CANCEL_AGAIN_SECONDS)):
            with self._lock:
                running = list(self._busy)
            if not running:
                return
            for connection in running:
                with suppress(*self._server.errors):  # it ended meanwhile, or the server cannot be reached
                    self._server.cancel(connection)
            threading.Event().wait(_CANCEL_AGAIN_SECONDS)


class _FailedError(Exception):
    """A connection or a statement failed; `dropped` where a new connection may do better."""

    def __init__(self, trouble: Trouble, *, dropped: bool = False) -> None:
        super().__init__(trouble.what)
        self.trouble = trouble
        self.dropped = dropped


@lru_cache(maxsize=32)
def _by_position(statement: str, placeholder: str) -> tuple[str, list[str]]:
    """A statement with a driver's own placeholders, and the names of the parameters in their order.

    Remembered, for a page of runs is asked for by 900 ids: taking that apart costs more than the rows.
    """
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        names.append(match[1])
        return placeholder.format(len(names))

    return _PARAMETER.sub(number, statement), names


def _storable(value: object) -> object:
    """A text as a server can hold it: neither NUL nor half a character; such a text is then as good as any other."""
    if not isinstance(value, str) or value.isalnum():
        return value
    return value.replace("\0", "\ufffd").encode(errors="replace").decode()
