"""Views saved by name: one TOML file each, in the user's config directory, for the stores they were saved over.

Such a file says everything that the screen can be told: filter, order, columns, groups, marks, comparison, charts. It
can be given to somebody else: `tui-runs open --view FILE`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from tui_runs.analysis.direction import Direction
from tui_runs.conditions import Order
from tui_runs.display import encodable, printable
from tui_runs.errors import ViewError
from tui_runs.frames.catalog import RunKey
from tui_runs.tui.panes import PANES
from tui_runs.tui.runs_view import NEWEST_FIRST, RunsView
from tui_runs.tui.whole_file import write_whole

_LARGEST: Final = 1_000_000
"""Bytes of a file that is read as a view."""
_CORRECT: Final = "Correct it, or save the view again."
_LONGEST_NAME: Final = 80
_LONGEST_FILE_NAME: Final = 255
"""Bytes; file systems know no longer ones."""
_WIDEST: Final = 400
"""Terminal cells of a column: more than the characters of a cell that are looked at would be blank."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """All that the user chose.

    Args:
        view: of the runs table.
        marks: the marked runs, in their order.
        pane: what is shown below the table.
        compare: settings of the comparison, as `tui_runs.tui.comparing.Comparing` names them.
        charts: settings of the charts, by name.
    """

    view: RunsView = field(default_factory=RunsView)
    marks: tuple[RunKey, ...] = ()
    pane: str = ""
    compare: Mapping[str, Any] = field(default_factory=dict)
    charts: Mapping[str, Any] = field(default_factory=dict)


def to_toml(saved: SavedView, name: str = "") -> str:
    """The text of a file; what is as it is at the beginning is left out."""
    import tomli_w  # noqa: PLC0415  not needed for the first screen

    view = saved.view
    table: dict[str, Any] = {
        "name": name,
        "where": view.where,
        "sort": [f"{one.column}:{'desc' if one.descending else 'asc'}" for one in view.sort],
        "columns": list(view.columns),
        "only_what_tells": view.lean,
        "pinned": view.pinned,
        "nested": view.nested,
        "group_by": list(view.group_by),
        "widths": dict(view.widths),
        "better": {key: way or "neither" for key, way in view.better.items()},
        "marks": [{"source": run.source, "run_id": run.run_id} for run in saved.marks],
        "pane": saved.pane,
        "compare": dict(saved.compare),
        "charts": dict(saved.charts),
    }
    kept = {key: value for key, value in table.items() if value not in ("", [], {}, None)}
    return tomli_w.dumps(kept)


def from_toml(text: str, where: str) -> SavedView:
    """Read such a text; keys that are not known are passed over, for a later version may have written them.

    Args:
        text: the file's.
        where: what to call it in an error.

    Raises:
        ViewError: it is no TOML, or something in it is not of the kind that it should be.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits, tables a thousand deep
        raise ViewError(f"{where} is no TOML: {error}.", _CORRECT) from None
    read = _Table(table, where)
    better: dict[str, Direction | None] = {}
    for key, way in read.mapping("better").items():
        better[key] = "lower" if way == "lower" else "higher" if way == "higher" else None
    view = RunsView(
        where=read.value("where", "", str),
        sort=tuple(_order(text) for text in read.texts("sort")) or NEWEST_FIRST,
        columns=tuple(read.texts("columns")),
        lean=read.value("only_what_tells", False, bool),
        pinned=max(read.value("pinned", 1, int), 0),
        widths={
            key: min(size, _WIDEST)
            for key, size in read.mapping("widths").items()
            if isinstance(size, int) and size > 0
        },
        better=better,
        nested=read.value("nested", True, bool),
        group_by=tuple(read.texts("group_by")),
    )
    marks = tuple(
        RunKey(str(mark["source"]), str(mark["run_id"]))
        for mark in read.value("marks", [], list)
        if isinstance(mark, dict) and {"source", "run_id"} <= mark.keys()
    )
    pane = read.value("pane", "", str)
    compare = read.mapping("compare")
    if "ignore" in compare:
        compare["ignore"] = _Table(compare, f"{where}: compare").patterns("ignore")
    return SavedView(view, marks, pane if pane in PANES else "", compare, read.mapping("charts"))


def _order(text: str) -> Order:
    column, _, direction = text.rpartition(":")
    return Order(column, direction == "desc") if direction in ("asc", "desc") else Order(text)


class _Table:
    """A table read from TOML, whose values may be of any kind."""

    def __init__(self, table: Mapping[str, Any], where: str) -> None:
        self._table, self._where = table, where

    def value(self, key: str, default: Any, kind: type) -> Any:
        value = self._table.get(key, default)
        if not isinstance(value, kind):
            what = f"{self._where}: {key} is {type(value).__name__}, and should be {kind.__name__}."
            raise ViewError(what, _CORRECT)
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        return dict(self.value(key, {}, dict))

    def texts(self, key: str) -> list[str]:
        return [str(value) for value in self.value(key, [], list)]

    def patterns(self, key: str) -> list[str]:
        patterns = self.texts(key)
        for pattern in patterns:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                what = f"{self._where}: {key} has {printable(pattern)!r}, which is no regular expression: {error}."
                raise ViewError(what, _CORRECT) from None
        return patterns


class ViewStore:
    """The views of some stores.

    Args:
        uris: of the stores.
        directory: where views are kept; the user's config directory unless told otherwise.
    """

    def __init__(self, uris: Sequence[str], directory: Path | None = None) -> None:
        if directory is None:
            from platformdirs import user_config_path  # noqa: PLC0415  not needed for the first screen

            directory = user_config_path("tui-runs") / "views"
        digest = sha256("\0".join(sorted(encodable(uri) for uri in uris)).encode()).hexdigest()[:12]
        last = re.sub(r"[^A-Za-z0-9._-]+", "-", os.path.basename(uris[0].rstrip("/")) if uris else "")[:40]
        self.directory = directory / f"{last.strip('-.') or 'runs'}-{digest}"

    def path(self, name: str) -> Path:
        """The file of a view.

        Raises:
            ViewError: a view cannot have such a name.
        """
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise ViewError("A view needs a name of 1 to 80 characters.", "Type another one.")
        file = f"{quote(name.strip(), safe=' ')}.toml"
        if len(file) > _LONGEST_FILE_NAME:
            what = "The name is too long for a file, where a character beyond ASCII takes 6 to 12 bytes."
            raise ViewError(what, "Type a shorter one.")
        return self.directory / file

    def names(self) -> list[str]:
        """The names of the views, in reading order; none where nothing was saved yet, or the directory is not read."""
        with suppress(OSError):
            found = [unquote(path.stem) for path in self.directory.iterdir() if path.suffix == ".toml"]
            return sorted(found, key=lambda name: (name.lower(), name))
        return []

    def load(self, name: str) -> SavedView:
        """Read a view.

        Raises:
            ViewError: there is none, or it cannot be read.
        """
        return load_view(self.path(name))

    def save(self, name: str, saved: SavedView) -> Path:
        """Write a view, in place of another of the same name; whole, or not at all.

        Raises:
            ViewError: it cannot be written.
        """
        path = self.path(name)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_whole(path, to_toml(saved, name.strip()).encode())
        except OSError as error:
            what = f"{printable(str(path))} cannot be written: {(error.strerror or str(error)).lower()}."
            raise ViewError(what, "See that the directory is yours, and that there is room.") from None
        return path

    def delete(self, name: str) -> None:
        """Remove a view; one that is not there is left alone.

        Raises:
            ViewError: it cannot be removed.
        """
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            what = f"{printable(str(path))} cannot be removed: {(error.strerror or str(error)).lower()}."
            raise ViewError(what, "See that the directory is yours.") from None


def load_view(path: Path) -> SavedView:
    """Read a view from a file.

    Raises:
        ViewError: it is not there, or is no view.
    """
    shown = printable(str(path))
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise ViewError(f"{shown} is too large to be a view.", "Give the file of a saved view.")
        return from_toml(data.decode("utf-8"), shown)
    except FileNotFoundError:
        raise ViewError(f"There is no view {shown}.", "Saved views are listed by V in the app.") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ViewError(f"{shown} cannot be read: {why}.", "Make it readable for your user.") from None
    except UnicodeDecodeError:
        raise ViewError(f"{shown} is no text.", "Give the file of a saved view.") from None
