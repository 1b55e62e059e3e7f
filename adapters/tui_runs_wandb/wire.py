"""Protocol Buffers' wire format, read without protobuf: fields as numbers and raw values.

Source: https://protobuf.dev/programming-guides/encoding. Groups are not read; nothing of W&B has them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

Value: TypeAlias = int | bytes

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")


class MalformedError(ValueError):
    """Bytes that are no message."""


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in the order written.

    Returns:
        (number, value): an int for a varint, bytes for everything else (fixed-size ones in little-endian order).

    Raises:
        MalformedError: they do not fill `data` exactly.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = data[at], at + 1
        if tag >= 0x80:
            tag, at = varint(data, at - 1)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = varint(data, at) if at >= end or data[at] >= 0x80 else (data[at], at + 1)
        elif kind == FIXED64:
            size = 8
        elif kind == FIXED32:
            size = 4
        else:
            raise MalformedError(f"wire type {kind}")
        if at + size > end or not number:
            raise MalformedError("a field reaches beyond its message")
        yield number, data[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and where what follows it begins.

    Raises:
        MalformedError: it does not end.
    """
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise MalformedError("a number does not end")


def signed(value: Value) -> int:
    """A varint of int32 or int64 as the number it stands for."""
    number = whole(value)
    return number - (1 << 64) if number >> 63 else number


def zigzag(value: Value) -> int:
    """A varint of sint64 as the number it stands for."""
    number = whole(value)
    return (number >> 1) ^ -(number & 1)


def whole(value: Value) -> int:
    """A varint as it is.

    Raises:
        MalformedError: the field has another type.
    """
    if not isinstance(value, int):
        raise MalformedError("a number was expected")
    return value


def double(value: Value) -> float:
    """A field of type double.

    Raises:
        MalformedError: the field has another type.
    """
    data = message(value)
    if len(data) != _DOUBLE.size:
        raise MalformedError("a double was expected")
    return float(_DOUBLE.unpack(data)[0])


def message(value: Value) -> bytes:
    """A field that is a message, or bytes.

    Raises:
        MalformedError: the field has another type.
    """
    if not isinstance(value, bytes):
        raise MalformedError("a message was expected")
    return value


def text(value: Value) -> str:
    """A field that is a text; what is not UTF-8 in it is replaced.

    Raises:
        MalformedError: the field has another type.
    """
    return message(value).decode(errors="replace")
