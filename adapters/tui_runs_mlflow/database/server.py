"""What `SqlServerDatabase` needs of a kind of database server; `postgresql.py` and `mysql.py` are the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from tui_runs.errors import LocationError

Connection: TypeAlias = Any
"""A driver's own (DB-API 2.0): drivers share no types."""

CONNECT_SECONDS: Final = 10
STATEMENT_SECONDS: Final = 60
"""After which the server gives a statement up; a page of runs takes milliseconds, a search of all tags seconds."""
INSTALL: Final = "Install it with: pip install 'tui-runs[sql]'"


class Trouble(NamedTuple):
    """What went wrong, said to a person: a sentence, and one on what can be done about it."""

    what: str
    remedy: str


class Server(Protocol):
    """One database of one server."""

    name: str
    """What it is, for a person."""
    errors: tuple[type[Exception], ...]
    """What the driver raises."""
    placeholder: str
    """What stands for a parameter in the driver's SQL; {} is the parameter's number, from 1 on."""
    catalogue: str
    """SELECT of (table, column) of all that this user may read."""

    def connect(self) -> Connection:
        """A new connection that cannot write, where each statement is a transaction of its own."""
        ...

    def cancel(self, connection: Connection) -> None:
        """End the statement that another thread runs on a connection."""
        ...

    def is_dropped(self, error: Exception, connection: Connection) -> bool:
        """Whether the connection ended, not just a statement on it: it may work on a new one."""
        ...

    def trouble(self, error: Exception) -> Trouble:
        """What an error of `connect` or of a statement means."""
        ...


def first_that_fits(message: str, known: Mapping[str, Trouble]) -> Trouble | None:
    """The first trouble one of whose words, separated by "|", occurs in a server's or driver's message."""
    for words, trouble in known.items():
        if any(word in message for word in words.split("|")):
            return trouble
    return None


def driver_missing(names: Sequence[str], url: str) -> LocationError:
    """The error for a driver that is not installed."""
    return LocationError(f"{url}: Reading it needs the Python package {' or '.join(names)}.", INSTALL)
