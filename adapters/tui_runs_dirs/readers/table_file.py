"""A CSV or TSV with a row a step, read from where the last reading ended. Imports polars when it is read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tui_runs.adapter import Problem
from tui_runs_dirs.files import FileStamp, NotReadError, open_regular, problem_with, stamp_of
from tui_runs_dirs.layout import SeriesFile, Stretch
from tui_runs_dirs.readers.table_header import COLUMNS, LONGEST_HEADER, TableHeader, header_of

if TYPE_CHECKING:
    import polars as pl

    from tui_runs_dirs.totals import Summed

LONGEST_LINE: Final = 8 << 20
_MARKS: Final = 64
_TAIL: Final = 48
_LIVE_SECONDS: Final = 60.0
"""A file that was written this long ago may still get the rest of its last line."""


class _Mark(NamedTuple):
    """What was there when a reading ended at some byte: a later one goes on only where it still is.

    Args:
        first_line: of the file.
        tail: the bytes before that place.
        rows: how many there were before it.
        header: that holds from there on.
    """

    first_line: bytes
    tail: bytes
    rows: int
    header: TableHeader


class _Lines(NamedTuple):
    """Whole lines of a file.

    Args:
        data: ends with a line feed, or is empty.
        end: the byte after it.
        rows: how many rows are before it.
        header: that holds for it; None where the file has no whole first line yet.
        first_line: of the file.
        complete: no whole line was left.
        restarted: it is from the start, though a later place was asked for.
        cut: the file ends in the middle of a line.
    """

    data: bytes
    end: int
    rows: int
    header: TableHeader | None
    first_line: bytes
    complete: bool
    restarted: bool
    cut: bool


@dataclass(slots=True)
class TableFile:
    """Points in the columns of a table.

    Every column that has numbers is a metric, but for the step and the time of day.

    Args:
        path: of the file.
        step: the column that counts; None finds it by its name (`table_header.STEP_NAMES`), and where there is none
            rows are counted from 0.
        time: the column of times; None finds it by its name, and takes it for one if its values are moments.
        without: columns that are not metrics.
    """

    path: str
    step: str | None = None
    time: str | None = None
    without: frozenset[str] = frozenset()
    _marks: dict[int, _Mark] = field(default_factory=dict, compare=False, repr=False)

    def stamp(self) -> tuple[FileStamp, ...]:
        """See `tui_runs_dirs.layout.SeriesFile`."""
        return stamp_of(self.path)

    def read(self, start: int, limit: int) -> Stretch:
        """Read whole lines. See `tui_runs_dirs.layout.SeriesFile`."""
        import polars as pl  # noqa: PLC0415

        from tui_runs_dirs.readers import table_parse  # noqa: PLC0415

        lines = self._lines(start, limit)
        if lines.header is None:
            return Stretch(pl.DataFrame(schema=table_parse.POINTS), 0, True, lines.restarted)
        rows = table_parse.parse(lines.data, lines.header)
        frames = []
        row = lines.rows
        for header, frame in rows.frames:
            frames.append(table_parse.long(header, frame, row))
            row += frame.height
        self._mark(lines, row, rows.header)
        problems = self._problems(lines, rows.wrong)
        return Stretch(pl.concat(frames), lines.end, lines.complete, lines.restarted, problems)

    def tail(self, limit: int) -> pl.DataFrame | None:
        """The points of the last lines. See `tui_runs_dirs.layout.WithTail`."""
        from tui_runs_dirs.readers import table_parse  # noqa: PLC0415

        descriptor = open_regular(self.path)
        try:
            line, header = self._header(descriptor)
            size = os.fstat(descriptor).st_size
            start = max(len(line), size - limit)
            data = os.pread(descriptor, size - start, start)
        finally:
            os.close(descriptor)
        if header is None or header.step is None:
            return None
        begin = data.find(b"\n") + 1 if start > len(line) else 0
        frame = table_parse.regular(data[begin : data.rfind(b"\n") + 1], header)
        return None if frame is None else table_parse.long(header, frame, 0)

    def sum_together(self, others: Sequence[SeriesFile], limit: int) -> Sequence[Summed | OSError]:
        """Sum up many small tables. See `tui_runs_dirs.layout.SummedTogether`."""
        from tui_runs_dirs.readers.table_sums import sum_tables  # noqa: PLC0415

        return sum_tables([self, *(other for other in others if isinstance(other, TableFile))], limit)

    # --- for sum_tables, too ------------------------------------------------------------------------------------------

    def _lines(self, start: int, limit: int) -> _Lines:
        """Whole lines from a place on, or from the first below the header.

        Raises:
            OSError: it cannot be read.
        """
        descriptor = open_regular(self.path)
        try:
            status = os.fstat(descriptor)
            line, header = self._header(descriptor)
            if header is None:
                return _Lines(b"", 0, 0, None, line, True, start > 0, False)
            mark = self._marks.get(start) if start else None
            goes_on = (
                mark is not None
                and mark.first_line == line
                and status.st_size >= start
                and os.pread(descriptor, len(mark.tail), start - len(mark.tail)) == mark.tail
            )
            place, rows = (start, mark.rows) if goes_on and mark is not None else (len(line), 0)
            header = mark.header if goes_on and mark is not None else header
            data = os.pread(descriptor, max(limit, 1), place)
            end = data.rfind(b"\n") + 1
            read_to = place + len(data)
            while not end and read_to < status.st_size:
                if len(data) > LONGEST_LINE:
                    what = f"A line of it is longer than {LONGEST_LINE:,} bytes."
                    raise NotReadError(what, "See whether it is a table at all; the rest of the run is shown.")
                piece = os.pread(descriptor, 1 << 20, read_to)
                if not piece:
                    break
                data += piece
                read_to += len(piece)
                end = data.find(b"\n", len(data) - len(piece)) + 1
            complete = read_to >= status.st_size and data.find(b"\n", end) < 0
            cut = complete and end < len(data) and time.time() - status.st_mtime > _LIVE_SECONDS
            return _Lines(data[:end], place + end, rows, header, line, complete, start > 0 and not goes_on, cut)
        finally:
            os.close(descriptor)

    def _header(self, descriptor: int) -> tuple[bytes, TableHeader | None]:
        """The first line with its end, and what it says; None while it has no end.

        Raises:
            NotReadError: this is no table, or one of too many columns.
        """
        head = os.pread(descriptor, 4096, 0)
        if b"\n" not in head and len(head) == 4096:
            head = os.pread(descriptor, LONGEST_HEADER, 0)
        end = head.find(b"\n") + 1
        if end == 0 and len(head) < LONGEST_HEADER:
            return b"", None
        line = head[:end]
        known = next(reversed(self._marks.values()), None)
        if known is not None and known.first_line == line and not known.rows:
            return line, known.header
        header = header_of(line, self.step, self.time, self.without) if end else None
        if header is None:
            what = f"Its first line does not name columns, or more than {COLUMNS:,} of them."
            raise NotReadError(what, "A table of metrics begins with a line such as epoch,loss,accuracy.")
        return line, header

    def _mark(self, lines: _Lines, rows: int, header: TableHeader) -> None:
        """Remember the end of a reading."""
        tail = lines.data[-_TAIL:] or lines.first_line[-_TAIL:]
        if not lines.data and lines.end in self._marks:
            return
        self._marks.pop(lines.end, None)
        self._marks[lines.end] = _Mark(lines.first_line, tail, rows, header)
        if len(self._marks) > _MARKS:
            del self._marks[next(iter(self._marks))]

    def _problems(self, lines: _Lines, wrong: Sequence[tuple[int, str]]) -> list[Problem]:
        if wrong:
            number, what = wrong[0]
            more = f", and {len(wrong) - 1:,} more are like it" if len(wrong) > 1 else ""
            # The header is the first line; rows before this reading are counted, lines without a row are not.
            what = f"Line {lines.rows + number + 1:,} {what}{more}: left out."
            return [problem_with(self.path, what, "Mend or delete these lines; the others are shown.")]
        if lines.cut:
            what = "Its last line has no end, so a number in it may be cut: left out."
            return [problem_with(self.path, what, "If the line is whole, add a line feed; the others are shown.")]
        return []
