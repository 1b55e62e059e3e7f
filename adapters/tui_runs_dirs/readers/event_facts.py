"""What event files say beside points: hyperparameters, texts, and which images, sounds and histograms there are.

Writers put these at the start of a file, and a session's end at its end, so only these parts are looked at. CRCs are
not: what is damaged is told with the points, and decodes to nothing or to a wrong word.

Source: tensorboard/plugins/hparams/{api,hparams_util,plugin_data}.proto; PyTorch's add_hparams and add_text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tui_runs.display import encodable
from tui_runs_dirs.files import open_regular, unreadable
from tui_runs_dirs.layout import Facts, Stamp
from tui_runs_dirs.readers.event_file import event_files, stamp_of_events
from tui_runs_dirs.readers.event_record import Event, Value, sound_event
from tui_runs_dirs.readers.json_text import parse_text, texts
from tui_runs_dirs.readers.protobuf_wire import (
    BYTES,
    FIXED64,
    VARINT,
    MalformedError,
    double_at,
    fields,
    signed,
    text_at,
)
from tui_runs_dirs.readers.settings import text_of
from tui_runs_dirs.readers.times import utc_of_epoch

_HEAD_BYTES: Final = 1 << 20
_TAIL_BYTES: Final = 1 << 16
_FIRST: Final = 8
_LONG: Final = 256
"""The first records are decoded, and of those that follow the ones so long: points are shorter."""
_MARKS: Final = re.compile(rb"_hparams_/|\n\x04text")
"""Of those that are decoded wherever they stand: the plugin's tags, and a plugin_name that is "text"."""
_MOST: Final = 512
_TEXT: Final = 65_536
_SUFFIX: Final = "/text_summary"
_HPARAMS: Final = "hparams"
_STATUS: Final = {1: "finished", 2: "failed", 3: "running"}
_PARAM_TEXTS: Final = frozenset({"args", "config", "hparams", "hyperparameters", "hyperparams", "params"})
"""Tags of texts that are known to be hyperparameters: Hugging Face's, and those of many scripts."""
_TABLE_ROW: Final = re.compile(r"^\|([^|]+)\|(.*)\|\s*$")
_NAME: Final = re.compile(r"tfevents\.\d+\.(?P<host>.+?)(?:\.\d+\.\d+)?(?:\.v2)?$")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_KINDS: Final = ("image", "audio", "histogram", "text", "tensor")


@dataclass(slots=True)
class EventFacts:
    """Params, texts and times in the event files of a directory.

    Args:
        path: the directory.
    """

    path: str

    def stamp(self) -> Stamp:
        """Of all the files."""
        return stamp_of_events(self.path)

    def read(self) -> Facts:
        """Read the first records of each file, and the last; see `FactFile.read`."""
        found = _Found()
        problems = []
        for name in sorted(event_files(self.path)):
            host = _NAME.search(name)
            if host and not host["host"].isdigit():
                found.fields.setdefault("host", encodable(host["host"]))
            path = os.path.join(self.path, name)
            try:
                for event in _first_events(path):
                    found.take(event)
            except OSError as error:
                problems.append(unreadable(path, error))
        return Facts(found.params, {}, found.fields, {}, found.details(), problems)


def _first_events(path: str) -> Iterator[Event]:
    """The records of a file that are worth looking at one by one.

    Raises:
        OSError: it cannot be read.
    """
    descriptor = open_regular(path)
    try:
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, _HEAD_BYTES, 0)
        tail = os.pread(descriptor, _TAIL_BYTES, max(size - _TAIL_BYTES, len(head))) if size > len(head) else b""
    finally:
        os.close(descriptor)
    yield from _events_in(head, _FIRST)
    for event in _events_in(tail, 0):
        if any(value.plugin == _HPARAMS for value in event.values):
            yield event


def _events_in(data: bytes, first: int) -> Iterator[Event]:
    import numpy as np  # noqa: PLC0415

    from tui_runs_dirs.readers.event_framing import find_records  # noqa: PLC0415

    frames = find_records(np.frombuffer(data, np.uint8), final=True)
    chosen = np.flatnonzero((np.arange(len(frames.start)) < first) | (frames.end - frames.start >= _LONG))
    marked = [match.start() for match in _MARKS.finditer(data)][:_MOST]
    if len(frames.start):
        places = np.searchsorted(frames.start, np.array(marked, np.int64), "right") - 1
        chosen = np.union1d(chosen[: first + _MOST], places[places >= 0])
    for record in chosen.tolist():
        event = sound_event(data[int(frames.start[record]) : int(frames.end[record])])
        if event is not None:
            yield event


@dataclass(slots=True)
class _Found:
    params: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    others: dict[tuple[str, str], int] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        if event.wall_time:
            started = utc_of_epoch(event.wall_time)
            if started is not None:
                self.fields.setdefault("started", started)
        for value in event.values:
            if value.plugin == _HPARAMS:
                for name, content in _sessions(value.content):
                    if name == "start":
                        self.take_start(content)
                    elif name == "end":
                        self.take_end(content)
            elif value.kind == "text" and value.texts:
                self.take_text(value, event.step)
            elif value.kind in _KINDS:
                kind = value.plugin or value.kind
                key = encodable(kind), encodable(value.tag)
                self.others[key] = self.others.get(key, 0) + 1

    def take_start(self, content: bytes) -> None:
        for number, kind, _, begin, end in fields(content, 0, len(content)):
            if number == 1 and kind == BYTES:
                name, value = _entry(content[begin:end])
                self.params[encodable(name)] = value
            elif number == 4 and kind == BYTES and end > begin:
                group = encodable(text_at(content, begin, end))
                if not _HASH.fullmatch(group):  # what Keras makes of the params, for want of a name
                    self.fields["group"] = group
            elif number == 5 and kind == FIXED64:
                started = utc_of_epoch(double_at(content, begin))
                if started is not None and double_at(content, begin):
                    self.fields["started"] = started

    def take_end(self, content: bytes) -> None:
        """A status counts where it has a time: PyTorch writes "success" at once, without one."""
        status, ended = 0, None
        for number, kind, value, begin, _ in fields(content, 0, len(content)):
            if number == 1 and kind == VARINT:
                status = value
            elif number == 2 and kind == FIXED64 and double_at(content, begin):
                ended = utc_of_epoch(double_at(content, begin))
        if ended is not None:
            self.fields["ended"] = ended
            if status in _STATUS:
                self.fields["status"] = _STATUS[status]

    def take_text(self, value: Value, step: int) -> None:
        tag = value.tag.removesuffix(_SUFFIX)
        text = "\n".join(value.texts)
        if tag.rpartition("/")[2].lower() in _PARAM_TEXTS and (params := _params_in(text)):
            self.params.update(params)
            return
        item = tag if not step else f"{tag} @ step {step}"
        if len(self.texts) < _MOST:
            self.texts.setdefault(encodable(item), encodable(text[:_TEXT]))

    def details(self) -> list[tuple[str, str, str, str]]:
        texts = [("text", item, "text", text) for item, text in self.texts.items()]
        return texts + [(kind, tag, "values", _count(count)) for (kind, tag), count in self.others.items()]


def _count(count: int) -> str:
    return "1 at least" if count == 1 else f"{count:,} at least"


def _sessions(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The session's start or end in what the hparams plugin wrote; broken ones are passed over."""
    try:
        for number, kind, _, begin, end in [*fields(content, 0, len(content))]:
            if kind == BYTES and number in (3, 4):
                part = content[begin:end]
                _check(part)
                yield ("start" if number == 3 else "end"), part
    except MalformedError:
        return


def _check(content: bytes) -> None:
    """Raises: MalformedError: it is no message, or a param in it is none."""
    for number, kind, _, begin, end in fields(content, 0, len(content)):
        if number == 1 and kind == BYTES:
            _entry(content[begin:end])


def _entry(data: bytes) -> tuple[str, str]:
    """One param of a session: its name and its value as text."""
    name, value = "", None
    for number, kind, _, begin, end in fields(data, 0, len(data)):
        if number == 1 and kind == BYTES:
            name = text_at(data, begin, end)
        elif number == 2 and kind == BYTES:
            value = _plain_value(data, begin, end, 0)
    return name, text_of(value)


def _plain_value(data: bytes, begin: int, end: int, depth: int) -> Any:
    """A google.protobuf.Value; whole numbers, which are doubles there, as int."""
    found: Any = None
    for number, kind, value, first, last in fields(data, begin, end):
        if number == 2 and kind == FIXED64:
            found = double_at(data, first)
            found = int(found) if found.is_integer() and abs(found) < 1 << 53 else found
        elif number == 3 and kind == BYTES:
            found = text_at(data, first, last)
        elif number == 4 and kind == VARINT:
            found = signed(value) != 0
        elif number == 6 and kind == BYTES and depth < 16:
            found = [
                _plain_value(data, inner, inner_end, depth + 1)
                for inner_number, inner_kind, _, inner, inner_end in fields(data, first, last)
                if inner_number == 1 and inner_kind == BYTES
            ]
    return found


def _params_in(text: str) -> dict[str, str]:
    """The params in a text that is a JSON object, perhaps fenced, or a Markdown table of two columns."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.partition("\n")[2].rstrip("`\n ")
    tree = parse_text(stripped) if stripped.startswith("{") else None
    if isinstance(tree, dict):
        return texts(tree)
    rows = [match for line in stripped.splitlines() if (match := _TABLE_ROW.match(line.strip()))]
    if len(rows) < 3 or set(rows[1][1].strip()) - set("-: "):
        return {}
    return {encodable(row[1].strip()): encodable(row[2].strip()) for row in rows[2:]}
