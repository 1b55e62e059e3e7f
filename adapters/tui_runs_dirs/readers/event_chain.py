"""The event files of one directory, read as one series: what TensorBoard calls a run.

Source: tensorboard/backend/event_processing. Files are read in the order of their names, which begin with the time, and
each on from where it ended, for several may grow at once. What a restarted training writes again takes the place of
what it had written: a session start voids all points of its step and later ones (TensorBoard does the same), and where
a new file begins a tag at a step that an older file has passed, that tag's points from there on are void (TensorBoard's
data server does so whenever a step goes back).
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tui_runs.adapter import Problem
from tui_runs.schema import TIME
from tui_runs_dirs.files import FileStamp, open_regular, problem_with, unreadable
from tui_runs_dirs.layout import Stretch
from tui_runs_dirs.readers.event_block import BLOCK, Block, read_block
from tui_runs_dirs.readers.event_file import event_files
from tui_runs_dirs.readers.event_framing import Whole
from tui_runs_dirs.readers.event_points import Points, Tags

_POSITION_BITS: Final = 40
_POSITION: Final = (1 << _POSITION_BITS) - 1
_TURNS: Final = 256
_SETTLED_SECONDS: Final = 600.0
"""A file that was not written for so long is not going to be: what is torn at its end stays torn."""
_FIRST_TIME: Final = -62_135_596_800.0
_LAST_TIME: Final = 253_402_300_799.0
"""Seconds since 1970 that a datetime of Python can say."""
_NEVER: Final = np.iinfo(np.int64).max
_CUT_REMEDY: Final = "Nothing can be done about its last record; everything before it is shown."
_DAMAGE_REMEDY: Final = "Copy the file again if there is another copy; everything else in it is shown."


@dataclass(slots=True)
class _File:
    """One file of a directory.

    Args:
        stamp: as it was when it was last looked at.
        offset: behind the last record read.
        lost: damaged records so far.
        damaged_at: offset of the first damage.
        seen: the tags that it has so far.
        problem: what is wrong with it.
    """

    stamp: FileStamp
    offset: int = 0
    lost: int = 0
    damaged_at: int | None = None
    seen: set[int] = field(default_factory=set)
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class _Segment:
    """Bytes of one file, at their place in the order in which all were read."""

    place: int
    name: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class _Void:
    """Points before a place that do not count any more: those of these steps (by tag) and later ones."""

    place: int
    least: Whole


class Chain:
    """The event files of a directory; their bytes have places, in the order in which they were first read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.turn = 0
        """Changes when points that were given out are void."""
        self._start_anew()

    def _start_anew(self) -> None:
        self.tags = Tags()
        self.files: dict[str, _File] = {}
        self.segments: list[_Segment] = []
        self.voids: list[_Void] = []
        self.place = 0
        self._highest = np.empty(0, np.int64)
        """By tag, the highest step that counts."""

    def read(self, start: int, limit: int, key: str | None = None) -> Stretch:
        """Read points; see `EventSeries`.

        Raises:
            OSError: a file cannot be read, or the directory is gone.
        """
        self._look()
        place, turn = start & _POSITION, start >> _POSITION_BITS
        restarted = start > 0 and (turn != self.turn or place > self.place)
        place = begin = 0 if restarted else place
        read: list[tuple[int, Block]] = []
        complete, turn = False, self.turn
        while place - begin < max(limit, 1):
            left = min(max(limit, 1) - (place - begin), BLOCK)
            block = self._again(place, left) if place < self.place else self._advance(left)
            if block is None:
                complete = True
                break
            read.append((place, block))
            place += block.end - block.begin
            if self.turn != turn and begin:
                restarted, place, begin, turn, read = True, 0, 0, self.turn, []
        end = place | self.turn << _POSITION_BITS
        return Stretch(self._frame(read, key), end, complete, restarted, self._problems())

    def _look(self) -> None:
        """See what is there; forget everything if a file is gone or was written anew."""
        found = event_files(self.path)
        for name, file in self.files.items():
            stamp = found.get(name)
            if stamp is None or stamp.inode != file.stamp.inode or stamp.size < file.offset:
                self._start_anew()
                self.turn = (self.turn + 1) % _TURNS
                break
        for name, stamp in found.items():
            self.files.setdefault(name, _File(stamp)).stamp = stamp

    def _advance(self, limit: int) -> Block | None:
        """Read on where something is new; None where nothing is. A file that cannot be read loses no other."""
        for name in sorted(self.files):
            file = self.files[name]
            if file.stamp.size <= file.offset:
                continue
            path = os.path.join(self.path, name)
            try:
                with _opened(path) as descriptor:
                    block = read_block(descriptor, file.offset, file.stamp.size, limit, self.tags)
            except OSError as error:
                file.problem = unreadable(path, error)
                continue
            self._note_damage(path, file, block)
            if block.end > block.begin:
                self._take(name, file, block)
                return block
        return None

    def _again(self, place: int, limit: int) -> Block:
        """Read what was read before, from a place on.

        Raises:
            OSError: a file cannot be read.
        """
        segment = self.segments[bisect_right(self.segments, place, key=lambda one: one.place) - 1]
        begin = segment.begin + place - segment.place
        with _opened(os.path.join(self.path, segment.name)) as descriptor:
            block = read_block(descriptor, begin, segment.end, limit, self.tags)
        if block.end == begin:
            block.end = segment.end  # it ends with damage that was stepped over
        return block

    def _problems(self) -> list[Problem]:
        """What is wrong with the files."""
        return [file.problem for file in self.files.values() if file.problem]

    def _take(self, name: str, file: _File, block: Block) -> None:
        place = self.place
        last = self.segments[-1] if self.segments else None
        if last and last.name == name and last.end == block.begin:
            self.segments[-1] = _Segment(last.place, name, last.begin, block.end)
        else:
            self.segments.append(_Segment(place, name, block.begin, block.end))
        self.place += block.end - block.begin
        file.offset = block.end
        points = block.points
        self._highest = _filled(self._highest, len(self.tags.names), -_NEVER)
        begun = 0
        for record, step in points.starts:
            until = int(np.searchsorted(points.record, record))
            self._count(file, place, points, begun, until)
            begun = until
            self._void(place + int(block.offset[record]), np.full(len(self._highest), step))
        self._count(file, place, points, begun, len(points.key))

    def _count(self, file: _File, place: int, points: Points, begin: int, end: int) -> None:
        """Take points into account; void what they take the place of."""
        if begin == end:
            return
        key, step = points.key[begin:end], points.step[begin:end]
        order = np.argsort(key.astype(np.uint16) if len(self._highest) < 1 << 16 else key, kind="stable")
        edges = np.flatnonzero(np.diff(key[order], prepend=-1))
        keys = key[order[edges]]
        new = np.array([number not in file.seen for number in keys.tolist()])
        if new.any() and len(self.files) > 1:
            least = np.full(len(self._highest), _NEVER)
            least[keys[new]] = step[order[edges[new]]]
            self._void(place, least)
        file.seen.update(keys.tolist())
        highest = np.maximum.reduceat(step[order], edges)
        self._highest[keys] = np.maximum(self._highest[keys], highest)

    def _void(self, place: int, least: Whole) -> None:
        if (self._highest >= least).any():
            self.voids.append(_Void(place, least))
            self._highest = np.minimum(self._highest, least - 1)
            self.turn = (self.turn + 1) % _TURNS

    def _counting(self, place: int, block: Block) -> NDArray[np.bool_]:
        """Which points of a block, that lies at this place, count."""
        points = block.points
        counts = np.ones(len(points.key), bool)
        for void in self.voids:
            if void.place > place:
                least = _filled(void.least, len(self.tags.names), _NEVER)
                counts &= (place + block.offset[points.record] >= void.place) | (points.step < least[points.key])
        return counts

    def _frame(self, read: list[tuple[int, Block]], key: str | None) -> pl.DataFrame:
        parts: list[tuple[NDArray[Any], ...]] = []
        for place, block in read:
            counts = self._counting(place, block)
            columns = _columns(block.points)
            parts.append(columns if counts.all() else tuple(column[counts] for column in columns))
        types = (np.int64, np.int64, np.float64, np.float64)
        joined = [np.concatenate([np.empty(0, kind), *(part[i] for part in parts)]) for i, kind in enumerate(types)]
        return _points_frame(self.tags, key, *joined)

    def _note_damage(self, path: str, file: _File, block: Block) -> None:
        if block.damaged_at is not None:
            file.lost += block.lost
            file.damaged_at = block.damaged_at if file.damaged_at is None else file.damaged_at
        whats, remedy = [], _DAMAGE_REMEDY
        if file.damaged_at is not None:
            records = "1 record is" if file.lost == 1 else f"{file.lost:,} records are"
            whats.append(f"At least {records} damaged and left out, the first at byte {file.damaged_at:,}.")
        if block.final and block.end < file.stamp.size and time.time() - file.stamp.mtime_ns / 1e9 > _SETTLED_SECONDS:
            if block.doubtful:
                whats.append(f"From byte {block.end:,} on it holds nothing that is a record of an event file.")
            else:
                whats.append(f"It ends in the middle of a record that begins at byte {block.end:,}.")
                remedy = _CUT_REMEDY if len(whats) == 1 else remedy
        file.problem = problem_with(path, " ".join(whats), remedy) if whats else None


def read_tail(directory: str, limit: int, key: str | None = None) -> pl.DataFrame | None:
    """The points in the last bytes of the last event file; None where it has none there, or a session start.

    Args:
        directory: with the files.
        limit: bytes.
        key: as of `EventSeries`.

    Raises:
        OSError: it cannot be read.
    """
    files = event_files(directory)
    if not files:
        return None
    name = max(files)
    size, tags = files[name].size, Tags()
    with _opened(os.path.join(directory, name)) as descriptor:
        points = read_block(descriptor, max(size - limit, 0), size, limit, tags).points
    return None if points.starts or not len(points.key) else _points_frame(tags, key, *_columns(points))


def _columns(points: Points) -> tuple[Whole, Whole, NDArray[np.float64], NDArray[np.float64]]:
    return points.key, points.step, points.time, points.value


def _points_frame(
    tags: Tags,
    name: str | None,
    key: Whole,
    step: Whole,
    seconds: NDArray[np.float64],
    value: NDArray[np.float64],
) -> pl.DataFrame:
    names = tags.names if name is None else [name] * len(tags.names)
    known = (seconds > _FIRST_TIME) & (seconds < _LAST_TIME) & (seconds != 0)
    times = pl.Series("time", np.rint(np.where(known, seconds, 0) * 1e6).astype(np.int64))
    if not known.all():
        times = times.set(pl.Series(~known), None)
    return pl.DataFrame([
        pl.Series("key", names, pl.String)[key],
        pl.Series("step", step),
        times.cast(TIME),
        pl.Series("value", value),
    ])  # fmt: skip


def _filled(values: Whole, count: int, filler: int) -> Whole:
    """At least so many values, with fillers behind those that are there."""
    return values if len(values) >= count else np.append(values, np.full(count - len(values), filler))


@contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = open_regular(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
