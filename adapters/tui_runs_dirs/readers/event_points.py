"""The points in the records of an event file: records of the usual kinds many at a time, the others one by one.

Usual is a record with one number, whose bytes, and those of wall time and step, lie where they lie. Two records that
are alike in all other bytes (and in which bytes of the step say that it goes on) are decoded alike: so one of each
kind is decoded with care (`event_record`), and what it has is taken from all of them. All bytes are compared, so that
nothing is taken for what it is not; and the CRC of every record is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tui_runs.display import encodable
from tui_runs_dirs.readers.crc32c import ROW_LIMIT, Bytes, masked_crc, masked_crcs
from tui_runs_dirs.readers.event_framing import Frames, Whole
from tui_runs_dirs.readers.event_record import SCALARS, SESSION_START, Event, Value, sound_event

Floats = NDArray[np.float64]

PAD: Final = 16
"""Bytes behind the records of a buffer that may be looked at."""
_FEW: Final = 16
"""So few records of a length are decoded one by one."""
_SHORTEST: Final = 12
_ROUNDS: Final = 64
_BUCKET_BITS: Final = 12
_FACTORS: Final = np.random.default_rng(20).integers(1, 1 << 63, ROW_LIMIT // 8 + 2, np.uint64) * np.uint64(
    2
) + np.uint64(1)


_UNKNOWN, _SCALAR, _OTHER = 0, 1, 2


class Tags:
    """The tags of a run's files, numbered; and which are scalars, as the first metadata of each say.

    TensorFlow writes the metadata of a tag with its first value only; what later ones say does not count.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._kinds = bytearray()

    def number(self, name: str) -> int:
        """The number of a tag."""
        found = self._numbers.setdefault(name, len(self.names))
        if found == len(self.names):
            self.names.append(encodable(name))
            self._kinds.append(_UNKNOWN)
        return found

    def declare(self, number: int, value: Value) -> None:
        """Take the metadata of a value, if its tag has none yet."""
        if self._kinds[number] == _UNKNOWN:
            self._kinds[number] = _SCALAR if value.plugin == SCALARS or value.is_scalar else _OTHER

    def are_scalars(self, numbers: Whole) -> NDArray[np.bool_]:
        """Whether tensors of these tags are points."""
        are: NDArray[np.bool_] = np.frombuffer(self._kinds, np.uint8)[numbers] == _SCALAR
        return are


@dataclass(slots=True)
class Points:
    """Points, in the order written.

    Args:
        record: the number of the record that each lies in.
        key: the number of its tag.
        step: as written.
        time: seconds since 1970; 0 where the record has none.
        value: a float's is the double that equals it.
        starts: (record, step) of the session starts: what was written before at this step or later is void.
        bad: records that are damaged.
    """

    record: Whole
    key: Whole
    step: Whole
    time: Floats
    value: Floats
    starts: list[tuple[int, int]] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Found:
    """Points of tensors may turn out to be none, when the metadata of their tags are known."""

    parts: list[tuple[bool, Whole, Whole, Whole, Floats, Floats]] = field(default_factory=list)
    declared: list[tuple[int, int, Value]] = field(default_factory=list)
    starts: list[tuple[int, int]] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)


def decode_points(data: Bytes, frames: Frames, tags: Tags) -> Points:
    """Decode records.

    Args:
        data: the buffer, with PAD bytes behind the records.
        frames: the records.
        tags: gets those that are new.
    """
    found = _Found()
    size = frames.end - frames.start
    one_by_one: list[int] = []
    for length, records in _by_length(size):
        if len(records) < _FEW or not _SHORTEST <= length <= ROW_LIMIT:
            one_by_one += records.tolist()
        else:
            one_by_one += _decode_rows(data, frames.start[records], length, records, tags, found)
    _decode_singly(data, frames, one_by_one, tags, found)
    for _, number, value in sorted(found.declared, key=lambda one: one[0]):
        tags.declare(number, value)
    return _together(found, tags)


def _by_length(size: Whole) -> Iterator[tuple[int, Whole]]:
    """The records of each length, in order."""
    order = np.argsort(np.minimum(size, 0xFFFF).astype(np.uint16), kind="stable")
    edges = np.flatnonzero(np.diff(size[order], prepend=-1, append=-1)).tolist()
    for begin, end in pairwise(edges):
        yield int(size[order[begin]]), order[begin:end]


# --- side by side -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where the parts of a usual record lie.

    Args:
        step_bytes: of the step, from byte 10 on.
        at: where the number begins.
        width: its bytes.
        simple: it is a simple value.
    """

    step_bytes: int
    at: int
    width: int
    simple: bool

    def mask(self, length: int, width: int) -> NDArray[np.uint64]:
        """The bits in which two records of this shape that are decoded alike agree, in words."""
        bits = np.zeros(width, np.uint8)
        bits[:length] = 0xFF
        bits[1:9] = 0
        bits[10 : 10 + self.step_bytes] = 0x80
        bits[self.at : self.at + self.width] = 0
        return bits.view(np.uint64)


def _decode_rows(data: Bytes, start: Whole, length: int, records: Whole, tags: Tags, found: _Found) -> list[int]:
    """Decode records of one length; returns those that are to be decoded one by one."""
    width = (length + 4 + 7) // 8 * 8
    lines: NDArray[np.void] = np.ndarray(len(data) - width + 1, f"V{width}", data, strides=(1,))
    rows = lines[start].view(np.uint8).reshape(-1, width)
    sound = masked_crcs(rows[:, :length]) == _column(rows, length, "<u4")
    if not sound.all():
        found.bad += records[~sound].tolist()
        rows, records = rows[sound], records[sound]
    odd: list[int] = []
    rounds = 0
    while len(rows) and rounds < _ROUNDS:
        rounds += 1
        shape = _shape_of(rows[0, :length].tobytes())[0]
        if shape is None:
            odd.append(int(records[0]))
            rows, records = rows[1:], records[1:]
            continue
        kind = _match(rows, length, shape, records, tags, found)
        matched = kind >= 0
        rows, records = rows[~matched], records[~matched]
    odd += records.tolist()
    return odd


def _shape_of(data: bytes) -> tuple[_Shape | None, Event | None]:
    event = sound_event(data)
    if event is None or not event.in_place or len(event.values) != 1 or event.values[0].kind != "number":
        return None, event
    value = event.values[0]
    if not value.at or event.session:
        return None, event
    step_bytes = 0
    if data[9] == 0x10:
        step_bytes = next(i for i in range(1, 11) if data[9 + i] < 0x80)
    return _Shape(step_bytes, value.at, value.width, value.simple), event


def _match(rows: Bytes, length: int, shape: _Shape, records: Whole, tags: Tags, found: _Found) -> Whole:
    """Take the points of all rows of a shape; returns -1 for each row that has another.

    Rows are put into buckets by what they have beside the numbers; the first of each bucket is decoded with care.
    """
    words = rows.view(np.uint64) & shape.mask(length, rows.shape[1])
    bucket = ((words @ _FACTORS[: words.shape[1]]) >> np.uint64(64 - _BUCKET_BITS)).astype(np.int64)
    first = np.full(1 << _BUCKET_BITS, -1)
    first[bucket[::-1]] = np.arange(len(rows) - 1, -1, -1)
    like = first[bucket]
    key: Whole = np.full(len(rows), -1)
    for one in first[first >= 0].tolist():
        its_shape, event = _shape_of(rows[one, :length].tobytes())
        if event is None or its_shape != shape:
            continue
        value = event.values[0]
        key[one] = tags.number(value.tag)
        if value.plugin is not None:
            found.declared.append((int(records[one]), int(key[one]), value))
    key = key[like]
    for i in range(words.shape[1]):
        key[words[:, i] != words[:, i].take(like)] = -1
    take = key >= 0
    some = rows if take.all() else rows[take]
    time = _column(some, 1, "<f8")
    step = np.zeros(len(some), np.uint64)
    for i in range(shape.step_bytes):
        step |= (some[:, 10 + i] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * i)
    number = _column(some, shape.at, f"<f{shape.width}")
    found.parts.append((shape.simple, records[take], key[take], step.view(np.int64), time, number.astype(np.float64)))
    return key


def _column(rows: Bytes, at: int, kind: str) -> NDArray[Any]:
    """The numbers of a type that begin at this byte of each row."""
    return np.ndarray(len(rows), kind, rows, at, rows.strides[:1]).copy()


# --- one by one -------------------------------------------------------------------------------------------------------


def _decode_singly(data: Bytes, frames: Frames, records: list[int], tags: Tags, found: _Found) -> None:
    points: dict[bool, list[tuple[int, int, int, float, float]]] = {True: [], False: []}
    for record in sorted(records):
        start, end = int(frames.start[record]), int(frames.end[record])
        sound = masked_crc(data[start:end]) == int.from_bytes(data[end : end + 4].tobytes(), "little")
        event = sound_event(data[start:end].tobytes()) if sound else None
        if event is None:
            found.bad.append(record)
            continue
        if event.session == SESSION_START:
            found.starts.append((record, event.step))
        for value in event.values:
            number = tags.number(value.tag) if value.kind == "number" or value.plugin is not None else -1
            if value.plugin is not None:
                found.declared.append((record, number, value))
            if value.kind == "number":
                points[value.simple].append((record, number, event.step, event.wall_time, value.number))
    for simple, some in points.items():
        if some:
            record_of, key, step, time, number_of = zip(*some, strict=True)
            found.parts.append(
                (simple, np.array(record_of), np.array(key), np.array(step), np.array(time), np.array(number_of))
            )


def _together(found: _Found, tags: Tags) -> Points:
    """All points by their records; those of tensors whose tags are no scalars are left out."""
    kept: list[tuple[NDArray[Any], ...]] = []
    for simple, *columns in found.parts:
        scalar = None if simple else tags.are_scalars(np.asarray(columns[1], np.int64))
        kept.append(tuple(columns if scalar is None else (column[scalar] for column in columns)))
    types = (np.int64, np.int64, np.int64, np.float64, np.float64)
    joined = [np.concatenate([np.empty(0, kind), *(columns[i] for columns in kept)]) for i, kind in enumerate(types)]
    order = np.argsort(joined[0], kind="stable")
    record, key, step, time, value = (column[order] for column in joined)
    return Points(record, key, step, time, value, sorted(found.starts), sorted(found.bad))
