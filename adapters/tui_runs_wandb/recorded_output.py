"""What a run printed, put together from its transaction log: stdout and stderr in the order of writing.

W&B writes it there as it is printed, each `write` of a program a record of its own, carriage returns and escape
sequences included; a run with `console="redirect"` or "wrap_emu" has it as a terminal would show it, a few times a
second. Nothing of it is kept in memory but where some of its bytes stand in the file: 16 bytes for each 64 KiB of text
and each MiB of log. What is asked for is read again from the nearest of these places.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import numpy as np

from tui_runs.capabilities import LogPart
from tui_runs_wandb.fast_items import NUMBER_TAG, behind_number
from tui_runs_wandb.records import Kind, decode_output, split_record
from tui_runs_wandb.run_dir import open_log
from tui_runs_wandb.transaction_log import HEADER, LogReader, NotALogError, Records, check_header
from tui_runs_wandb.wire import MalformedError

_PORTION: Final = 4 << 20
"""Bytes of the log that are in memory at once."""
_MARK_TEXT, _MARK_LOG = 64 << 10, 1 << 20
"""Bytes of text, and of the log, after which a place is noted."""
_LOGGED_TAGS: Final = tuple(kind << 3 | 2 for kind in (Kind.HISTORY, Kind.SUMMARY))
"""What nearly all records begin with, behind their number. Others may begin with their stream: they are looked into."""


class RecordedOutput:
    """What one run printed. Any thread may use it; one at a time gets in.

    Args:
        path: of the transaction log.
        closed: set when nobody wants it any more; ends a long read.

    Attributes:
        size: bytes of text, as far as the log was read.
    """

    def __init__(self, path: str, closed: threading.Event) -> None:
        self._path, self._closed = path, closed
        self._lock = threading.Lock()
        self._begin_anew(0)

    def _begin_anew(self, identity: int) -> None:
        self.size = 0
        self._identity = identity
        self._reader = LogReader()
        self._marks: list[tuple[int, int]] = [(0, self._reader.offset)]
        """Bytes of text, and the offset in the log behind which what follows them was written."""

    def begins(self) -> bool:
        """Whether anything was printed; reads the log as far as that, and all of one in which nothing was.

        Raises:
            OSError: the log cannot be read.
        """
        with self._lock:
            if not self.size:
                self._read_on(to_first=True)
            return self.size > 0

    def read(self, start: int, limit: int) -> LogPart:
        """A stretch of the text; see `tui_runs.capabilities.WithLogs.read_log`.

        Raises:
            OSError: the log cannot be read.
        """
        with self._lock:
            self._read_on()
            start = max(0, self.size + start) if start < 0 else min(start, self.size)
            left = min(limit, self.size - start)
            found: list[bytes] = []
            if left > 0:
                mark = self._marks[bisect_right(self._marks, start, key=lambda mark: mark[0]) - 1]
                for text in self._texts_from(*mark, start):
                    found.append(text[:left])
                    left -= len(found[-1])
                    if left <= 0:
                        break
            return LogPart(b"".join(found), start, self.size)

    def _read_on(self, *, to_first: bool = False) -> None:
        """Read what was appended to the log, or no further than to the first text."""
        descriptor = open_log(self._path)
        try:
            status = os.fstat(descriptor)
            if status.st_ino != self._identity or status.st_size < self._reader.offset:
                self._begin_anew(status.st_ino)
            more = _is_log(descriptor)
            while more and not self._closed.is_set() and not (to_first and self.size):
                behind = self._reader.offset
                records = self._reader.read(descriptor, _PORTION)
                for at, text in _printed(records):
                    place = int(records.after[at - 1]) if at else behind
                    size, offset = self._marks[-1]
                    if self.size - size >= _MARK_TEXT or place - offset >= _MARK_LOG:
                        self._marks.append((self.size, place))
                    self.size += len(text)
                more = records.more
        finally:
            os.close(descriptor)

    def _texts_from(self, position: int, offset: int, start: int) -> Iterator[bytes]:
        """The texts from `start` on, of which `position` bytes were printed before an offset in the log."""
        descriptor = open_log(self._path)
        try:
            reader, more = LogReader(offset), True
            while more and not self._closed.is_set():
                records = reader.read(descriptor, _MARK_LOG)
                for _, text in _printed(records):
                    if position + len(text) > start:
                        yield text[max(0, start - position) :]
                    position += len(text)
                more = records.more
        finally:
            os.close(descriptor)


def _is_log(descriptor: int) -> bool:
    try:
        return check_header(os.pread(descriptor, len(HEADER), 0))
    except NotALogError:
        return False


def _printed(records: Records) -> Iterator[tuple[int, bytes]]:
    """The texts in these records that were printed, each with the number of its record."""
    data, at = records.data, records.start.copy()
    numbered = np.flatnonzero(data[at] == NUMBER_TAG)
    at[numbered] = behind_number(data, at[numbered] + 1)
    for i in np.flatnonzero(~np.isin(data[at], _LOGGED_TAGS)).tolist():
        try:
            parts = split_record(data[records.start[i] : records.end[i]].tobytes())
            if parts.kind in (Kind.OUTPUT, Kind.OUTPUT_RAW) and (text := decode_output(parts.content)):
                yield i, text
        except MalformedError:  # the scan of the run says so
            continue
