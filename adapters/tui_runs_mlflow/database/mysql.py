"""MySQL and MariaDB, through PyMySQL or else mysqlclient; what the URL lacks is taken from ~/.my.cnf."""

from __future__ import annotations

import os
from contextlib import closing
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

_PASSWORD: Final = "Give the password in the URL (mysql://user:password@host/database), MYSQL_PWD or ~/.my.cnf."
_WAIT: Final = "Wait a little; it is tried again."
_NOWHERE: Final = Trouble("There is no host of this name.", "Check the URL, and the VPN.")
_NOBODY: Final = Trouble("Nothing answers there.", "Check host and port, and that the server is running.")
_LATE: Final = Trouble(
    f"There was no answer within {CONNECT_SECONDS} s.", "Check host and port, the VPN and the firewall."
)
_SLOW: Final = Trouble(
    f"A query took more than {STATEMENT_SECONDS} s and was given up.", "Ask for fewer runs, or try again later."
)
_FORBIDDEN: Final = Trouble("This user may not read MLflow's tables.", "Ask their owner to GRANT SELECT on them.")
_DROPPED: Final = Trouble("The server closed the connection.", "It goes on when the server answers again.")
_UNANSWERED: Final = {
    "Name or service not known|No address associated|nodename nor servname|Temporary failure in name": _NOWHERE,
    "timed out": _LATE,
    "certificate verify failed": Trouble(
        "The server's certificate cannot be verified.", "Name its issuer: ?ssl_ca=FILE."
    ),
    "cryptography": Trouble(
        "This user's way to log in needs the Python package cryptography, or TLS.",
        "Install it with: pip install 'pymysql[rsa]'",
    ),
}
_CODES: Final = {
    1040: Trouble("The server has no connection left.", _WAIT),
    1044: Trouble("This user may not use the database.", "Ask its owner to GRANT SELECT on it."),
    1045: Trouble("The server does not accept this user and password.", _PASSWORD),
    1049: Trouble("The server has no database of this name.", "Check the name at the URL's end."),
    1053: _DROPPED,
    1130: Trouble("The server lets nobody in from this host.", "Ask its owner to allow this user from here."),
    1142: _FORBIDDEN,
    1143: _FORBIDDEN,
    1146: Trouble("A table of MLflow's is gone.", "Open the database again."),
    1054: Trouble("A column of MLflow's tables is gone.", "Open the database again."),
    1698: Trouble("The server does not accept this user and password.", _PASSWORD),
    1969: _SLOW,
    2002: _NOBODY,
    2003: _NOBODY,
    2005: _NOWHERE,
    2006: _DROPPED,
    2013: _DROPPED,
    2026: Trouble("TLS with the server failed.", "Name its issuer: ?ssl_ca=FILE."),
    3024: _SLOW,
    3159: Trouble("The server lets nobody in without TLS.", "Add ?ssl_ca=FILE to the URL."),
}
"""By the number of the error: the server's (1000 and up) and the client library's (2000 and up)."""
_GONE: Final = frozenset({0, 1053, 1927, 2006, 2013, 2055, 4031})
_SETTINGS: Final = (
    f"SET SESSION MAX_EXECUTION_TIME = {STATEMENT_SECONDS * 1000}",  # MySQL
    f"SET SESSION max_statement_time = {STATEMENT_SECONDS}",  # MariaDB
)


class MySQL:
    """One database. See `server.Server`.

    Raises:
        LocationError: no driver is installed.
    """

    name = "MySQL"
    placeholder = "%s"
    catalogue = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"

    def __init__(self, url: ServerUrl) -> None:
        self._driver = _driver(url.uri)
        # PyMySQL lets through what a server that speaks something else makes of its parser.
        self.errors: tuple[type[Exception], ...] = (
            self._driver.MySQLError, OSError, RuntimeError, ValueError, AssertionError, IndexError,
        )  # fmt: skip
        settings = os.path.expanduser("~/.my.cnf")
        given = {
            "host": url.host,
            "port": url.port,
            "user": url.user,
            "password": url.password if url.password is not None else os.environ.get("MYSQL_PWD"),
            "database": url.database,
            "read_default_file": settings if os.path.isfile(settings) else None,
        }
        self._keywords: dict[str, Any] = {
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": STATEMENT_SECONDS + CONNECT_SECONDS,
            **{name: value for name, value in given.items() if value not in ("", None)},
            **{name: value for name, value in url.parameters.items() if name == "unix_socket"},
        }
        # As SQLAlchemy takes them: ?ssl_ca=FILE&ssl_check_hostname=false.
        tls: dict[str, str | bool] = {
            name.removeprefix("ssl_"): value for name, value in url.parameters.items() if name.startswith("ssl_")
        }
        if "check_hostname" in tls:
            tls["check_hostname"] = str(tls["check_hostname"]).lower() not in ("false", "0", "no", "off")
        if tls:
            self._keywords["ssl"] = tls

    def connect(self) -> Connection:
        """A new connection. See `server.Server`."""
        connection = self._driver.connect(**self._keywords)
        connection.autocommit(True)
        with closing(connection.cursor()) as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            for setting in _SETTINGS:
                try:
                    cursor.execute(setting)
                    break
                except self._driver.MySQLError:  # the other one's, or too old for it
                    continue
        return connection

    def cancel(self, connection: Connection) -> None:
        """End the statement that runs on a connection, from another one. See `server.Server`."""
        with closing(self.connect()) as other, closing(other.cursor()) as cursor:
            cursor.execute(f"KILL QUERY {int(connection.thread_id())}")

    def is_dropped(self, error: Exception, connection: Connection) -> bool:
        """Whether the connection ended. See `server.Server`."""
        return _code(error) in _GONE

    def trouble(self, error: Exception) -> Trouble:
        """What an error means. See `server.Server`."""
        code = _code(error)
        text = str(error.args[-1]) if error.args else type(error).__name__
        if code in (None, 2002, 2003, 2005) and (known := first_that_fits(text, _UNANSWERED)):
            return known
        if isinstance(error, OSError):  # the driver's own errors wrap those of the network
            return Trouble(
                f"A file that the URL names cannot be read: {printable(text)}.", "Check ssl_ca and the like."
            )
        if code in _CODES:
            return _CODES[code]
        if code in _GONE:
            return _DROPPED
        return Trouble(f"MySQL says: {printable(text).rstrip('.')}.", "Check the URL, and that the server works.")


def _driver(url: str) -> Any:
    try:
        import pymysql  # noqa: PLC0415
    except ImportError:
        try:
            import MySQLdb  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: PLC0415
        except ImportError:
            raise driver_missing(("PyMySQL", "mysqlclient"), url) from None
        return MySQLdb
    return pymysql


def _code(error: Exception) -> int | None:
    """MySQL's number of an error."""
    code = error.args[0] if error.args else None
    return code if isinstance(code, int) else None
