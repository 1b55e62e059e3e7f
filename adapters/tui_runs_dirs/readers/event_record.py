"""One record of an event file, decoded with care: whatever TensorBoard, PyTorch, TensorFlow and tensorboardX write.

Source: event.proto, summary.proto, tensor.proto and types.proto of TensorBoard 2.21. What protobuf does with fields
that come twice is done here: the last one counts, and messages are merged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tui_runs_dirs.readers.protobuf_wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    MalformedError,
    double_at,
    fields,
    float_at,
    signed,
    text_at,
    varint,
)

SESSION_START: Final = 1
"""A SessionLog's status: what was written before at this step or later is void."""
SCALARS: Final = "scalars"
_KINDS: Final = {3: "histogram", 4: "image", 5: "histogram", 6: "audio"}
"""Fields of a value that are neither number nor tensor; 3 is the histogram of an old TensorBoard."""
_CONTENT: Final = {
    1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 19: "e", 22: "I", 23: "Q",
}  # fmt: skip
"""How the bytes of a tensor's element are packed, by DataType."""
_BFLOAT16, _HALF, _STRING = 14, 19, 7
_SIGNED, _UNSIGNED = (7, 10), (16, 17)
"""Fields of a tensor with integers: int_val and int64_val; uint32_val and uint64_val."""


@dataclass(slots=True)
class Value:
    """One value of a summary.

    Args:
        tag: its name.
        kind: "number" for a simple value or a tensor of one number, "tensor", "text" (a tensor of strings), "image",
            "histogram", "audio", or "" for none.
        simple: the number is a simple value, which needs no metadata to be a scalar.
        number: where it is one.
        texts: the strings of a tensor.
        at: where the bytes of the number lie in the record, where they are those of a float or a double; else 0.
        width: how many these are, 4 or 8.
        plugin: of its metadata; None where it has none.
        content: what the plugin wrote into the metadata.
        is_scalar: the metadata say that the tag's values are scalars.
    """

    tag: str = ""
    kind: str = ""
    simple: bool = False
    number: float = 0.0
    texts: tuple[str, ...] = ()
    at: int = 0
    width: int = 0
    plugin: str | None = None
    content: bytes = b""
    is_scalar: bool = False


@dataclass(slots=True)
class Event:
    """One record.

    Args:
        wall_time: seconds since 1970; 0 where it has none.
        step: 0 where it has none.
        values: of its summary.
        session: the status of its session log; 0 where it has none.
        in_place: the wall time begins at byte 1 and the step at byte 10, or the record has none.
    """

    wall_time: float = 0.0
    step: int = 0
    values: list[Value] = field(default_factory=list)
    session: int = 0
    in_place: bool = False


def decode_event(data: bytes) -> Event:
    """Decode a record.

    Raises:
        MalformedError: it is no event.
    """
    event = Event()
    wall_at, step_at, what = -1, 10, 0
    for number, kind, value, begin, end in fields(data, 0, len(data)):
        if number == 1 and kind == FIXED64:
            event.wall_time, wall_at = double_at(data, begin), begin
        elif number == 2 and kind == VARINT:
            event.step, step_at = signed(value), begin
        elif 3 <= number <= 9 and kind == BYTES:
            if number != what:  # one of them at most; the last one
                event.values, event.session, what = [], 0, number
            if number == 5:
                _add_values(data, begin, end, event.values)
            elif number == 7:
                event.session = _number_field(data, begin, end, 1, event.session)
    event.in_place = wall_at == 1 and step_at == 10
    return event


def _add_values(data: bytes, begin: int, end: int, values: list[Value]) -> None:
    for number, kind, _, first, last in fields(data, begin, end):
        if number == 1 and kind == BYTES:
            values.append(_decode_value(data, first, last))


def _decode_value(data: bytes, begin: int, end: int) -> Value:
    value = Value()
    tensors: list[tuple[int, int]] = []
    metadata: list[tuple[int, int]] = []
    node, what = "", 0
    for number, kind, _, first, last in fields(data, begin, end):
        if number == 1 and kind == BYTES:
            value.tag = text_at(data, first, last)
        elif number == 2 and kind == FIXED32:
            value.number, value.at, what = float_at(data, first), first, 2
        elif number in _KINDS and kind == BYTES:
            what = number
        elif number == 7 and kind == BYTES:
            node = text_at(data, first, last)
        elif number == 8 and kind == BYTES:
            tensors, what = [*tensors, (first, last)] if what == 8 else [(first, last)], 8
        elif number == 9 and kind == BYTES:
            metadata.append((first, last))
    if what == 2:
        value.kind, value.simple, value.width = "number", True, 4
    elif what == 8:
        value.tag = value.tag or node
        _decode_tensor(data, tensors, value)
    else:
        value.kind = _KINDS.get(what, "")
    for first, last in metadata:
        _decode_metadata(data, first, last, value)
    return value


def _decode_metadata(data: bytes, begin: int, end: int, value: Value) -> None:
    value.plugin = value.plugin or ""
    for number, kind, data_class, first, last in fields(data, begin, end):
        if number == 1 and kind == BYTES:
            for inner, inner_kind, _, inner_first, inner_last in fields(data, first, last):
                if inner == 1 and inner_kind == BYTES:
                    value.plugin = text_at(data, inner_first, inner_last)
                elif inner == 2 and inner_kind == BYTES:
                    value.content = data[inner_first:inner_last]
        elif number == 4 and kind == VARINT:
            value.is_scalar = data_class == 1


def _decode_tensor(data: bytes, parts: list[tuple[int, int]], value: Value) -> None:
    """Take the one number of a tensor, or its strings."""
    dtype, elements, content = 0, 1, (0, 0)
    found: list[tuple[float, int, int]] = []
    texts: list[str] = []
    for begin, end in parts:
        for number, kind, raw, first, last in fields(data, begin, end):
            if number == 1 and kind == VARINT:
                dtype = raw
            elif number == 2 and kind == BYTES:
                elements *= _count_elements(data, first, last)
            elif number == 4 and kind == BYTES:
                content = first, last
            elif number == 8 and kind == BYTES and len(texts) < elements:
                texts.append(text_at(data, first, last))
            elif (number in (5, 6) or number in _SIGNED or number in _UNSIGNED or number in (11, 13)) and not found:
                found += _first_number(data, number, kind, raw, first, last, dtype)
    if dtype == _STRING:
        value.kind, value.texts = "text", tuple(texts)
        return
    value.kind = "tensor"
    if elements != 1:
        return
    begin, end = content
    if end > begin:
        one = _content(data, begin, end, dtype)
        found = [one] if one else []
    if found:
        value.kind = "number"
        value.number, value.at, value.width = found[0]


def _count_elements(data: bytes, begin: int, end: int) -> int:
    """How many numbers a tensor of this shape has; less than 0 where that is not known."""
    count = 1
    for number, kind, _, first, last in fields(data, begin, end):
        if number == 2 and kind == BYTES:
            count *= signed(_number_field(data, first, last, 1, 0))
    return count


def _number_field(data: bytes, begin: int, end: int, wanted: int, default: int) -> int:
    for number, kind, value, _, _ in fields(data, begin, end):
        if number == wanted and kind == VARINT:
            default = value
    return default


def _content(data: bytes, begin: int, end: int, dtype: int) -> tuple[float, int, int] | None:
    """The number that these bytes are, and where it lies if it is a float or a double."""
    if dtype == _BFLOAT16 and end - begin == 2:
        return struct.unpack("<f", b"\0\0" + data[begin:end])[0], 0, 0
    code = _CONTENT.get(dtype)
    if code is None or struct.calcsize("<" + code) != end - begin:
        return None
    number = float(struct.unpack_from("<" + code, data, begin)[0])
    return (number, begin, end - begin) if code in "fd" else (number, 0, 0)


def _first_number(
    data: bytes, field_number: int, kind: int, raw: int, begin: int, end: int, dtype: int
) -> Iterator[tuple[float, int, int]]:
    """The first number of a repeated field of a tensor, packed or not, as `_content` gives it."""
    if field_number in (5, 6):
        width, fixed = (4, FIXED32) if field_number == 5 else (8, FIXED64)
        if kind not in (BYTES, fixed) or end - begin < width:
            return
        if (dtype, width) in ((1, 4), (2, 8)):
            # Bytes that follow the first are other elements: a record with those is no usual one.
            at = begin if end - begin == width else 0
            yield (float_at if width == 4 else double_at)(data, begin), at, width
        return
    if kind == BYTES and end > begin:
        raw, _ = varint(data, begin, end)
    elif kind != VARINT:
        return
    if field_number == 13:
        bits = struct.pack("<H", raw & 0xFFFF)
        if dtype in (_HALF, _BFLOAT16):
            yield struct.unpack("<e", bits)[0] if dtype == _HALF else struct.unpack("<f", b"\0\0" + bits)[0], 0, 0
    elif dtype in _CONTENT and dtype not in (1, 2, _HALF):
        yield float(signed(raw) if field_number in _SIGNED else raw), 0, 0


def sound_event(data: bytes) -> Event | None:
    """Decode a record; None where it is no event."""
    try:
        return decode_event(data)
    except MalformedError:
        return None


def leading_tags(data: bytes) -> set[str]:
    """The tags in the first bytes of an event file, to tell what it is: no CRC is looked at, and no numpy needed."""
    tags: set[str] = set()
    at = 0
    while at + 12 < len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        event = sound_event(data[at + 12 : at + 12 + size])
        tags.update(value.tag for value in (event.values if event is not None else ()))
        at += size + 16
    return tags
