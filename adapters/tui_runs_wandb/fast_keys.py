"""Tells the keys of many items apart by their bytes, with numpy."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_runs_wandb.keys import Keys
from tui_runs_wandb.log_chunks import Bytes
from tui_runs_wandb.points import Whole
from tui_runs_wandb.records import Path, decode_item

Words = NDArray[np.uint64]
Numbers = NDArray[np.int32]

_WIDTHS: Final = (16, 24, 32, 128)
"""Bytes of the longest spellings in each table."""
_MOST: Final = 1 << 14
"""Spellings that a table holds; a run that has more makes up keys as it goes."""
_SAMPLE: Final = 4096
_KEPT: Final = {
    width: np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)[
        np.clip(np.arange(width + 1)[:, None] - 8 * np.arange(width // 8)[None, :], 0, 8)
    ]
    for width in _WIDTHS
}
"""By width of a table, by size of a spelling, and by word: which bytes are of the spelling."""
_BITS: Final = (12, 14, 16, 18, 20)
_GOLDEN: Final = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio, odd: what Knuth multiplies hashes by. Its odd powers are odd too."""
_MULTIPLIERS: Final = tuple(np.uint64(value) for value in (
    _GOLDEN, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F, 0xE7037ED1A0B428DB,
))  # fmt: skip


def gather(data: Bytes, at: Whole, size: int) -> Words:
    """The bytes that begin at each position, as numbers of eight bytes.

    Taking 32 bytes at once costs no more than taking two: 30 ns, whatever the size.

    Returns:
        Shape (positions, size / 8).
    """
    windows = np.ndarray((len(data) - size + 1,), f"V{size}", data, strides=(1,))
    return windows[at].view("<u8").reshape(-1, size // 8)


def any_bit(words: Words) -> Words:
    """The bits that are set in any word of each row; column by column, a third of the time that a reduction takes."""
    bits = words[:, 0]
    for i in range(1, words.shape[1]):
        bits = bits | words[:, i]
    return bits


class Lookup:
    """Remembers spellings: the bytes of a key as they stand in an item, tags and lengths included.

    Args:
        keys: of the run; what is met for the first time is added.

    Attributes:
        paths: by spelling.
        number: the number of the key, by spelling.
    """

    def __init__(self, keys: Keys) -> None:
        self.paths: list[Path] = []
        self.number = np.empty(0, np.int32)
        self._keys = keys
        self._tables = [_Table(width) for width in _WIDTHS]

    def find(self, data: Bytes, begin: Whole, end: Whole) -> Numbers:
        """Which spelling stands between these positions; -1 where it is too long, or one too many."""
        size = end - begin
        longest = int(size.max(initial=0))
        for table in self._tables[:-1]:
            if longest <= table.width:
                return self._find(table, data, begin, size)
        found = np.full(len(begin), -1, np.int32)
        for table, least in zip(self._tables[-2:], (-1, _WIDTHS[-2]), strict=True):
            some = np.flatnonzero((size > least) & (size <= table.width))
            if len(some):
                found[some] = self._find(table, data, begin[some], size[some])
        return found

    def _find(self, table: _Table, data: Bytes, begin: Whole, size: Whole) -> Numbers:
        words = gather(data, begin, table.width)
        words &= _KEPT[table.width].take(size, axis=0)
        hashes = table.hashes(words)
        found = table.match(words, hashes)
        missing = np.flatnonzero(found < 0)
        while len(missing):
            sample = missing[:_SAMPLE]
            _, first = np.unique(hashes[sample], return_index=True)
            new = [data[begin[i] : begin[i] + size[i]].tobytes() for i in sample[first].tolist()]
            new = [raw for raw in dict.fromkeys(new) if raw not in table.known]
            if not new or len(table.known) + len(new) > _MOST:
                break
            table.add(new, len(self.paths))
            paths = [decode_item(raw).path for raw in new]
            self.paths += paths
            self.number = np.append(self.number, np.array([self._keys.number(path) for path in paths], np.int32))
            found = table.match(words, hashes)
            missing = np.flatnonzero(found < 0)
        return found


class _Table:
    """Spellings of up to so many bytes, each at a place of its own, found by a hash.

    Args:
        width: bytes; what is shorter is filled up with zeros.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.known: set[bytes] = set()
        self._factors = np.array([pow(_GOLDEN, 2 * i + 3, 1 << 64) for i in range(width // 8)], np.uint64)
        self._words = np.zeros((1, width // 8), np.uint64)
        self._numbers = np.array([-1], np.int32)
        self._shift, self._multiplier = np.uint64(64 - _BITS[0]), _MULTIPLIERS[0]
        self._places = np.zeros(1 << _BITS[0], np.int32)
        """The row of `_words` at each place; row 0 is nobody's."""

    def match(self, words: Words, hashes: Words) -> Numbers:
        """The number of each spelling that is known, else -1."""
        row = self._places.take((hashes * self._multiplier) >> self._shift)
        found = self._numbers.take(row)
        found[any_bit(words ^ self._words.take(row, axis=0)) != 0] = -1
        return found

    def hashes(self, words: Words) -> Words:
        """A number for each spelling."""
        hashes: Words = words[:, 0] * self._factors[0]
        for i in range(1, len(self._factors)):
            hashes += words[:, i] * self._factors[i]
        return hashes

    def add(self, spellings: list[bytes], number: int) -> None:
        """Add spellings, numbered from here on; those that find no place of their own are never found."""
        self.known.update(spellings)
        padded = b"".join(raw.ljust(self.width, b"\0") for raw in spellings)
        self._words = np.concatenate([self._words, np.frombuffer(padded, "<u8").reshape(-1, self.width // 8)])
        self._numbers = np.append(self._numbers, np.arange(number, number + len(spellings), dtype=np.int32))
        hashes = self.hashes(self._words[1:])
        for bits in _BITS:
            for multiplier in _MULTIPLIERS:
                places = (hashes * multiplier) >> np.uint64(64 - bits)
                if np.diff(np.sort(places)).all():  # no two alike; np.unique imports numpy.ma, 15 ms of start-up
                    break
            else:
                continue
            break
        self._shift, self._multiplier = np.uint64(64 - bits), multiplier
        self._places = np.zeros(1 << bits, np.int32)
        self._places[places] = np.arange(1, len(places) + 1)
