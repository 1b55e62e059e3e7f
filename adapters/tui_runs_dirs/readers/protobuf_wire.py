"""Protocol Buffers' wire format, read without protobuf: where the fields of a message are.

Source: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_GROUP, _GROUP_END = 3, 4
_DEEPEST: Final = 100
_WORD: Final = 0xFFFF_FFFF_FFFF_FFFF


class MalformedError(ValueError):
    """Bytes that are no message."""


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """The fields of the message in `data[at:end]`, in the order written; groups, which are long gone, are left out.

    Returns:
        (number, wire type, value, begin, end): the value of a varint, else 0; and where the content lies.

    Raises:
        MalformedError: they do not fill the message exactly.
    """
    groups: list[int] = []
    while at < end:
        tag = data[at]
        if tag < 0x80:
            at += 1
        else:
            tag, at = varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        begin, value = at, 0
        if kind == BYTES:
            if at < end and data[at] < 0x80:
                size, begin = data[at], at + 1
            else:
                size, begin = varint(data, at, end)
            at = begin + size
        elif kind == VARINT:
            value, at = varint(data, at, end)
        elif kind == FIXED32:
            at += 4
        elif kind == FIXED64:
            at += 8
        elif kind == _GROUP and len(groups) < _DEEPEST:
            groups.append(number)
        elif kind != _GROUP_END or not groups or groups.pop() != number:
            raise MalformedError(f"wire type {kind}")
        if at > end or not 0 < number < 1 << 29:
            raise MalformedError("a field reaches beyond its message")
        if not groups and kind not in (_GROUP, _GROUP_END):
            yield number, kind, value, begin, at
    if groups:
        raise MalformedError("a group does not end")


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and where what follows it begins.

    Raises:
        MalformedError: it does not end.
    """
    value = shift = 0
    for byte in data[at : min(at + 10, end)]:
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & _WORD, at
        shift += 7
    raise MalformedError("a number does not end")


def signed(value: int) -> int:
    """A varint of int32 or int64 as the number it stands for."""
    return value - (1 << 64) if value >> 63 else value


def float_at(data: bytes, at: int) -> float:
    """The float whose bytes begin here."""
    return float(struct.unpack_from("<f", data, at)[0])


def double_at(data: bytes, at: int) -> float:
    """The double whose bytes begin here."""
    return float(struct.unpack_from("<d", data, at)[0])


def text_at(data: bytes, begin: int, end: int) -> str:
    """A text; what is not UTF-8 in it is replaced."""
    return data[begin:end].decode(errors="replace")
