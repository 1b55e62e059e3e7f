"""Guild AI: `$GUILD_HOME/runs/<id>/.guild/`, with one small YAML file an attribute in `attrs/`, and event files.

`attrs/env` has the whole environment of the process, secrets and all: it is never opened, and neither are other
attributes than those named here. Runs are in the project's hidden `.guild` unless there is another home.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tui_runs_dirs.files import read_whole, stamp_of, unreadable
from tui_runs_dirs.layout import Claim, Facts, Stamp
from tui_runs_dirs.readers.event_file import EventSeries, is_event_file
from tui_runs_dirs.readers.settings import flat, load_settings, number_of, text_of
from tui_runs_dirs.readers.times import utc_of_epoch

if TYPE_CHECKING:
    from tui_runs.adapter import Problem
    from tui_runs_dirs.walk import Directory

_META: Final = ".guild"
_ATTRIBUTES: Final = (
    "flags",
    "label",
    "tags",
    "started",
    "stopped",
    "initialized",
    "exit_status",
    "cmd",
    "host",
    "user",
)
_WAITING: Final = ("PENDING", "STAGED")
_SHORT: Final = 8
"""Letters of a run's id that Guild shows."""
_LIMIT: Final = 1 << 20


@dataclass(slots=True)
class GuildAttributes:
    """What the attributes of a run say. See `tui_runs_dirs.layout.FactFile`.

    Args:
        path: of the run's `.guild` directory.
    """

    path: str

    def stamp(self) -> Stamp:
        """Of all the files that are read or looked for."""
        names = [*(os.path.join("attrs", name) for name in _ATTRIBUTES), "opref", "LOCK", *_WAITING]
        return stamp_of(*(os.path.join(self.path, name) for name in names))

    def read(self) -> Facts:
        """See `tui_runs_dirs.layout.FactFile`."""
        problems: list[Problem] = []
        said = {name: self._attribute(name, problems) for name in _ATTRIBUTES}
        operation = self._operation()
        short = os.path.basename(os.path.dirname(self.path))[:_SHORT]
        tags = said["tags"] if isinstance(said["tags"], list) else []
        command = said["cmd"]
        fields: dict[str, Any] = {
            "name": _text(said["label"]) or " ".join(filter(None, (operation, short))),
            "experiment": operation,
            "status": self._status(said["exit_status"], said["started"]),
            "started": _time(said["started"]) or _time(said["initialized"]),
            "ended": _time(said["stopped"]),
            "host": _text(said["host"]),
            "user": _text(said["user"]),
            "command": " ".join(map(text_of, command)) if isinstance(command, list) else None,
        }
        return Facts(
            params=flat(said["flags"]),
            tags={text_of(tag): text_of(tag) for tag in tags},
            fields={name: value for name, value in fields.items() if value is not None},
            problems=problems,
        )

    def _attribute(self, name: str, problems: list[Problem]) -> Any:
        path = os.path.join(self.path, "attrs", name)
        try:
            return load_settings(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            problems.append(unreadable(path, error))
            return None

    def _operation(self) -> str | None:
        """The operation, after its model if it has one: "guildfile:<path> <hash> '<model>' <operation>"."""
        try:
            words = read_whole(os.path.join(self.path, "opref"), _LIMIT).decode(errors="replace").split()
        except OSError:
            return None
        if not words:
            return None
        model = words[-2].strip("'\"") if len(words) > 2 else ""
        return f"{model}:{words[-1]}" if model else words[-1]

    def _status(self, exit_status: Any, started: Any) -> str:
        """As guild/run.py tells it; a run that holds its lock is taken to be running as long as it writes."""
        code = number_of(exit_status)
        if code is not None:
            return "finished" if code == 0 else "killed" if code < 0 else "failed"
        if any(os.path.lexists(os.path.join(self.path, name)) for name in _WAITING):
            return "scheduled"
        return "running" if os.path.lexists(os.path.join(self.path, "LOCK")) or not started else "failed"


def _text(value: Any) -> str | None:
    return text_of(value) if value else None


def _time(value: Any) -> datetime | None:
    return utc_of_epoch(value, 1_000_000)


class GuildLayout:
    """Finds Guild's runs. See `tui_runs_dirs.layout.Layout`."""

    name = "guild"
    title = "Guild AI"

    def recognise(self, directory: Directory) -> Sequence[Claim]:
        """Runs in a project's hidden `.guild/runs`, and a directory that is a run itself."""
        if _META not in directory.directories:
            return ()
        meta = directory.child(_META)
        if meta is None:
            return ()
        runs = meta.child("runs")
        claims = list(self._claims(directory, meta))
        for name in runs.directories if runs is not None else ():
            run = runs.child(name) if runs is not None else None
            inner = run.child(_META) if run is not None else None
            if run is not None and inner is not None:
                claims += self._claims(run, inner)
        return claims

    def _claims(self, run: Directory, meta: Directory) -> Iterator[Claim]:
        if "opref" not in meta.files or "attrs" not in meta.directories:
            return
        # What Guild saw in the output lies in its own directory, what the script logged beside its other files.
        series = [EventSeries(where.path) for where in (meta, run) if any(map(is_event_file, where.files))]
        yield Claim(self.name, run.path, [GuildAttributes(meta.path)], series, rank=5)


LAYOUT: Final = GuildLayout()
