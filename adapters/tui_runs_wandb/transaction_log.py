"""The framing of a `.wandb` file: LevelDB's log format with a header of its own, read on from where a read ended.

A file is a header of 7 bytes and blocks of 32 KiB (the header counts inside the first). A block holds chunks: crc32
of what follows the length (4 bytes), length (2), kind (1), payload. A record is one FULL chunk, or a FIRST, any MIDDLE
and a LAST. Fewer than 7 bytes left in a block are padding. Source: LevelDB's log_format.md, and wandb-core's
`leveldb/record.go` for the header and for the plain crc.

Blocks do not depend on one another, so the chunks of many are found side by side with numpy. A block in which anything
is wrong is walked again byte by byte: the next chunk whose crc holds is where reading goes on.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 1 << 15
HEADER: Final = b":W&B\xe1\xbe\x00"
"""Ident, 0xBEE1 in little-endian, version 0."""
PAD: Final = 512
"""Bytes around the data of `Records`: whoever looks a little ahead or back stays inside the buffer."""

_CHUNK: Final = struct.Struct("<IHB")
_FULL, _FIRST, _LAST = 1, 2, 4
_SIDE_BY_SIDE: Final = 16
"""Blocks from which numpy is faster than a loop over the chunks."""
_SEARCH_BYTES: Final = 4 << 20
"""Bytes whose crc is tried in search of the next whole chunk of one damaged block."""

Bytes: TypeAlias = NDArray[np.uint8]
Whole: TypeAlias = NDArray[np.int64]


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
            end = min(size, max(_block_end(self.offset + limit - 1), _block_end(self.offset)))
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
        chunks = _find_chunks(data, PAD, PAD + got, begin, final=final)
        shift = begin - PAD
        records, reach, events = _join(data, chunks, begun=not self._midway)
        whole = np.flatnonzero(records)
        start, stop = chunks.start[whole], chunks.end[whole]
        self._count_lost(data, start, whole, events, chunks, shift)
        self._midway = self._midway and not len(whole)
        self.offset = reach + shift
        return Records(data, start, stop, stop + shift, more=not final, doubtful=chunks.doubtful)

    def _count_lost(
        self, data: Bytes, start: Whole, whole: Whole, events: list[int], chunks: _Chunks, shift: int
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


def _block_end(offset: int) -> int:
    return offset - offset % BLOCK + BLOCK


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


# --- chunks -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Chunks:
    """Chunks whose crc holds, in order; positions are those of payloads in the buffer.

    Args:
        start: of the payload.
        end: of the payload.
        kind: FULL to LAST.
        gap: something damaged lies before it.
        reach: where reading can go on.
        damage: where the first damaged bytes are; None where there are none.
        gap_at_end: damaged bytes follow the last.
        doubtful: see `Records`.
    """

    start: Whole
    end: Whole
    kind: Bytes
    gap: NDArray[np.bool_]
    reach: int
    damage: int | None = None
    gap_at_end: bool = False
    doubtful: bool = False


def _find_chunks(data: Bytes, begin: int, end: int, offset: int, *, final: bool) -> _Chunks:
    """Find the chunks in `data[begin:end]`, which lies at `offset` in the file; `final`: the file ends there."""
    edges = [begin, *range(begin + _block_end(offset) - offset, end, BLOCK), end]
    view = data.data
    blocks = list(pairwise(edges))
    # The last block of a file is walked carefully in any case: its end may not be written yet.
    last = blocks.pop() if final else None
    parts: list[_Chunks] = []
    if len(blocks) >= _SIDE_BY_SIDE:
        parts.append(_side_by_side(data, view, blocks))
    else:
        parts += [_walk(view, lo, hi, None) for lo, hi in blocks]
    if last is not None:
        room = _block_end(offset + last[0] - begin) - (offset + last[0] - begin)
        parts.append(_walk(view, *last, last[0] + room))
    return _together(parts)


def _together(parts: list[_Chunks]) -> _Chunks:
    if len(parts) == 1:
        return parts[0]
    for before, behind in pairwise(parts):
        if before.gap_at_end:
            if len(behind.gap):
                behind.gap[0] = True
            else:
                behind.gap_at_end = True
    return _Chunks(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.gap for part in parts]),
        parts[-1].reach,
        next((part.damage for part in parts if part.damage is not None), None),
        parts[-1].gap_at_end,
        parts[-1].doubtful,
    )


def _side_by_side(data: Bytes, view: memoryview, blocks: list[tuple[int, int]]) -> _Chunks:
    """Step through all blocks at once, one chunk of each at a time."""
    begins = np.array([lo for lo, _ in blocks])
    ends = np.array([hi for _, hi in blocks])
    position, counts = begins.copy(), np.zeros(len(blocks), np.int64)
    steps: list[tuple[Whole, Whole, Whole]] = []
    active = np.arange(len(blocks))
    while True:
        at = position[active]
        room = ends[active] - at >= _CHUNK.size
        active, at = active[room], at[room]
        if not len(active):
            break
        after = at + _CHUNK.size + data[at + 4] + (data[at + 5].astype(np.int64) << 8)
        good = (data[at + 6] - np.uint8(1) < 4) & (after <= ends[active])
        if not good.all():
            counts[active[~good]] = -1  # walked again
            active, at, after = active[good], at[good], after[good]
        position[active] = after
        steps.append((active, at, after))
        counts[active] += counts[active] >= 0
    total = np.zeros(len(blocks), np.int64)
    for active, _, _ in steps:
        total[active] += 1
    base = np.cumsum(total) - total
    at, after = np.empty(int(total.sum()), np.int64), np.empty(int(total.sum()), np.int64)
    for number, (active, begin, end) in enumerate(steps):
        at[base[active] + number] = begin
        after[base[active] + number] = end
    said = data[at] | data[at + 1].astype(np.uint32) << 8 | data[at + 2].astype(np.uint32) << 16
    said |= data[at + 3].astype(np.uint32) << 24
    crcs = [crc32(view[a:b]) for a, b in zip((at + 6).tolist(), after.tolist(), strict=True)]
    wrong = np.flatnonzero(np.array(crcs, np.uint32) != said)
    bad = set(np.flatnonzero(counts < 0).tolist()) | set((np.searchsorted(base, wrong, "right") - 1).tolist())
    sound = _Chunks(at + _CHUNK.size, after, data[at + 6], np.zeros(len(at), bool), int(ends[-1]))
    if not bad:
        return sound
    parts: list[_Chunks] = []
    begun = 0
    for block in sorted(bad):
        parts += [_part(sound, int(base[begun]), int(base[block]), int(begins[block]))] if block > begun else []
        parts.append(_walk(view, *blocks[block], None))
        begun = block + 1
    if begun < len(blocks):
        parts.append(_part(sound, int(base[begun]), len(at), int(ends[-1])))
    return _together(parts)


def _part(chunks: _Chunks, begin: int, end: int, reach: int) -> _Chunks:
    part = slice(begin, end)
    return _Chunks(chunks.start[part], chunks.end[part], chunks.kind[part], chunks.gap[part], reach)


def _walk(view: memoryview, begin: int, end: int, room: int | None) -> _Chunks:
    """Step through one block, and over what is damaged in it.

    Args:
        view: the buffer.
        begin: where the block, or what is left of it, begins.
        end: where it ends.
        room: where it would end if the file did not end here; None where the file goes on.
    """
    found: list[tuple[int, int, int, bool]] = []
    damage: int | None = None
    gap = doubtful = waits = False
    at = begin
    while end - at >= _CHUNK.size:
        crc, length, kind = _CHUNK.unpack_from(view, at)
        after = at + _CHUNK.size + length
        if 1 <= kind <= 4 and after <= end and crc32(view[at + 6 : after]) == crc:
            found.append((at + _CHUNK.size, after, kind, gap))
            gap, at = False, after
            continue
        following = _next_chunk(view, at + 1, end)
        if following is None and room is not None:
            # The file ends here: this is being written, was cut off, or was never filled by the file system.
            cut = 1 <= kind <= 4 and end < after <= room
            doubtful = not cut and any(view[at:end])
            waits = True
            break
        damage = at if damage is None else damage
        gap = True
        at = end if following is None else following
    reach = at if waits or (room is not None and room > end) else end
    starts, ends, kinds, gaps = zip(*found, strict=True) if found else ((), (), (), ())
    return _Chunks(
        np.array(starts, np.int64),
        np.array(ends, np.int64),
        np.array(kinds, np.uint8),
        np.array(gaps, bool),
        reach,
        damage,
        gap,
        doubtful,
    )


def _next_chunk(view: memoryview, begin: int, end: int) -> int | None:
    """The first position at which a whole chunk begins whose crc holds."""
    if end - begin < _CHUNK.size:
        return None
    data = np.frombuffer(view[begin:end], np.uint8)
    head = data[: len(data) - _CHUNK.size + 1]
    length = data[4 : 4 + len(head)].astype(np.int64) | data[5 : 5 + len(head)].astype(np.int64) << 8
    fits = (data[6 : 6 + len(head)] - np.uint8(1) < 4) & (np.arange(len(head)) + 7 + length <= len(data))
    budget = _SEARCH_BYTES
    for at in np.flatnonzero(fits).tolist():
        after = begin + at + _CHUNK.size + int(length[at])
        if crc32(view[begin + at + 6 : after]) == _CHUNK.unpack_from(view, begin + at)[0]:
            return begin + at
        budget -= int(length[at]) + 64
        if budget < 0:
            return None
    return None


def _join(data: Bytes, chunks: _Chunks, *, begun: bool) -> tuple[NDArray[np.bool_], int, list[int]]:
    """Put records of several chunks together, in place: their parts move up to the last one.

    Args:
        data: the buffer.
        chunks: found in it; the `start` of a LAST chunk is moved to that of its record.
        begun: reading began at a record, so that a chunk without its FIRST is damage.

    Returns:
        Which chunks end a record; where reading goes on; and the chunks before which something is missing (one more
        than there are chunks: at the end).
    """
    records = chunks.kind == _FULL
    count = len(records)
    events = np.flatnonzero(chunks.gap).tolist()
    first = int(np.argmax(records)) if records.any() else count
    parts: list[int] = []
    for i in np.flatnonzero(~records).tolist():
        kind = chunks.kind[i]
        follows = bool(parts) and parts[-1] == i - 1 and not chunks.gap[i]
        if parts and (kind == _FIRST or not follows):
            events.append(parts[-1] + 1)
            parts = []
        if kind == _FIRST:
            parts = [i]
            first = min(first, i)
        elif not follows:
            if begun or i > first:
                events.append(i)
        else:
            parts.append(i)
            if kind == _LAST:
                _move_up(data, chunks, parts)
                records[i] = True
                parts = []
    reach = chunks.reach
    if parts and parts[-1] == count - 1 and not chunks.gap_at_end:
        reach = int(chunks.start[parts[0]]) - _CHUNK.size  # its end is not there yet
    elif parts:
        events.append(parts[-1] + 1)
    if chunks.gap_at_end:
        events.append(count)
    return records, reach, sorted(events)


def _move_up(data: Bytes, chunks: _Chunks, parts: list[int]) -> None:
    to = int(chunks.start[parts[-1]])
    for i in reversed(parts[:-1]):
        begin, end = int(chunks.start[i]), int(chunks.end[i])
        data[to - (end - begin) : to] = data[begin:end].copy()
        to -= end - begin
    chunks.start[parts[-1]] = to
