"""A stretch of one event file: its records found, checked and decoded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import numpy as np

from tui_runs_dirs.readers.event_framing import AROUND, HEAD, LONGEST, Whole, find_records
from tui_runs_dirs.readers.event_points import PAD, Points, Tags, decode_points

BLOCK: Final = 4 << 20
"""Bytes that are decoded at once: what is made of them on the way stays in the processor's cache."""


@dataclass(slots=True)
class Block:
    """What was read.

    Args:
        begin: the first byte in the file.
        end: where reading goes on; `begin` where not one whole record is there.
        points: in the records.
        offset: of each record's head, from `begin` on.
        lost: damaged records, at least so many.
        damaged_at: the first damaged byte of the file; None where there is none.
        final: the file ended where the reading did.
        doubtful: it ends with bytes that are no sound record, and may still be in the writing.
    """

    begin: int
    end: int
    points: Points
    offset: Whole
    lost: int = 0
    damaged_at: int | None = None
    final: bool = False
    doubtful: bool = False


def read_block(descriptor: int, begin: int, size: int, limit: int, tags: Tags) -> Block:
    """Read the whole records that follow.

    Args:
        descriptor: of the file; its own position does not matter.
        begin: the first byte; damage is what lies there if it is no record.
        size: of the file, or where to take it to end.
        limit: bytes at most, about: one record at least is read.
        tags: gets those that are new.

    Raises:
        OSError: it cannot be read.
    """
    want = min(max(limit, HEAD), size - begin)
    while True:
        data = np.zeros(want + PAD, np.uint8)
        got = os.preadv(descriptor, [data.data[:want]], begin)
        final = begin + want >= size or got < want
        frames = find_records(data[:got], final=final)
        if frames.reach or (final and frames.wanted <= LONGEST):
            break
        if LONGEST < frames.wanted <= size - begin:
            frames.reach = frames.wanted
            break
        if frames.wanted > size - begin:
            final = True
            break
        want = min(frames.wanted or 2 * want, size - begin)
    points = decode_points(data, frames, tags)
    begins = frames.start - HEAD
    bad = [(int(begins[record]), int(frames.end[record]) + AROUND - HEAD) for record in points.bad]
    if final and bad and bad[-1][1] == size - begin:
        frames.reach, _ = bad.pop()
        frames.doubtful = True
    damage = [at for at, _ in (*bad, *frames.gaps)]
    return Block(
        begin, begin + frames.reach, points, begins, len(damage),
        begin + min(damage) if damage else None, final, frames.doubtful,
    )  # fmt: skip
