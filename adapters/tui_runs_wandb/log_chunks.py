"""The chunks of a `.wandb` file, found side by side; and what is whole in damaged blocks.

A block of 32 KiB holds chunks: crc32 of what follows the length (4 bytes), length (2), kind (1), payload; and fewer
than 7 bytes of padding. Source: LevelDB's log_format.md; the crc is a plain one, unlike LevelDB's.

Blocks do not depend on one another, so the chunks of many are found together with numpy. A block in which anything is
wrong is walked again with care: the next chunk whose crc holds is where reading goes on.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Whole: TypeAlias = NDArray[np.int64]

BLOCK: Final = 1 << 15
CHUNK_HEAD: Final = struct.Struct("<IHB")
FULL, FIRST, LAST = 1, 2, 4
_SIDE_BY_SIDE: Final = 16
"""Blocks from which numpy is faster than a loop over the chunks."""
_SEARCH_BYTES: Final = 4 << 20
"""Bytes whose crc is tried in search of the next whole chunk of one damaged block."""


@dataclass(slots=True)
class Chunks:
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


def find_chunks(data: Bytes, begin: int, end: int, offset: int, *, final: bool) -> Chunks:
    """Find the chunks in `data[begin:end]`, which lies at `offset` in the file; `final`: the file ends there."""
    edges = [begin, *range(begin + block_end(offset) - offset, end, BLOCK), end]
    view = data.data
    blocks = list(pairwise(edges))
    # The last block of a file is walked carefully in any case: its end may not be written yet.
    last = blocks.pop() if final else None
    parts: list[Chunks] = []
    if len(blocks) >= _SIDE_BY_SIDE:
        parts.append(_side_by_side(data, view, blocks))
    else:
        parts += [_walk(view, lo, hi, None) for lo, hi in blocks]
    if last is not None:
        room = block_end(offset + last[0] - begin) - (offset + last[0] - begin)
        parts.append(_walk(view, *last, last[0] + room))
    return _together(parts)


def _together(parts: list[Chunks]) -> Chunks:
    if len(parts) == 1:
        return parts[0]
    for before, behind in pairwise(parts):
        if before.gap_at_end:
            if len(behind.gap):
                behind.gap[0] = True
            else:
                behind.gap_at_end = True
    return Chunks(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.gap for part in parts]),
        parts[-1].reach,
        next((part.damage for part in parts if part.damage is not None), None),
        parts[-1].gap_at_end,
        parts[-1].doubtful,
    )


def _side_by_side(data: Bytes, view: memoryview, blocks: list[tuple[int, int]]) -> Chunks:
    """Step through all blocks at once, one chunk of each at a time."""
    begins = np.array([lo for lo, _ in blocks])
    ends = np.array([hi for _, hi in blocks])
    position, counts = begins.copy(), np.zeros(len(blocks), np.int64)
    steps: list[tuple[Whole, Whole, Whole]] = []
    active = np.arange(len(blocks))
    while True:
        at = position[active]
        room = ends[active] - at >= CHUNK_HEAD.size
        active, at = active[room], at[room]
        if not len(active):
            break
        after = at + CHUNK_HEAD.size + data[at + 4] + (data[at + 5].astype(np.int64) << 8)
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
    sound = Chunks(at + CHUNK_HEAD.size, after, data[at + 6], np.zeros(len(at), bool), int(ends[-1]))
    if not bad:
        return sound
    parts: list[Chunks] = []
    begun = 0
    for block in sorted(bad):
        parts += [_part(sound, int(base[begun]), int(base[block]), int(begins[block]))] if block > begun else []
        parts.append(_walk(view, *blocks[block], None))
        begun = block + 1
    if begun < len(blocks):
        parts.append(_part(sound, int(base[begun]), len(at), int(ends[-1])))
    return _together(parts)


def _part(chunks: Chunks, begin: int, end: int, reach: int) -> Chunks:
    part = slice(begin, end)
    return Chunks(chunks.start[part], chunks.end[part], chunks.kind[part], chunks.gap[part], reach)


def _walk(view: memoryview, begin: int, end: int, room: int | None) -> Chunks:
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
    at, head, unpack = begin, CHUNK_HEAD.size, CHUNK_HEAD.unpack_from
    while end - at >= head:
        crc, length, kind = unpack(view, at)
        start = at + head
        after = start + length
        if 1 <= kind <= 4 and after <= end and crc32(view[at + 6 : after]) == crc:
            found.append((start, after, kind, gap))
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
    return Chunks(
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
    if end - begin < CHUNK_HEAD.size:
        return None
    data = np.frombuffer(view[begin:end], np.uint8)
    head = data[: len(data) - CHUNK_HEAD.size + 1]
    length = data[4 : 4 + len(head)].astype(np.int64) | data[5 : 5 + len(head)].astype(np.int64) << 8
    fits = (data[6 : 6 + len(head)] - np.uint8(1) < 4) & (np.arange(len(head)) + 7 + length <= len(data))
    budget = _SEARCH_BYTES
    for at in np.flatnonzero(fits).tolist():
        after = begin + at + CHUNK_HEAD.size + int(length[at])
        if crc32(view[begin + at + 6 : after]) == CHUNK_HEAD.unpack_from(view, begin + at)[0]:
            return begin + at
        budget -= int(length[at]) + 64
        if budget < 0:
            return None
    return None


def block_end(offset: int) -> int:
    """Where the block ends that a byte of the file lies in."""
    return offset - offset % BLOCK + BLOCK
