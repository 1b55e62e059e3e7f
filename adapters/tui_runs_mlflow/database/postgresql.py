"""PostgreSQL, through psycopg 3 or else psycopg2. Both are libpq's, which knows PGPASSWORD, ~/.pgpass and the like."""

from __future__ import annotations

import os
import re
from typing import Any, Final

from tui_runs.display import printable
from tui_runs_mlflow.database.server import (
    CONNECT_SECONDS,
    STATEMENT_SECONDS,
    Connection,
    Trouble,
    driver_missing,
    first_that_fits,
)
from tui_runs_mlflow.database.server_url import ServerUrl

_SETTINGS: Final = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_SECONDS}s"
_PASSWORD: Final = "Give the password in the URL (postgresql://user:password@host/database), PGPASSWORD or ~/.pgpass."
_WAIT: Final = "Wait a little; it is tried again."
# Some failures to connect have no SQLSTATE that the drivers pass on, so their texts are looked at: libpq's and the
# server's own in English. In any other language the text itself is shown.
_UNANSWERED: Final = {
    "password authentication failed|no password supplied|authentication failed": Trouble(
        "The server does not accept this user and password.", _PASSWORD
    ),
    "no encryption|SSL off": Trouble(
        "The server lets nobody in from here without TLS.", "Add ?sslmode=require to the URL."
    ),
    "no pg_hba.conf entry": Trouble(
        "The server lets this user in from other places only.", "Ask its owner for an entry in pg_hba.conf."
    ),
    "does not support SSL": Trouble("The server has no TLS, and TLS was asked for.", "Take sslmode off the URL."),
    "certificate verify|root certificate|server certificate": Trouble(
        "The server's certificate cannot be verified.", "Name its issuer: ?sslrootcert=FILE."
    ),
    "could not translate host name|Name or service not known|No address associated|nodename nor servname"
    "|Temporary failure in name resolution": Trouble("There is no host of this name.", "Check the URL, and the VPN."),
    "Connection refused|No such file or directory": Trouble(
        "Nothing answers there.", "Check host and port, and that the server is running."
    ),
    "timeout expired|timed out": Trouble(
        f"There was no answer within {CONNECT_SECONDS} s.", "Check host and port, the VPN and the firewall."
    ),
    "too many clients|connection slots|too many connections": Trouble("The server has no connection left.", _WAIT),
    "starting up|shutting down|recovery": Trouble("The server is starting or stopping.", _WAIT),
    "invalid response": Trouble("What answers there is no PostgreSQL.", "Check host and port."),
    "unsupported startup parameter": Trouble(
        "A pooler stands before the server and refuses its options.",
        "Connect to PostgreSQL itself, or add options to PgBouncer's ignore_startup_parameters.",
    ),
}
_STATES: Final = {
    "57014": Trouble(
        f"A query took more than {STATEMENT_SECONDS} s and was given up.", "Ask for fewer runs, or try again later."
    ),
    "42501": Trouble("This user may not read MLflow's tables.", "Ask their owner to GRANT SELECT on them."),
    "3D000": Trouble("The server has no database of this name.", "Check the name at the URL's end."),
    "42P01": Trouble("A table of MLflow's is gone.", "Open the database again."),
    "42703": Trouble("A column of MLflow's tables is gone.", "Open the database again."),
    "53300": Trouble("The server has no connection left.", _WAIT),
}
_DROPPED: Final = Trouble("The server closed the connection.", "It goes on when the server answers again.")


class PostgreSQL:
    """One database. See `server.Server`.

    Raises:
        LocationError: no driver is installed.
    """

    name = "PostgreSQL"
    # The catalogue itself: information_schema takes ten times as long, and knows tables that cannot be read.
    catalogue = (
        "SELECT c.relname, a.attname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(c.oid) "
        "AND c.relnamespace <> 'pg_catalog'::regnamespace "
        "AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')"
    )

    def __init__(self, url: ServerUrl) -> None:
        self._driver = _driver(url.uri)
        # ValueError: text in another encoding than the server says.
        self.errors: tuple[type[Exception], ...] = (self._driver.Error, ValueError)
        given: dict[str, Any] = {
            "host": url.host,
            "port": url.port,
            "user": url.user,
            "password": url.password,
            "dbname": url.database,
        }
        self.placeholder = "%s"
        self._keywords: dict[str, Any] = {
            "application_name": "tui-runs",
            "connect_timeout": CONNECT_SECONDS,
            # A network that went away is noticed within a minute.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            **{name: value for name, value in given.items() if value not in ("", None)},
            **url.parameters,
            "options": f"{url.parameters.get('options', os.environ.get('PGOPTIONS', ''))} {_SETTINGS}",
            "client_encoding": "utf8",
        }
        if hasattr(self._driver, "RawCursor"):  # psycopg 3 looks through the SQL for placeholders of any other kind
            self.placeholder = "${}"
            self._keywords["cursor_factory"] = self._driver.RawCursor

    def connect(self) -> Connection:
        """A new connection. See `server.Server`."""
        connection = self._driver.connect(**self._keywords)
        connection.autocommit = True
        if hasattr(connection, "prepare_threshold"):
            connection.prepare_threshold = None  # poolers that hand connections around lose prepared statements
        return connection

    def cancel(self, connection: Connection) -> None:
        """End the statement that runs on a connection. See `server.Server`."""
        getattr(connection, "cancel_safe", connection.cancel)()

    def is_dropped(self, error: Exception, connection: Connection) -> bool:
        """Whether the connection ended. See `server.Server`."""
        return bool(connection.closed) or (_state(error) or "").startswith(("57P", "08"))

    def trouble(self, error: Exception) -> Trouble:
        """What an error means. See `server.Server`."""
        state = _state(error)
        # Of several attempts to connect the last one's text, without the host's name, which may look like a reason.
        text = str(error).rpartition("failed: ")[2].removeprefix("FATAL:").strip()
        known = _STATES.get(state) if state else _named(text) or first_that_fits(text, _UNANSWERED)
        if known is None and ((state or "").startswith(("57P", "08")) or "closed" in text or "SYSCALL" in text):
            known = _DROPPED
        said = text.partition("\n")[0].rstrip(".") or type(error).__name__
        return known or Trouble(f"PostgreSQL says: {printable(said)}.", "Check the URL, and that the server works.")


def _driver(url: str) -> Any:
    try:
        import psycopg  # noqa: PLC0415
    except ImportError:  # not there, or without libpq
        try:
            import psycopg2  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: PLC0415
        except ImportError:
            raise driver_missing(("psycopg", "psycopg2"), url) from None
        return psycopg2
    return psycopg


def _state(error: Exception) -> str | None:
    """The SQLSTATE, five letters and digits."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def _named(text: str) -> Trouble | None:
    """Something that the server does not have, by its name."""
    found = re.search(r'(database|role) "(.*)" does not exist', text)
    if found is None:
        return None
    kind, name = found[1], printable(found[2])
    if kind == "role":
        return Trouble(f"The server knows no user {name!r}.", "Check the user in the URL, or PGUSER.")
    return Trouble(f"The server has no database {name!r}.", "Check the name at the URL's end.")
