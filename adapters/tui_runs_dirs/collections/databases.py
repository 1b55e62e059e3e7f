"""Tells whose a SQLite database is: tools give them any name, but keep their tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING, Final

from tui_runs_dirs.layout import Stamp
from tui_runs_dirs.readers.sqlite_file import MAGIC, Columns, columns_of, first_bytes, sqlite_stamp

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_SUFFIXES: Final = (".db", ".sqlite", ".sqlite3", ".db3")
_CREATE: Final = re.compile(rb"CREATE TABLE [\"`\[]?(\w+)")
_SEEN: Final[dict[str, tuple[Stamp, Columns]]] = {}
"""Tables by path, for several layouts ask of each database in turn."""
_MOST_SEEN: Final = 1000


def databases_with(directory: Directory, tables: Mapping[str, Set[str]]) -> Iterator[str]:
    """Paths of the databases in a directory that have these tables. A file alone is looked at whatever its name.

    Args:
        directory: where.
        tables: of each the columns that tell it from another tool's table of this name.
    """
    for name in directory.files if len(directory.files) == 1 else directory.named(*_SUFFIXES):
        path = directory.join(name)
        if first_bytes(path, len(MAGIC)) == MAGIC:
            found = _columns(path)
            if all(table in found and columns <= (found[table] or columns) for table, columns in tables.items()):
                yield path


def _columns(path: str) -> Columns:
    """The tables of a database; no columns where only their names could be seen."""
    stamp = sqlite_stamp(path)
    if path not in _SEEN or _SEEN[path][0] != stamp:
        try:
            columns = columns_of(path)
        except OSError:  # locked, say: told by what the statements that made it look like, where they lie in front
            created = _CREATE.findall(first_bytes(path, 1 << 20))
            columns = {table.decode(): frozenset() for table in created}
        if len(_SEEN) >= _MOST_SEEN:
            _SEEN.clear()
        _SEEN[path] = stamp, columns
    return _SEEN[path][1]
