"""One run's log, as far as it has been read: read on from there, it never has to be read twice for what it adds up to.

Points are kept where there is room, because any one curve costs a read of the whole file: each record holds all.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

import numpy as np

from tui_runs.adapter import Problem
from tui_runs_wandb.decoding import Progress, decode
from tui_runs_wandb.points import Points, Totals, Whole, join_points
from tui_runs_wandb.run_dir import RunDir, open_log, problem_with, unreadable
from tui_runs_wandb.run_state import RunState
from tui_runs_wandb.transaction_log import HEADER, LogReader, NotALogError, Records, check_header

STRETCH: Final = 16 << 20
"""Bytes of a file that are decoded at once."""
_MERGED: Final = 4 << 20
"""Stretches of a growing file are merged up to this size."""
_OFFSET_BITS: Final = 40
"""Bits of a cursor that are an offset; above them stands which file it is of: another has another number."""
_FILES: Final = count(1)
_VERSIONS: Final = count(1)
"""No two logs share one: a directory that goes and comes back has another log, which is not to look unchanged."""
_SETTLED_SECONDS: Final = 5.0
"""After so long without a write, what cannot be read at the end of a file is said to be damaged."""

_YOUNG_SECONDS: Final = 30.0
"""A directory that changed so lately may get its log in a moment."""

_STRANGER_REMEDY: Final = "Take the file out of the directory, or restore it from a copy."
_DAMAGE_REMEDY: Final = "All other records are shown; a copy of the file may have them."


@dataclass(slots=True)
class _Stretch:
    """Part of a file.

    Args:
        begin: offset of its first record.
        end: offset behind its last.
        rows: calls of `log` before it.
        samples: samples of the system before it.
        points: what it holds; None where that is not kept.
    """

    begin: int
    end: int
    rows: int
    samples: int
    points: Points | None


class Series(NamedTuple):
    """Points of one metric that were asked for."""

    key: int
    step: Whole
    time: Whole
    value: np.ndarray


@dataclass(slots=True)
class Answer:
    """Points of a run.

    Args:
        series: those that have points, in the order of the file.
        cursor: by metric, where to go on.
        restarted: metrics whose earlier points no longer hold, as the file was replaced.
        complete: there are no more now.
        size: how many points.
    """

    series: list[Series]
    cursor: dict[str, int]
    restarted: set[str]
    complete: bool
    size: int


class RunLog:
    """A run as its log tells of it. Any thread may use it; one at a time gets in.

    Args:
        run: where it lies.

    Attributes:
        version: another one when something is different.
        state: what was read; belongs to who holds `lock`.
        progress: the same.
        totals: the same.
        updated: when the log was written last, in seconds since 1970; None where that is not known.
        trouble: why the log cannot be read now.
        stamp: time (nanoseconds) and size of the log when it was read last; None where it could not be.
        strange: there is no log, or what is there is none.
        whole: all that the file held was read at some time.
    """

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.lock = threading.RLock()
        self.version = next(_VERSIONS)
        self.updated: float | None = None
        self.trouble: Problem | None = None
        self.stamp: tuple[int, int] | None = None
        self.strange = False
        self.whole = False
        self._identity = 0
        self._doubtful = False
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.state = RunState()
        self.progress = Progress()
        self.totals = Totals()
        self._reader = LogReader()
        self._stretches: list[_Stretch] = []
        self._file = next(_FILES)
        self.whole = False

    @property
    def doubtful(self) -> bool:
        """It ends with bytes that are no chunk: they may be in the writing, so look again soon."""
        return self._doubtful or self.trouble is not None

    @property
    def shown(self) -> bool:
        """There is something to be shown: what its log says, or said before it was damaged, or at least its name."""
        return not self.strange or bool(self._stretches)

    @property
    def size_held(self) -> int:
        """Bytes of points that are kept."""
        return sum(stretch.points.bytes for stretch in self._stretches if stretch.points is not None)

    def forget_points(self) -> None:
        """Give back the memory of the points; they are read again when they are asked for."""
        with self.lock:
            for stretch in self._stretches:
                stretch.points = None

    # --- reading on ---------------------------------------------------------------------------------------------------

    def advance(self, limit: int = STRETCH, *, keep: bool = True) -> bool:
        """Read on, about so many bytes; whether there is more.

        Args:
            limit: bytes.
            keep: hold the points in memory.
        """
        with self.lock:
            if self.run.log is None:
                self.strange = True
                self._set_trouble(_without_log(self.run.directory))
                return False
            try:
                descriptor = open_log(self.run.log)
            except OSError as error:
                self._set_trouble(unreadable(self.run.log, error))
                return False
            try:
                return self._advance(descriptor, limit, keep)
            except OSError as error:
                self._set_trouble(unreadable(self.run.log, error))
                return False
            finally:
                os.close(descriptor)

    def _advance(self, descriptor: int, limit: int, keep: bool) -> bool:
        status = os.fstat(descriptor)
        self.stamp = status.st_mtime_ns, status.st_size
        try:
            begun = check_header(os.pread(descriptor, len(HEADER), 0))
        except NotALogError as error:
            self._set_trouble(problem_with(str(self.run.log), f"It cannot be shown: {error}.", _STRANGER_REMEDY))
            self.strange = True
            return False
        self._set_trouble(None)
        self.strange = False
        if self.updated != status.st_mtime:
            self.updated = status.st_mtime
            self.version = next(_VERSIONS)
        if status.st_ino != self._identity or status.st_size < self._reader.offset:
            if self._identity and self._reader.offset > len(HEADER):
                self._begin_anew()
                self.version = next(_VERSIONS)
            self._identity = status.st_ino
        if not begun:
            self.whole = True
            return False
        before = _Stretch(self._reader.offset, 0, self.progress.rows, self.progress.samples, None)
        lost = self._reader.lost_so_far
        records = self._reader.read(descriptor, limit)
        self._doubtful = records.doubtful
        if len(records.start):
            decoded = decode(records, self.progress)
            self.state.apply(decoded)
            self.totals.add(decoded.points)
            before.end, before.points = self._reader.offset, decoded.points if keep else None
            self._add(before)
        if len(records.start) or self._reader.lost_so_far != lost:
            self.version = next(_VERSIONS)
        if not records.more:
            self.whole = True
            self.progress.rest()
        return records.more

    def _set_trouble(self, trouble: Problem | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self.version = next(_VERSIONS)

    def _add(self, new: _Stretch) -> None:
        """Keep a stretch; small ones become one when there are as many bytes behind as in front."""
        stretches = self._stretches
        stretches.append(new)
        while len(stretches) > 1:
            first, last = stretches[-2:]
            if last.end - last.begin < first.end - first.begin or last.end - first.begin > _MERGED:
                break
            first.points = join_points([first.points, last.points]) if first.points and last.points else None
            first.end = last.end
            stretches.pop()

    def metric_names(self) -> dict[str, None]:
        """The metrics that have points, in the order in which they were met."""
        keys = self.progress.keys
        numbers = self.totals.count.nonzero()[0].tolist()
        return {keys.names[number]: None for number in numbers if keys.is_metric(number)}

    def problem(self) -> Problem | None:
        """What is wrong with the log, in one."""
        if self.trouble is not None:
            return self.trouble
        reader, path = self._reader, str(self.run.log)
        lost, malformed = reader.lost_so_far, self.state.malformed
        if lost:
            are = "is" if lost == 1 else "are"
            what = f"{lost:,} of its records {are} lost: it is damaged at byte {reader.damaged_at:,}."
            return problem_with(path, what, _DAMAGE_REMEDY)
        if malformed:
            return problem_with(path, f"{malformed:,} of its records cannot be understood.", _DAMAGE_REMEDY)
        if self._doubtful and self.updated is not None and abs(time.time() - self.updated) > _SETTLED_SECONDS:
            what = f"Its end, from byte {reader.offset:,} on, is damaged."
            return problem_with(path, what, _DAMAGE_REMEDY)
        return None

    # --- points -------------------------------------------------------------------------------------------------------

    def points_after(
        self, wanted: frozenset[str] | None, cursor: Mapping[str, int], *, budget: int, limit: int
    ) -> Answer:
        """Points of metrics, each after its place in the cursor.

        Args:
            wanted: names of metrics; None for all.
            cursor: by name; as an earlier answer said.
            budget: points at most, but for those that were logged at once.
            limit: bytes of the file that are read for it, about.

        Raises:
            OSError: the file cannot be read.
        """
        with self.lock:
            more = self.advance(limit)
            starts, restarted = self._starts(wanted, cursor)
            if not starts:
                return Answer([], {}, restarted, not more, 0)
            names = self.progress.keys.names
            floor = min(starts.values())
            found: list[tuple[int, Points, np.ndarray]] = []
            reach, size = floor, 0
            for stretch in self._stretches:
                if stretch.end <= floor:
                    continue
                if size >= budget or limit <= 0:
                    more = True
                    break
                if stretch.points is None:
                    limit -= stretch.end - stretch.begin
                points = stretch.points or self._read_again(stretch)
                for key, start in starts.items():
                    at = np.arange(points.of_key(key).start, points.of_key(key).stop)
                    if start >= stretch.begin:
                        at = at[points.rows.end[points.row[at]] > start]
                    if len(at):
                        found.append((key, points, at))
                        size += len(at)
                reach = stretch.end
            cut = _cut(found, budget) if size > budget else None
            if cut is not None:
                reach, more = cut, True
            cursors = {names[key]: self._place(max(reach, start)) for key, start in starts.items()}
            series = [_series(key, points, at, reach) for key, points, at in found]
            size = sum(len(one.value) for one in series)
            return Answer([one for one in series if len(one.value)], cursors, restarted, not more, size)

    def _starts(self, wanted: frozenset[str] | None, cursor: Mapping[str, int]) -> tuple[dict[int, int], set[str]]:
        """From where each metric that is wanted and has points is to be read; and which of them were replaced."""
        keys = self.progress.keys
        names = cursor.keys() if wanted is None else cursor.keys() & wanted
        restarted = {name for name in names if cursor[name] and cursor[name] >> _OFFSET_BITS != self._file}
        numbers = range(len(keys.names)) if wanted is None else sorted(map(keys.find, wanted), key=lambda n: n or 0)
        starts: dict[int, int] = {}
        for number in numbers:
            if number is None or number >= len(self.totals.count) or not self.totals.count[number]:
                continue
            if keys.is_metric(number):
                name = keys.names[number]
                read = 0 if name in restarted else cursor.get(name, 0) & (1 << _OFFSET_BITS) - 1
                starts[number] = max(read, int(self.totals.first_end[number]) - 1)
        return starts, restarted

    def _place(self, offset: int) -> int:
        return self._file << _OFFSET_BITS | offset

    def _read_again(self, stretch: _Stretch) -> Points:
        progress = Progress(self.progress.keys, stretch.rows, stretch.samples, self.progress.streamed)
        reader = LogReader(stretch.begin)
        descriptor = open_log(str(self.run.log))
        try:
            records = reader.read(descriptor, stretch.end - stretch.begin)
        finally:
            os.close(descriptor)
        inside = records.after <= stretch.end
        records = Records(records.data, records.start[inside], records.end[inside], records.after[inside])
        stretch.points = decode(records, progress).points
        return stretch.points


def _without_log(directory: str) -> Problem | None:
    try:
        if abs(time.time() - os.stat(directory).st_mtime) < _YOUNG_SECONDS:
            return None
    except OSError as error:
        return unreadable(directory, error)
    remedy = "If the run is of no use, delete the directory."
    return problem_with(directory, "It is named as a run's directory, but holds no run-*.wandb.", remedy)


def _cut(found: list[tuple[int, Points, np.ndarray]], budget: int) -> int:
    """Where in the file to stop, so that there are not more points than the budget; but those of one row at least."""
    ends = np.sort(np.concatenate([points.rows.end[points.row[at]] for _, points, at in found]))
    before = ends[: np.searchsorted(ends, ends[budget])]
    return int(before[-1] if len(before) else ends[0])


def _series(key: int, points: Points, at: np.ndarray, reach: int) -> Series:
    row = points.row[at]
    inside = points.rows.end[row] <= reach
    at, row = at[inside], row[inside]
    return Series(key, points.rows.step[row], points.rows.time[row], points.value[at])
