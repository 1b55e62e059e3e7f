"""Comet's offline archives, `.cometml-runs/<experiment key>.zip`: one run each.

`experiment.json` says whose it is and when it was, `messages.json` has one message a line. The archive is written at
the end: while a run goes on, and for ever if it was killed, there is an empty one of 22 bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from tui_runs_dirs.collections.gathering import Gathered, Points, last_write
from tui_runs_dirs.files import problem_with, stamp_of
from tui_runs_dirs.layout import Collection, CollectionReading, Stamp
from tui_runs_dirs.readers.json_text import parse_numbers, parse_text, whole_of
from tui_runs_dirs.readers.settings import number_of, text_of
from tui_runs_dirs.readers.times import utc_of_epoch
from tui_runs_dirs.readers.zip_file import EMPTY_BYTES, END, names_in, opened_member, opened_zip

if TYPE_CHECKING:
    from tui_runs_dirs.walk import Directory

_DIRECTORY: Final = ".cometml-runs"
_KEY: Final = re.compile(r"([0-9A-Za-z]{32,50})(-\w+)?\.zip")
"""An experiment's key; an experiment that was continued has random letters behind it."""
_MESSAGES: Final = "messages.json"
_EXPERIMENT: Final = "experiment.json"
_LIMIT: Final = 512 << 20
_LONGEST_LINE: Final = 16 << 20
_OWN_KEYS: Final = frozenset({"offline_experiment", "hasNestedParams", "Created from"})
"""What comet logs of itself beside the user's `log_other`."""
_COUNTERS: Final = frozenset({"curr_step", "curr_epoch"})
"""Params that comet logs of its own at every step."""
_SYSTEM: Final = "sys."
_LATEST: Final = 253_402_300_800_000
"""Milliseconds since 1970 until the year 10000, which no datetime can say."""

Payload: TypeAlias = Mapping[str, Any]


@dataclass(slots=True)
class _Run:
    """What the messages add up to."""

    key: str
    name: str | None = None
    fields: dict[str, object] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: Points = field(default_factory=Points)
    wrong: list[int] = field(default_factory=list)

    def take(self, number: int, line: bytes) -> None:
        message = parse_numbers(line) if b'"metric_msg"' in line else parse_text(line)
        if not isinstance(message, dict) or not isinstance(payload := message.get("payload"), dict):
            self.wrong.append(number)
            return
        take = _TAKE.get(text_of(message.get("type")))
        if take is not None:
            take(self, payload)

    def add_metric(self, payload: Payload) -> None:
        metric = payload.get("metric")
        number = number_of(metric.get("metricValue")) if isinstance(metric, dict) else None
        if not isinstance(metric, dict) or number is None:
            return
        key = text_of(metric.get("metricName"))
        if key.startswith(_SYSTEM):
            key = f"system/{key.removeprefix(_SYSTEM)}"
        elif payload.get("context"):
            key = f"{text_of(payload['context'])}_{key}"
        time = whole_of(payload.get("local_timestamp"))
        moment = time * 1000 if time is not None and 0 < time < _LATEST else None
        self.points.add(self.key, key, whole_of(metric.get("step")), moment, number)

    def add_param(self, payload: Payload) -> None:
        param = payload.get("param") or payload.get("params")
        if isinstance(param, dict):
            name = text_of(param.get("paramName"))
            if not (name in _COUNTERS and param.get("source") == "auto-logged"):
                self.params[name.replace("|", ".")] = text_of(param.get("paramValue"))

    def add_other(self, payload: Payload) -> None:
        key = text_of(payload.get("key"))
        if key == "Name":
            self.name = text_of(payload.get("value"))
        elif key not in _OWN_KEYS:
            self.tags[key] = text_of(payload.get("value"))

    def add_system(self, payload: Payload) -> None:
        self.fields["host"] = _text(payload.get("hostname"))
        self.fields["user"] = _text(payload.get("user"))
        command = payload.get("command")
        if isinstance(command, list):
            self.fields["command"] = " ".join(map(text_of, command))

    def add_git(self, payload: Payload) -> None:
        git = payload.get("git_metadata")
        if isinstance(git, dict):
            self.fields["git_commit"] = _text(git.get("parent"))
            self.tags |= {f"git.{key}": text_of(git[key]) for key in ("branch", "origin") if git.get(key)}


_TAKE: Final[Mapping[str, Callable[[_Run, Payload], None]]] = {
    "metric_msg": _Run.add_metric,
    "parameter_msg": _Run.add_param,
    "log_other": _Run.add_other,
    "system_details": _Run.add_system,
    "git_metadata": _Run.add_git,
}
"""By the `type` of a message (comet_ml/messages.py)."""


@dataclass(slots=True)
class CometArchive:
    """An archive with one run. See `tui_runs_dirs.layout.Collection`."""

    path: str
    layout: str = "comet"

    def stamp(self) -> Stamp:
        """Of the archive."""
        return stamp_of(self.path)

    def read(self) -> CollectionReading:
        """Read it whole.

        Raises:
            OSError: it cannot be read; NotReadError says why.
        """
        stamp = self.stamp()
        written = last_write(stamp)
        found = _KEY.fullmatch(os.path.basename(self.path))
        key = found[1] if found else os.path.splitext(os.path.basename(self.path))[0]
        gathered, run = Gathered(), _Run(key)
        experiment: dict[str, Any] = {}
        if stamp and stamp[0].size == EMPTY_BYTES:
            what = "The archive is empty: comet fills it at the end of a run, which this one has not reached."
            remedy = "If it was killed, what it logged may still lie in a directory of $TMPDIR, in a messages.json."
            gathered.problems.append(problem_with(self.path, what, remedy))
        else:
            experiment = self._read_members(run)
        ended = utc_of_epoch(experiment.get("stop_time"), 1000)
        gathered.runs[key] = {
            **run.fields,
            "name": run.name or key,
            "experiment": _text(experiment.get("project_name")),
            "status": "running" if ended is None else "finished",
            "started": utc_of_epoch(experiment.get("start_time"), 1000),
            "ended": ended,
            "updated": ended or written,
        }
        gathered.params |= {(key, name): value for name, value in run.params.items()}
        gathered.tags |= {(key, name): value for name, value in run.tags.items()}
        tags = experiment.get("tags")
        gathered.tags |= {(key, text_of(tag)): text_of(tag) for tag in (tags if isinstance(tags, list) else ())}
        if workspace := _text(experiment.get("workspace")):
            gathered.details.append((key, "comet", key, "workspace", workspace))
        if run.wrong:
            what = f"Line {run.wrong[0]} of {_MESSAGES} in it is no message"
            what += f", and so it is with {len(run.wrong) - 1} more." if len(run.wrong) > 1 else "."
            gathered.problems.append(problem_with(self.path, what, "It is left out; the others are shown."))
        return gathered.reading(run.points.frame())

    def _read_members(self, run: _Run) -> dict[str, Any]:
        """Take in the messages, and return what is said of the experiment."""
        with opened_zip(self.path) as archive:
            with opened_member(archive, _EXPERIMENT, _LONGEST_LINE) as file:
                experiment = parse_text(file.read())
            with opened_member(archive, _MESSAGES, _LIMIT) as file:
                number = 0
                while line := file.readline(_LONGEST_LINE):
                    number += 1
                    if line.strip():
                        run.take(number, line)
        return experiment if isinstance(experiment, dict) else {}


def _text(value: object) -> str | None:
    return text_of(value) if value is not None else None


class CometLayout:
    """Finds offline archives. See `tui_runs_dirs.layout.Layout`."""

    name = "comet"
    title = "Comet"

    def recognise(self, directory: Directory) -> Sequence[Collection]:
        """Archives in comet's own directory, which is hidden, or wherever somebody put them, by what is in them."""
        inner = None if directory.name == _DIRECTORY else directory.child(_DIRECTORY)
        return [*_archives(directory), *(_archives(inner) if inner is not None else ())]


def _archives(directory: Directory) -> list[Collection]:
    found: list[Collection] = []
    any_name = len(directory.files) == 1 or directory.name == _DIRECTORY
    for name in directory.named(".zip"):
        if not (any_name or _KEY.fullmatch(name)):
            continue
        path = directory.join(name)
        if directory.head(name, EMPTY_BYTES + 1)[: len(END)] == END:
            found.append(CometArchive(path))
            continue
        names = names_in(path)
        if _MESSAGES.encode() in names and _EXPERIMENT.encode() in names:
            found.append(CometArchive(path))
    return found


LAYOUT: Final = CometLayout()
