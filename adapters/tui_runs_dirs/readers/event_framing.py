"""The framing of an event file: where its records are, and where it goes on behind damage.

A record is its length (8 bytes), the masked CRC of these, the data, and the masked CRC of the data. Source:
https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".

A head can be told by its own CRC, so all heads in a buffer are found side by side; where each record ends at the next
head nothing else has to be looked at. Where one does not, reading goes on at the next record whose data are sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tui_runs_dirs.readers.crc32c import Bytes, masked_crc, masked_crcs_of_sizes

Whole: TypeAlias = NDArray[np.int64]

HEAD: Final = 12
"""Bytes before the data of a record."""
AROUND: Final = 16
"""Bytes of a record that are not its data."""
LONGEST: Final = 64 << 20
"""Bytes of a record that is read; a longer one (a video, a graph) is stepped over."""
_USUAL: Final = np.uint64(1 << 16)
"""Bytes of nearly all records; heads that say less are found faster, for fewer other bytes look like them."""
_MOST: Final = np.uint64(1 << 32)
_TRIES: Final = 4
"""So many times the length of a buffer is checked in search of a sound record: heads may be made to overlap."""


@dataclass(slots=True)
class Frames:
    """Whole records in a buffer; positions are those in the buffer.

    Args:
        start: of the data of each.
        end: of the data of each; the data's CRC follows, and is not looked at here.
        reach: where reading goes on.
        gaps: begin and end of what is damaged and stepped over.
        wanted: bytes from `reach` on that the next record has; 0 where that is not known.
        doubtful: the file ends with bytes that are no record, and may still be in the writing.
    """

    start: Whole
    end: Whole
    reach: int = 0
    gaps: list[tuple[int, int]] = field(default_factory=list)
    wanted: int = 0
    doubtful: bool = False


def find_records(data: Bytes, *, final: bool) -> Frames:
    """Find the records of a buffer that begins with one.

    Args:
        data: the bytes.
        final: the file ends with them: what is no record may become one.
    """
    head, after = _find_heads(data, _USUAL)
    breaks = np.flatnonzero(after[:-1] != head[1:]).tolist()
    if breaks or not len(head) or head[0] > 0 or after[-1] <= len(data) - HEAD:
        head, after = _find_heads(data, _MOST)
        breaks = np.flatnonzero(after[:-1] != head[1:]).tolist()
    breaks.append(len(head) - 1)
    frames = Frames(head, head)
    kept: list[NDArray[np.int64]] = []
    at, tries = 0, _TRIES * len(data)
    while True:
        i = int(np.searchsorted(head, at))
        if i < len(head) and head[i] == at:
            last = breaks[int(np.searchsorted(breaks, i))]
            if after[last] > len(data):
                kept.append(np.arange(i, last))
                at = int(head[last])
                frames.wanted = int(after[last]) - at
                break
            kept.append(np.arange(i, last + 1))
            at = int(after[last])
            continue
        if len(data) - at < HEAD:
            break
        sound, waits = -1, len(data) - HEAD + 1
        for k in range(i, len(head)):
            if after[k] > len(data):
                waits = min(waits, int(head[k]))
                continue
            tries -= int(after[k] - head[k])
            if tries < 0 or _is_sound(data, int(head[k]), int(after[k])):
                sound = k if tries >= 0 else -1
                break
        if sound < 0 and final:
            frames.doubtful = True
            break
        behind = int(head[sound]) if sound >= 0 else waits
        frames.gaps.append((at, behind))
        at = behind
        if sound < 0:
            break
    frames.reach = at
    which = np.concatenate(kept) if kept else np.empty(0, np.int64)
    frames.start, frames.end = head[which] + HEAD, after[which] - (AROUND - HEAD)
    return frames


def _find_heads(data: Bytes, most: np.uint64) -> tuple[Whole, Whole]:
    """Where bytes stand that can be the head of a record of less than so many bytes; and where each would end."""
    if len(data) < HEAD:
        nothing = np.empty(0, np.int64)
        return nothing, nothing
    sizes: NDArray[np.uint64] = np.ndarray(len(data) - HEAD + 1, "<u8", data, strides=(1,))
    crcs: NDArray[np.uint32] = np.ndarray(len(sizes), "<u4", data, 8, (1,))
    at = np.flatnonzero(sizes < most)
    size = sizes[at]
    sound = masked_crcs_of_sizes(size.astype(np.uint32)) == crcs[at]
    at = at[sound]
    return at, at + size[sound].astype(np.int64) + AROUND


def _is_sound(data: Bytes, begin: int, end: int) -> bool:
    """Whether the data of the record that lies here have the CRC that they should have."""
    return masked_crc(data[begin + HEAD : end - 4]) == int.from_bytes(data[end - 4 : end].tobytes(), "little")
