"""CRC-32C of many short byte strings at once, with numpy; masked as TFRecord files have it.

The checksum is linear: each byte adds (by xor) a number that depends on the byte and on how many bytes follow it. So
one table look-up a byte does it, in any order, and rows of equal length are worked through column by column: 3 ns a
byte, which a loop in Python would need 100 for.

Source: RFC 3720, B.4 (polynomial 0x1EDC6F41, reflected); the mask: tensorflow/core/lib/hash/crc32c.h.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Checksums: TypeAlias = NDArray[np.uint32]

ROW_LIMIT: Final = 512
"""Bytes of the longest rows; what is longer is worked through in pieces of so many."""
_POLYNOMIAL: Final = np.uint32(0x82F63B78)
_MASK: Final = 0xA282EAD8


def _make_tables() -> NDArray[np.uint32]:
    """By the number of bytes that follow, and by byte: what it adds."""
    byte = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        byte = np.where(byte & 1, (byte >> 1) ^ _POLYNOMIAL, byte >> 1)
    tables = np.empty((ROW_LIMIT, 256), np.uint32)
    tables[0] = byte
    for number in range(1, ROW_LIMIT):
        before = tables[number - 1]
        tables[number] = (before >> 8) ^ byte[before & 0xFF]
    return tables


_TABLES: Final = _make_tables()
_FLAT: Final = _TABLES.ravel()
_PLACES: Final = np.arange(ROW_LIMIT - 1, -1, -1) * 256
"""Where the tables of the bytes of a whole row begin."""


_ZEROS: Final = np.uint32(0x8C28B28A)
"""The CRC, not masked, of 8 zeros."""


def masked_crcs(rows: Bytes) -> Checksums:
    """The masked CRC of every row.

    Args:
        rows: shape (count, length), the length 4 to ROW_LIMIT.
    """
    length = rows.shape[1]
    state: Checksums = np.zeros(len(rows), np.uint32)
    for i in range(length):
        column = rows[:, i] ^ 0xFF if i < 4 else rows[:, i]
        state ^= _TABLES[length - 1 - i].take(column, mode="wrap")  # "wrap" costs nothing here, and checks nothing
    return _masked(~state)


def masked_crcs_of_sizes(sizes: NDArray[np.uint32]) -> Checksums:
    """The masked CRC of each of these numbers as 8 bytes in little-endian order, the last four being zero."""
    state: Checksums = np.full(len(sizes), _ZEROS, np.uint32)
    low = np.ascontiguousarray(sizes, "<u4").view(np.uint8).reshape(-1, 4)
    for i in range(4):
        state ^= _TABLES[7 - i].take(low[:, i], mode="wrap")
    return _masked(state)


def _masked(state: Checksums) -> Checksums:
    masked: Checksums = ((state >> np.uint32(15)) | (state << np.uint32(17))) + np.uint32(_MASK)
    return masked


def masked_crc(data: Bytes) -> int:
    """The masked CRC of one string of any length."""
    state = 0xFFFFFFFF
    for begin in range(0, len(data), ROW_LIMIT):
        piece = data[begin : begin + ROW_LIMIT]
        if len(piece) < 4:
            for byte in piece.tolist():
                state = (state >> 8) ^ int(_TABLES[0, (state ^ byte) & 0xFF])
            continue
        piece = piece.copy()
        piece[:4] ^= np.frombuffer(state.to_bytes(4, "little"), np.uint8)
        state = int(np.bitwise_xor.reduce(_FLAT.take(_PLACES[ROW_LIMIT - len(piece) :] + piece)))
    state ^= 0xFFFFFFFF
    return (((state >> 15) | (state << 17)) + _MASK) & 0xFFFFFFFF
