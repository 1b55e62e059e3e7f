"""Points as JSON, an object a line; and how objects of any origin become points."""

from __future__ import annotations

import json
import os
import time as clock
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tui_runs.display import encodable
from tui_runs_dirs.files import FileStamp, NotReadError, open_regular, problem_with, stamp_of
from tui_runs_dirs.layout import Stretch
from tui_runs_dirs.readers.settings import number_of
from tui_runs_dirs.readers.table_header import STEP_NAMES, TIME_NAMES

if TYPE_CHECKING:
    import polars as pl

    from tui_runs.adapter import Problem

_LONGEST_LINE: Final = 8 << 20
_MARKS: Final = 64
_TAIL: Final = 48
_LIVE_SECONDS: Final = 60.0
_KEYS: Final = 5_000
"""Metrics of one file that are read."""

Point = tuple[str, int, int | None, float]
"""Key, step, time in microseconds since 1970, value."""


@dataclass(slots=True)
class JsonLines:
    """A file with a JSON object a line; nested keys are joined by "/".

    Args:
        path: of the file.
        step: the key that counts; None finds it by its name in each object, and counts lines where there is none.
        time: the key of the time; None finds it by its name.
        without: keys that are no metrics.
    """

    path: str
    step: str | None = None
    time: str | None = None
    without: frozenset[str] = frozenset()
    _marks: dict[int, tuple[bytes, int]] = field(default_factory=dict, compare=False, repr=False)
    """By where a reading ended: the bytes before that place, and how many lines."""

    def stamp(self) -> tuple[FileStamp, ...]:
        """See `tui_runs_dirs.layout.SeriesFile`."""
        return stamp_of(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read whole lines. See `tui_runs_dirs.layout.SeriesFile`."""
        descriptor = open_regular(self.path)
        try:
            status = os.fstat(descriptor)
            tail, line = self._marks.get(start, (b"", -1)) if start else (b"", 0)
            goes_on = not start or (line >= 0 and os.pread(descriptor, len(tail), start - len(tail)) == tail)
            if not goes_on:
                line = 0
            place = start if goes_on else 0
            data = _whole_lines(descriptor, place, max(limit, 1))
            complete = b"\n" not in os.pread(descriptor, 1 << 16, place + len(data))
        finally:
            os.close(descriptor)
        end = place + len(data)
        objects, problems = self._objects(data, line)
        points = points_of(objects, line, self.step, self.time, self.without)
        if data:
            self._marks.pop(end, None)
            self._marks[end] = (data[-_TAIL:], line + data.count(b"\n"))
            if len(self._marks) > _MARKS:
                del self._marks[next(iter(self._marks))]
        cut = complete and end < status.st_size and clock.time() - status.st_mtime > _LIVE_SECONDS
        if cut and not problems:
            what = "Its last line has no end and is left out: the program was stopped while it wrote."
            problems = [problem_with(self.path, what, "If the line is whole, add a line feed; the others are shown.")]
        return Stretch(frame_of(points), end, complete, not goes_on, problems)

    def _objects(self, data: bytes, line: int) -> tuple[list[Mapping[str, Any]], list[Problem]]:
        objects: list[Mapping[str, Any]] = []
        wrong = 0
        first = ""
        for number, text in enumerate(data.split(b"\n")[:-1], line + 1):
            if not text.strip():
                objects.append({})
                continue
            try:
                value = json.loads(text)
                why = "" if isinstance(value, dict) else "is not an object"
            except (ValueError, RecursionError):
                value, why = {}, "is no JSON"
            if why:
                wrong += 1
                first = first or f"Line {number:,} {why}"
            objects.append(value if not why else {})
        if not wrong:
            return objects, []
        more = f", and {wrong - 1:,} more are like it" if wrong > 1 else ""
        return objects, [problem_with(self.path, f"{first}{more}: left out.", "Mend or delete these lines.")]


def points_of(
    rows: Iterable[Mapping[str, Any]], row: int, step: str | None, time: str | None, without: frozenset[str]
) -> Iterator[Point]:
    """The numbers in objects, as points in their order.

    Args:
        rows: nested objects have keys joined by "/"; what is no number is passed over.
        row: the number of the first one, the step where nothing in it counts.
        step: the key that counts; None finds it in each object by its name.
        time: the key of the time; None finds it by its name.
        without: keys that are no metrics.
    """
    names = (step,) if step else STEP_NAMES
    moments = (time,) if time else TIME_NAMES
    keys: set[str] = set()
    for number, said in enumerate(rows, row):
        counts = next((name for name in names if name in said and number_of(said[name]) is not None), None)
        at = int_of(said[counts]) if counts is not None else None
        when, moment = next(
            ((name, found) for name in moments if name in said and (found := moment_of(said[name])) is not None),
            (None, None),
        )
        for key, value in _numbers(said, "", 0):
            if key in (counts, when) or key in without:
                continue
            if key not in keys:
                if len(keys) >= _KEYS:
                    continue
                keys.add(key)
            yield encodable(key), number if at is None else at, moment, value


def frame_of(points: Iterable[Point]) -> pl.DataFrame:
    """Points as `Stretch.frame`."""
    import polars as pl  # noqa: PLC0415

    from tui_runs_dirs.readers.table_parse import POINTS  # noqa: PLC0415

    columns: Iterable[Iterable[Any]] = zip(*points, strict=True)
    data = dict(zip(POINTS, columns, strict=False)) or {name: [] for name in POINTS}
    frame = pl.DataFrame(data, schema={**POINTS, "time": pl.Int64}, strict=False)
    return frame.with_columns(pl.col("time").cast(POINTS["time"]))


def _numbers(said: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, float]]:
    for key, value in said.items():
        if type(value) is float:
            yield f"{path}{key}", value
        elif isinstance(value, dict):
            if depth < 20:
                yield from _numbers(value, f"{path}{key}/", depth + 1)
        elif (number := number_of(value)) is not None:
            yield f"{path}{key}", number


def int_of(value: Any) -> int | None:
    """A step; None where it is no number, or does not fit 64 bits."""
    number = number_of(value)
    if number is None or not abs(number) < 2.0**63:
        return None
    return value if isinstance(value, int) else int(number)


def moment_of(value: Any) -> int | None:
    """A moment in microseconds since 1970: seconds, milli-, micro- or nanoseconds by their size, or ISO 8601.

    A time without a zone is taken as UTC. None for what is none, a count of seconds from a start among it.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        try:
            return round(aware.timestamp() * 1e6)
        except (OverflowError, ValueError):
            return None
    number = number_of(value)
    if number is None or not 1e8 <= number < 1e20:
        return None
    return round(number * next(scale for below, scale in _SCALES if number < below))


_SCALES: Final = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0), (1e20, 1e-3))


def _whole_lines(descriptor: int, place: int, limit: int) -> bytes:
    """Lines from a place on, about `limit` bytes; empty where none has its end.

    Raises:
        NotReadError: a line is too long.
    """
    data = os.pread(descriptor, limit, place)
    end = data.rfind(b"\n") + 1
    while not end and len(data) >= limit:
        if len(data) > _LONGEST_LINE:
            raise NotReadError(f"A line of it is longer than {_LONGEST_LINE:,} bytes.", "The rest of the run is shown.")
        piece = os.pread(descriptor, 1 << 20, place + len(data))
        if not piece:
            break
        data += piece
        end = data.find(b"\n", len(data) - len(piece)) + 1
    return data[:end]
