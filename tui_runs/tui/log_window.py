"""What is held of a log, however long it is: a few thousand lines around what one looks at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import get_character_cell_size

from tui_runs.analysis.log_text import LogLine, LogText, Piece, find_line
from tui_runs.capabilities import LogPart, WithLogs

CHUNK: Final = 256 << 10
"""Bytes that are read at once: a hundred times what a screen shows."""
HELD_BYTES: Final = 4 * CHUNK
_HELD_LINES: Final = 20_000
_SEARCHED_BYTES: Final = 4 << 20
"""Bytes that are searched at once: a search ends so soon when it is not wanted any more."""


class Stretch(NamedTuple):
    """Some lines of a log, all but perhaps the last whole.

    Args:
        begin: where the first begins, in bytes.
        end: where the last ends.
        size: of the whole log.
        lines: those that a newline ends.
        text: knows what follows them, and goes on from there.
    """

    begin: int
    end: int
    size: int
    lines: list[LogLine]
    text: LogText

    @classmethod
    def of(cls, part: LogPart) -> Stretch:
        """Lines of a part of a log, from the first that begins in it; where none does, the rest of the one it is of."""
        skipped = part.data.find(b"\n", 0, len(part.data) - 1) + 1 if part.start else 0
        begin = part.start + skipped
        text = LogText(begin)
        return cls(begin, part.start + len(part.data), part.size, text.feed(part.data[skipped:]), text)


class LogWindow:
    """The lines held, in order and without a gap."""

    def __init__(self, stretch: Stretch) -> None:
        self.begin, self.end, self.size, self._lines, self._text = stretch

    @property
    def lines(self) -> list[LogLine]:
        """All of them, and the one that is not ended yet."""
        unfinished = self._text.unfinished
        return self._lines if unfinished is None else [*self._lines, unfinished]

    @property
    def whole(self) -> bool:
        """Whether the end of the log is held, as far as is known."""
        return self.end >= self.size

    @property
    def full(self) -> bool:
        """Whether lines are given up when as many bytes are taken in as are read at once."""
        return self.end - self.begin + CHUNK > HELD_BYTES or len(self._lines) >= _HELD_LINES

    def append(self, part: LogPart) -> None:
        """Take in what follows; at the top lines are given up for it."""
        self._lines = self._lines + self._text.feed(part.data)
        self.end, self.size = self.end + len(part.data), part.size
        least = self.end - HELD_BYTES
        surplus = max(0, len(self._lines) - _HELD_LINES)
        while surplus < len(self._lines) and self._lines[surplus].start < least:
            surplus += 1
        if surplus:
            unfinished = self._text.unfinished
            rest = self._lines[surplus:]
            self.begin = rest[0].start if rest else unfinished.start if unfinished is not None else self.end
            self._lines = rest

    def prepend(self, stretch: Stretch) -> None:
        """Take in what is before; at the bottom lines are given up for it."""
        fresh = stretch.lines
        if stretch.text.unfinished is not None:  # of a line that is longer than what is read at once
            fresh = [*fresh, stretch.text.unfinished]
        fresh = fresh[-_HELD_LINES // 2 :]
        if not fresh:
            self.begin = stretch.begin
            return
        self.begin, self.size = fresh[0].start, stretch.size
        self._lines = fresh + self._lines
        most = self.begin + HELD_BYTES
        kept = min(len(self._lines), _HELD_LINES)
        while kept > len(fresh) and self._lines[kept - 1].start >= most:
            kept -= 1
        if kept < len(self._lines):
            self._give_up(kept)

    def _end_of(self, line: int) -> int:
        if line + 1 < len(self._lines):
            return self._lines[line + 1].start
        unfinished = self._text.unfinished
        return self.end if unfinished is None else unfinished.start

    def _give_up(self, kept: int) -> None:
        """Keep so many lines, and go on after them."""
        self.end = self._end_of(kept - 1) if kept else self.begin
        self._lines = self._lines[:kept]
        self._text = LogText(self.end)


class Hit(NamedTuple):
    """How far a search has come.

    Args:
        place: where the line begins that was found; None where it has not been found yet.
        reached: where to search on; None where all has been searched.
        size: of the whole log.
    """

    place: int | None
    reached: int | None
    size: int


def search(source: WithLogs, run_id: str, name: str, needle: str, at: int, *, up: bool) -> Hit:
    """Search a piece of a log, from the beginning of a line up or down.

    Raises:
        ArtifactError: it cannot be read.
    """
    start = max(0, at - _SEARCHED_BYTES) if up else at
    part = source.read_log(run_id, name, start, at - start if up else _SEARCHED_BYTES)
    first, last = part.start, part.start + len(part.data)
    if up and first:
        first += part.data.find(b"\n", 0, len(part.data) - 1) + 1
    if not up and last < part.size:
        last = part.start + (part.data.rfind(b"\n") + 1 or len(part.data))
    place = find_line(part.data[first - part.start : last - part.start], needle, last=up)
    on = (first if first > 0 else None) if up else (last if first < last < part.size else None)
    return Hit(None if place is None else first + place, on, part.size)


def wrap(pieces: Sequence[Piece], width: int) -> Iterator[tuple[Piece, ...]]:
    """A line as rows of at most `width` terminal cells, at least one; those that are not asked for cost nothing."""
    if sum(len(text) for text, _ in pieces) <= width // 2:  # no character takes more than two cells
        yield tuple(pieces)
        return
    row: list[Piece] = []
    room = width
    for text, style in pieces:
        begin = 0
        while begin < len(text):
            end, room = _fill(text, begin, room)
            if end == begin and not row:  # a character that no row is wide enough for
                end += 1
            if end > begin:
                row.append((text[begin:end], style))
            if end < len(text):
                yield tuple(row)
                row, room = [], width
            begin = end
    yield tuple(row)


def _fill(text: str, begin: int, room: int) -> tuple[int, int]:
    """How far a text goes into so many cells, from a character on; and how many are left where all of it does."""
    if text.isascii():
        end = min(begin + room, len(text))
        return end, room - (end - begin)
    for place in range(begin, len(text)):
        size = get_character_cell_size(text[place])
        if size > room:
            return place, 0
        room -= size
    return len(text), room
