"""The framing of a `.wandb` file: LevelDB's log format with a header of its own, read on from where a read ended.

A file is a header of 7 bytes and blocks of 32 KiB, the header counting inside the first. A record is one FULL chunk, or
a FIRST, any MIDDLE and a LAST (`log_chunks`). Most files end on a FIRST without its LAST: the rest is not written yet.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_runs_wandb.log_chunks import CHUNK_HEAD, FIRST, FULL, LAST, Bytes, Chunks, Whole, block_end, find_chunks

HEADER: Final = b":W&B\xe1\xbe\x00"
"""Ident, 0xBEE1 in little-endian, version 0."""
PAD: Final = 512
"""Bytes around the data of `Records`: whoever looks a little ahead or back stays inside the buffer."""


class NotALogError(Exception):
    """A file does not begin as a `.wandb` file does; the message is what is wrong, without the file's name."""


@dataclass(frozen=True, slots=True)
class Records:
    """Whole records of a file, in the order written.

    Args:
        data: a buffer that holds them, with `PAD` bytes before and behind.
        start: where each begins in it.
        end: where each ends.
        after: the offset in the file behind each.
        more: the limit ended the read; read again at once.
        doubtful: it ends with bytes that are not a chunk, and that may still be in the writing.
    """

    data: Bytes
    start: Whole
    end: Whole
    after: Whole
    more: bool = False
    doubtful: bool = False


class LogReader:
    """Reads one file on, as often as asked.

    Args:
        offset: where to begin: behind the header, behind a record, or at a block.
        midway: the offset may lie inside of a record; what is there of that is left out.

    Attributes:
        offset: behind the last whole record.
        lost: how many records were damaged, by the numbers that the records have.
        damaged_at: offset of the first damage; None while there is none.
    """

    def __init__(self, offset: int = len(HEADER), *, midway: bool = False) -> None:
        self.offset = offset
        self._midway = midway
        self.lost = 0
        self.damaged_at: int | None = None
        self._number = 0
        self._gap = False
        """Damage reaches up to `offset`: what is lost is known with the next record."""

    def read(self, descriptor: int, limit: int) -> Records:
        """Read the whole records that follow, about `limit` bytes of them; one longer than that is read whole.

        Args:
            descriptor: the open file; its own position does not matter.
            limit: bytes.

        Raises:
            OSError: it cannot be read.
        """
        while True:
            size = os.fstat(descriptor).st_size
            end = min(size, max(block_end(self.offset + limit - 1), block_end(self.offset)))
            if end <= self.offset:
                nothing = np.empty(0, np.int64)
                return Records(np.zeros(2 * PAD, np.uint8), nothing, nothing, nothing)
            before = self.offset
            records = self._read_to(descriptor, end, final=end == size)
            if len(records.start) or not records.more or self.offset > before:
                return records
            limit *= 2

    def _read_to(self, descriptor: int, end: int, *, final: bool) -> Records:
        begin = self.offset
        data = np.zeros(end - begin + 2 * PAD, np.uint8)
        got = os.preadv(descriptor, [data.data[PAD : PAD + end - begin]], begin)
        final = final or got < end - begin
        chunks = find_chunks(data, PAD, PAD + got, begin, final=final)
        shift = begin - PAD
        records, reach, events = _join(data, chunks, begun=not self._midway)
        whole = np.flatnonzero(records)
        start, stop = chunks.start[whole], chunks.end[whole]
        self._count_lost(data, start, whole, events, chunks, shift)
        self._midway = self._midway and not len(whole)
        self.offset = reach + shift
        return Records(data, start, stop, stop + shift, more=not final, doubtful=chunks.doubtful)

    def _count_lost(
        self, data: Bytes, start: Whole, whole: Whole, events: list[int], chunks: Chunks, shift: int
    ) -> None:
        """Work out from the records' own numbers how many are missing where the chain of chunks is broken."""
        numbered = self._number
        gaps = {int(at): None for at in np.searchsorted(whole, events)} if events else {}
        if self._gap:
            gaps[0] = None
            self._gap = False
        for at in sorted(gaps):
            if at == len(whole):
                self._gap = True
                break
            last = _number_at(data, int(start[at - 1])) if at else numbered
            number = _number_at(data, int(start[at]))
            self.lost += max(number - last - 1, 1) if number and last else 1
        if gaps and self.damaged_at is None:
            self.damaged_at = (chunks.damage if chunks.damage is not None else PAD) + shift
        if len(start):
            self._number = _number_at(data, int(start[-1]))

    @property
    def lost_so_far(self) -> int:
        """`lost`, and one for damage that no record follows yet."""
        return self.lost + self._gap


def check_header(head: bytes) -> bool:
    """Whether a file begins as it should; False while its first 7 bytes are not all there.

    Raises:
        NotALogError: it is no `.wandb` file, or one of another version.
    """
    if head[:6] != HEADER[: min(len(head), 6)]:
        raise NotALogError("it does not begin with :W&B, so it is not a transaction log of W&B")
    if len(head) >= len(HEADER) and head[6] != HEADER[6]:
        raise NotALogError(f"it has version {head[6]} of W&B's log format; only version 0 is known")
    return len(head) >= len(HEADER)


def _number_at(data: Bytes, start: int) -> int:
    """The number that a record begins with; 0 where it has none."""
    if data[start] != 0x08:
        return 0
    number = 0
    for i, byte in enumerate(data[start + 1 : start + 11].tobytes()):
        number |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return number
    return 0


def _join(data: Bytes, chunks: Chunks, *, begun: bool) -> tuple[NDArray[np.bool_], int, list[int]]:
    """Put records of several chunks together, in place: their parts move up to the last one.

    Args:
        data: the buffer.
        chunks: found in it; the `start` of a LAST chunk is moved to that of its record.
        begun: reading began at a record, so that a chunk without its FIRST is damage.

    Returns:
        Which chunks end a record; where reading goes on; and the chunks before which something is missing (one more
        than there are chunks: at the end).
    """
    records = chunks.kind == FULL
    count = len(records)
    events = np.flatnonzero(chunks.gap).tolist()
    first = int(np.argmax(records)) if records.any() else count
    parts: list[int] = []
    for i in np.flatnonzero(~records).tolist():
        kind = chunks.kind[i]
        follows = bool(parts) and parts[-1] == i - 1 and not chunks.gap[i]
        if parts and (kind == FIRST or not follows):
            events.append(parts[-1] + 1)
            parts = []
        if kind == FIRST:
            parts = [i]
            first = min(first, i)
        elif not follows:
            if begun or i > first:
                events.append(i)
        else:
            parts.append(i)
            if kind == LAST:
                _move_up(data, chunks, parts)
                records[i] = True
                parts = []
    reach = chunks.reach
    if parts and parts[-1] == count - 1 and not chunks.gap_at_end:
        reach = int(chunks.start[parts[0]]) - CHUNK_HEAD.size  # its end is not there yet
    elif parts:
        events.append(parts[-1] + 1)
    if chunks.gap_at_end:
        events.append(count)
    return records, reach, sorted(events)


def _move_up(data: Bytes, chunks: Chunks, parts: list[int]) -> None:
    to = int(chunks.start[parts[-1]])
    for i in reversed(parts[:-1]):
        begin, end = int(chunks.start[i]), int(chunks.end[i])
        data[to - (end - begin) : to] = data[begin:end].copy()
        to -= end - begin
    chunks.start[parts[-1]] = to
