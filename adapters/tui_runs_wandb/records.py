"""The records of a transaction log that matter here, read one by one: the general decoder, right for every writer.

Field numbers are those of `wandb/proto/wandb_internal.proto` (0.31; the older ones have not changed since 0.10).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from tui_runs_wandb.wire import Value, double, fields, message, signed, text, whole, zigzag

Path: TypeAlias = tuple[str, ...]


class Kind:
    """The number of the field in which a `Record` has its content. No enum: numpy compares with those slowly."""

    HISTORY: Final = 2
    SUMMARY: Final = 3
    OUTPUT: Final = 4
    CONFIG: Final = 5
    STATS: Final = 7
    METRIC: Final = 12
    OUTPUT_RAW: Final = 13
    RUN: Final = 17
    EXIT: Final = 18
    ENVIRONMENT: Final = 26


_STREAM: Final = 200
_NO_CONTENT: Final = frozenset({1, 16, 19, _STREAM})
"""Number, control, uuid and stream of a record: what stands beside its content."""


class Item(NamedTuple):
    """A key and what was said of it.

    Args:
        path: the key; several parts where it is nested.
        json: its value as JSON text; None where the key was removed.
    """

    path: Path
    json: bytes | None


@dataclass(slots=True)
class HistoryRow:
    """One call of `log`.

    Args:
        items: with the internal `_step`, `_runtime` and `_timestamp`.
        step: the record's own step; None where it has none.
    """

    items: list[Item]
    step: int | None


@dataclass(slots=True)
class RunFacts:
    """What a run record says; an empty text is not said. Times are microseconds since 1970."""

    run_id: str = ""
    entity: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    name: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    sweep_id: str = ""
    host: str = ""
    started: int | None = None
    remote: str = ""
    commit: str = ""
    config: list[Item] = field(default_factory=list)
    summary: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Environment:
    """Where a run runs: plain facts by name, arguments apart; several records add up."""

    facts: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    started: int | None = None


@dataclass(slots=True)
class MetricDefinition:
    """What `define_metric` said.

    Args:
        name: the metric, or a pattern with * at its end.
        step_metric: what its x axis is to be; empty for the step.
        hidden: it is not to be drawn.
        summarised: the summary is to hold something else of it than its last value.
    """

    name: str = ""
    step_metric: str = ""
    hidden: bool = False
    summarised: bool = False


class Exit(NamedTuple):
    """How a run ended: exit code, and seconds that it ran (0 where that is not said)."""

    code: int
    runtime: int


class RecordParts(NamedTuple):
    """A record taken apart.

    Args:
        kind: the number of its content's field, see `Kind`; 0 for none.
        content: a message.
        streamed: it says which stream it came in, as all do that the user's process has sent.
    """

    kind: int
    content: bytes
    streamed: bool


def split_record(data: bytes) -> RecordParts:
    """Take a record apart.

    Raises:
        MalformedError: it is no record.
    """
    kind, content, streamed = 0, b"", False
    for number, value in fields(data):
        if number == _STREAM:
            streamed = True
        elif number not in _NO_CONTENT and isinstance(value, bytes):
            kind, content = number, value
    return RecordParts(kind, content, streamed)


def decode_item(data: bytes) -> Item:
    """Read one item of a history, summary, config or stats record.

    Newer writers may give a history's value with a type of its own; it becomes JSON here, as the others are.

    Raises:
        MalformedError: it is no item.
    """
    key, nested, value = "", [], b""
    for number, content in fields(data):
        match number:
            case 1:
                key = text(content)
            case 2:
                nested.append(text(content))
            case 3:
                value = b"null"
            case 4:
                value = b"true" if whole(content) else b"false"
            case 5:
                value = b"%d" % zigzag(content)
            case 6:
                value = json.dumps(double(content)).encode()
            case 7:
                value = json.dumps(text(content)).encode()
            case 8 | 16:
                value = message(content)
    return Item(tuple(nested) if nested else (key,), value)


def decode_changes(data: bytes) -> list[Item]:
    """Read a summary or config record: what was set and removed, in the order written.

    Raises:
        MalformedError: it is no such record.
    """
    changes: list[Item] = []
    for number, content in fields(data):
        if number == 1:
            changes.append(decode_item(message(content)))
        elif number == 2:
            changes.append(Item(decode_item(message(content)).path, None))
    return changes


def decode_history(data: bytes) -> HistoryRow:
    """Read a history record.

    Raises:
        MalformedError: it is none.
    """
    row = HistoryRow([], None)
    for number, content in fields(data):
        if number == 1:
            row.items.append(decode_item(message(content)))
        elif number == 2:
            row.step = next((signed(value) for inner, value in fields(message(content)) if inner == 1), 0)
    return row


def decode_stats(data: bytes) -> tuple[int | None, list[Item]]:
    """Read a record of system metrics: when they were taken (microseconds), and their values.

    Raises:
        MalformedError: it is none.
    """
    taken, items = None, []
    for number, content in fields(data):
        if number == 2:
            taken = _moment(content)
        elif number == 3:
            key, value = "", b""
            for inner, said in fields(message(content)):
                if inner == 1:
                    key = text(said)
                elif inner == 16:
                    value = message(said)
            items.append(Item((key,), value))
    return taken, items


_RUN_TEXTS: Final = {
    1: "run_id",
    2: "entity",
    3: "project",
    6: "group",
    7: "job_type",
    8: "name",
    9: "notes",
    12: "sweep_id",
    13: "host",
}
_GIT_TEXTS: Final = {1: "remote", 2: "commit"}


def decode_run(data: bytes) -> RunFacts:
    """Read a run record.

    Raises:
        MalformedError: it is none.
    """
    run = RunFacts()
    for number, content in fields(data):
        if number in _RUN_TEXTS:
            setattr(run, _RUN_TEXTS[number], text(content))
        elif number == 4:
            run.config = decode_changes(message(content))
        elif number == 5:
            run.summary = decode_changes(message(content))
        elif number == 10:
            run.tags.append(text(content))
        elif number == 17:
            run.started = _moment(content)
        elif number == 21:
            for inner, value in fields(message(content)):
                if inner in _GIT_TEXTS:
                    setattr(run, _GIT_TEXTS[inner], text(value))
    return run


_ENVIRONMENT_TEXTS: Final = {
    1: "os",
    2: "python",
    4: "docker",
    6: "program",
    7: "code path",
    11: "root",
    12: "host",
    13: "username",
    14: "executable",
    15: "colab",
    18: "gpu",
    25: "cuda",
}
_ENVIRONMENT_COUNTS: Final = {16: "cpu count", 17: "cpu count (logical)", 19: "gpu count"}
_ENVIRONMENT_GIT: Final = {1: "git remote", 2: "git commit"}


def decode_environment(data: bytes) -> Environment:
    """Read an environment record.

    Raises:
        MalformedError: it is none.
    """
    found = Environment()
    for number, content in fields(data):
        if number in _ENVIRONMENT_TEXTS:
            found.facts[_ENVIRONMENT_TEXTS[number]] = text(content)
        elif number in _ENVIRONMENT_COUNTS:
            found.facts[_ENVIRONMENT_COUNTS[number]] = str(whole(content))
        elif number == 3:
            found.started = _moment(content)
        elif number == 5:
            found.arguments.append(text(content))
        elif number == 9:
            for inner, value in fields(message(content)):
                if inner in _ENVIRONMENT_GIT:
                    found.facts[_ENVIRONMENT_GIT[inner]] = text(value)
        elif number == 21:
            found.facts["memory"] = next((str(whole(v)) for inner, v in fields(message(content)) if inner == 1), "")
        elif number == 22:
            found.facts["cpu"] = next((text(v) for inner, v in fields(message(content)) if inner == 3), "")
        elif number == 27:
            entry = {inner: text(value) for inner, value in fields(message(content)) if inner in (1, 2)}
            found.facts[f"slurm {entry.get(1, '')}"] = entry.get(2, "")
    return found


def decode_metric(data: bytes) -> MetricDefinition:
    """Read a metric's definition.

    Raises:
        MalformedError: it is none.
    """
    said = MetricDefinition()
    for number, content in fields(data):
        if number in (1, 2):
            said.name = text(content) or said.name
        elif number == 4:
            said.step_metric = text(content)
        elif number == 6:
            said.hidden = any(inner == 2 and value for inner, value in fields(message(content)))
        elif number == 7:
            said.summarised = True
    return said


def decode_output(data: bytes) -> bytes:
    """Read what a run printed at once, to stdout or stderr: bytes of UTF-8.

    Raises:
        MalformedError: it is no such record.
    """
    return b"".join(message(content) for number, content in fields(data) if number == 3)


def decode_exit(data: bytes) -> Exit:
    """Read an exit record.

    Raises:
        MalformedError: it is none.
    """
    said = {number: signed(content) for number, content in fields(data) if number in (1, 2)}
    return Exit(said.get(1, 0), said.get(2, 0))


def _moment(content: Value) -> int:
    """A google.protobuf.Timestamp in microseconds."""
    said = {number: signed(value) for number, value in fields(message(content)) if number in (1, 2)}
    return said.get(1, 0) * 1_000_000 + said.get(2, 0) // 1000
