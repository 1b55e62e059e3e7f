"""The address of a database server as MLflow's users write it: SQLAlchemy's URLs, with or without a driver's name.

Light, because a location is looked at and shown before anything is opened. What is secret never leaves `ServerUrl`
but to a driver: `uri`, `redacted` and the repr are without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tui_runs.display import printable
from tui_runs.errors import LocationError

# As in SQLAlchemy's own parser: a password may hold anything but @, even / and ?.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][\w.-]*)(?:\+\w+)?://"
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<rest>(?P<host>\[[^]/?]*]|[^/:?]*)(?::(?P<port>[^/?]*))?(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?)",
    re.DOTALL,
)
_DIALECTS: Final[Mapping[str, Literal["postgresql", "mysql"]]] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_SHOWN: Final = frozenset({
    "application_name", "channel_binding", "charset", "connect_timeout", "dbname", "gssencmode", "host", "hostaddr",
    "options", "port", "service", "ssl_ca", "ssl_capath", "ssl_cert", "ssl_check_hostname", "ssl_key", "sslcert",
    "sslcrl", "sslkey", "sslmode", "sslrootcert", "target_session_attrs", "unix_socket", "user",
})  # fmt: skip
"""Parameters that hold no secret. Any other may, be it by a slip of the pen, and is never shown."""


@dataclass(frozen=True)
class ServerUrl:
    """Where a database is and how to get in.

    Args:
        dialect: the kind of server.
        host: its name or address; "" for the driver's default.
        port: None for the driver's default.
        user: "" for the driver's default.
        password: None where the URL has none.
        database: "" for the driver's default.
        parameters: what follows the question mark, for the driver.
    """

    dialect: Literal["postgresql", "mysql"]
    host: str
    port: int | None
    user: str
    password: str | None = field(repr=False)
    database: str
    parameters: Mapping[str, str] = field(repr=False)

    @property
    def uri(self) -> str:
        """The URL without what is secret."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        shown = {name: value for name, value in self.parameters.items() if name in _SHOWN}
        query = f"?{urlencode(shown, safe='/')}" if shown else ""
        return printable(f"{self.dialect}://{user}{host}{port}/{quote(self.database, safe='')}{query}")


def parse_url(url: str) -> ServerUrl:
    """Take a URL apart.

    Raises:
        LocationError: it is no URL of a PostgreSQL or MySQL database; the message has nothing secret.
    """
    match = _URL.fullmatch(url)
    dialect = _DIALECTS.get(match["scheme"].lower()) if match else None
    if match is None or dialect is None:
        example = "Write it as postgresql://user@host:5432/database or mysql://user@host:3306/database."
        raise LocationError(f"{redacted(url)} is not the URL of a database server.", example)
    if "@" in match["host"] + (match["port"] or "") + (match["database"] or ""):
        remedy = "Write the characters @ / : ? # % of a user or password as %40 %2F %3A %3F %23 %25."
        raise LocationError(f"{redacted(url)}: The URL has more than one @.", remedy)
    port = match["port"] or None
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 1 << 16):
        raise LocationError(f"{redacted(url)}: The port is not a number below 65536.", "Write it as host:5432.")
    return ServerUrl(
        dialect=dialect,
        host=unquote(match["host"].strip("[]")),
        port=int(port) if port else None,
        user=unquote(match["user"] or ""),
        password=None if match["password"] is None else unquote(match["password"]),
        database=unquote(match["database"] or ""),
        parameters=dict(parse_qsl(match["query"] or "", keep_blank_values=True)),
    )


def redacted(url: str) -> str:
    """A database's URL as it may be shown: without password and secret parameters. Never raises.

    Of a URL that cannot be understood what may be part of a password is left out too.
    """
    match = _URL.fullmatch(url)
    if match is None:
        scheme, separator, rest = url.partition("://")
        rest = rest.rpartition("@")[2].partition("?")[0]
        return printable(f"{scheme}{separator}{rest}" if separator else url)
    user = f"{match['user']}@" if match["user"] else ""
    place, mark, query = match["rest"].partition("?")
    if "@" in match["rest"]:  # an @ in a password, perhaps: all before the last one may belong to it
        place, mark, query = match["rest"].rpartition("@")[2].partition("?")
    shown = [part for part in query.split("&") if part.partition("=")[0] in _SHOWN]
    return printable(f"{match['scheme']}://{user}{place}{mark if shown else ''}{'&'.join(shown)}")
