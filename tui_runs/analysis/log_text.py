"""What a program printed, as lines that are safe to show: colours kept as names of styles, everything else plain text.

A log holds what was sent to a terminal: escape sequences, carriage returns of progress bars, broken characters. Of the
sequences (ECMA-48) only "select graphic rendition" means something here, and "erase in line", which progress bars use;
all others are dropped. A sequence never reaches over the end of a line, so that one that was cut off, or that somebody
put there on purpose, hides no more than the rest of its line. Cursor movements to other lines are among those dropped:
bars that are drawn one above the other stand there once for every time they were drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice
from typing import Any, Final, NamedTuple, TypeAlias

from rich.cells import cell_len, get_character_cell_size

from tui_runs.display import printable

Piece: TypeAlias = tuple[str, str]
"""Some text and the name of its style: '', 'good', 'bad', 'warn', 'accent', 'muted', 'strong', or '#rrggbb'."""

LONGEST_LINE: Final = 10_000
"""Terminal cells of a line that are kept; … stands for the rest."""

_SEQUENCE: Final = r"""
    \x1b\[ (?P<parameters>[0-?]{0,200}) [ -/]{0,8} (?P<final>[@-~])   # control sequence
    | \x1b[\]PX^_] [^\x07\x1b\n]* \x07?                               # a string: ends with BEL or the next ESC
    | \x1b[ -/]{1,8}[0-~] | \x1b[0-Z\\`-~]                            # others, of fixed form
"""
_TOKEN: Final = re.compile(rf"{_SEQUENCE} | (?P<move>[\r\b\t]) | (?P<text>[^\x1b\r\b\t]+|\x1b)", re.X)
_SEQUENCE_BYTES: Final = re.compile(_SEQUENCE.encode(), re.X)
_UNFINISHED: Final = re.compile(
    rb"(?:\x1b(?:\[[0-?]{0,200}[ -/]{0,8}|[ -/]{0,8})"
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
"""The beginning of a sequence, or of a character, of which the rest may come."""
_LONGEST_UNFINISHED: Final = 256
_STRINGS: Final = frozenset((b"]", b"P", b"X", b"^", b"_"))
"""What stands behind the ESC that begins a string."""
_STRING_END: Final = re.compile(rb"\x07|(?=\x1b)")
_TAB: Final = 8

_COLOURS: Final = ("muted", "bad", "good", "warn", "accent", "accent", "accent", "")
"""The eight colours of a terminal, from black to white, in those of the theme."""
_LEVELS: Final = (0, 95, 135, 175, 215, 255)
"""Levels of the 6 x 6 x 6 colours that stand from 16 on among xterm's 256."""


class LogLine(NamedTuple):
    """One line of a log.

    Args:
        start: where it begins in the log, in bytes.
        pieces: its text.
    """

    start: int
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The text without its styles."""
        return "".join([text for text, _ in self.pieces])


class LogText:
    """Turns the bytes of a log into lines, wherever they are cut into parts.

    Args:
        start: where the first byte stands in the log.
    """

    def __init__(self, start: int = 0) -> None:
        self._start = self._at = start
        self._row = _Row()
        self._rest = b""
        self._in_string = False

    def feed(self, data: bytes) -> list[LogLine]:
        """Take the next bytes; gives the lines that end in them."""
        data = self._rest + data
        lines: list[LogLine] = []
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            if end > begin:
                self._write(data[begin:end])
            self._in_string = False
            lines.append(LogLine(self._start, self._row.take()))
            begin = end + 1
            self._start = self._at + begin
        unfinished = _UNFINISHED.search(data, max(begin, len(data) - _LONGEST_UNFINISHED))
        cut = len(data) if unfinished is None else unfinished.start()
        self._write(data[begin:cut])
        self._at, self._rest = self._at + cut, data[cut:]
        return lines

    @property
    def unfinished(self) -> LogLine | None:
        """The line at the end that no newline has ended yet; None where there is none."""
        return LogLine(self._start, self._row.pieces()) if self._at + len(self._rest) > self._start else None

    def _write(self, data: bytes) -> None:
        if self._in_string:
            end = _STRING_END.search(data)
            if end is None:
                return
            data = data[end.end() :]
        last = data.rfind(b"\x1b")
        self._in_string = last >= 0 and data[last + 1 : last + 2] in _STRINGS and b"\x07" not in data[last:]
        self._row.write(data.decode("utf-8", "replace"))


class _Style(NamedTuple):
    """What "select graphic rendition" has set so far."""

    colour: str = ""
    bold: bool = False
    dim: bool = False
    name: str = ""
    """What all of it comes to."""

    def change(self, **parts: Any) -> _Style:
        new = self._replace(**parts)
        return new._replace(name=new.colour or ("muted" if new.dim else "strong" if new.bold else ""))


class _Row:
    """The line that is being written, as a terminal of unlimited width has it; the style goes on from line to line.

    Most lines are only ever appended to: those are pieces. A text that is written over needs a list of cells, in which
    a character of two cells is followed by an empty text.
    """

    def __init__(self) -> None:
        self._style = _Style()
        self._clear()

    def _clear(self) -> None:
        self._pieces: list[Piece] = []
        self._chars: list[str] | None = None
        self._styles: list[str] = []
        self._column = self._width = 0
        self._cut = False

    def take(self) -> tuple[Piece, ...]:
        """The line, and begin another one."""
        pieces = self.pieces()
        self._clear()
        return pieces

    def pieces(self) -> tuple[Piece, ...]:
        """The line as it is now, without the blanks at its end."""
        pieces = list(self._pieces if self._chars is None else joined(self._chars, self._styles))
        while pieces and pieces[-1][0][-1] == " ":
            text, style = pieces.pop()
            if text := text.rstrip(" "):
                pieces.append((text, style))
        return (*pieces, ("…", "muted")) if self._cut else tuple(pieces)

    def write(self, text: str) -> None:
        """Write text at the cursor."""
        if not self._pieces and not self._column and text.isascii() and text.isprintable() and text:
            self._put(text)  # as most lines are
            return
        for parameters, final, move, run in _TOKEN.findall(text):
            if run:
                self._put(printable(run))
            elif final == "m":
                self._style = _rendition(self._style, parameters)
            elif final == "K":
                self._erase(parameters)
            elif move == "\r":
                self._column = 0
            elif move == "\b":
                self._column = max(0, self._column - 1)
            elif move == "\t":
                self._column = min(self._column - self._column % _TAB + _TAB, LONGEST_LINE)

    def _put(self, text: str) -> None:
        """Write text in which nothing is a control character."""
        style = self._style.name
        if self._chars is None and self._column >= self._width:
            if self._column > self._width:
                text = " " * (self._column - self._width) + text
            size = len(text) if text.isascii() else cell_len(text)
            if self._width + size <= LONGEST_LINE:
                if self._pieces and self._pieces[-1][1] == style:
                    self._pieces[-1] = self._pieces[-1][0] + text, style
                else:
                    self._pieces.append((text, style))
                self._width = self._column = self._width + size
                return
            text = text[self._column - self._width :]
        chars, cells = self._cells(), _cells_of(text)
        begin, end = self._column, min(self._column + len(cells), LONGEST_LINE)
        self._cut = self._cut or end - begin < len(cells)
        del cells[end - begin :]
        for edge in (begin, end):
            if 0 < edge < len(chars) and not chars[edge]:  # a character of two cells is cut in half
                chars[edge - 1] = chars[edge] = " "
        chars[begin:end] = cells
        self._styles[begin:end] = [style] * len(cells)
        self._column, self._width = end, len(chars)

    def _erase(self, how: str) -> None:
        """Blank the line from the cursor on, up to it, or all of it."""
        chars, styles, column = self._cells(), self._styles, self._column
        if how in ("", "0"):
            del chars[column:], styles[column:]
        elif how == "1":
            cells = min(column + 1, len(chars))
            chars[:cells], styles[:cells] = [" "] * cells, [""] * cells
        elif how == "2":
            chars[:], styles[:] = [" "] * column, [""] * column
        self._width = len(chars)

    def _cells(self) -> list[str]:
        """The line as cells, at least as many as there are before the cursor."""
        if self._chars is None:
            self._chars = []
            for text, style in self._pieces:
                cells = _cells_of(text)
                self._chars += cells
                self._styles += [style] * len(cells)
        missing = self._column - len(self._chars)
        self._chars += [" "] * missing
        self._styles += [""] * missing
        return self._chars


def _cells_of(text: str) -> list[str]:
    """A character for each cell; a wide one is followed by "", a mark without a width stands with what it is on."""
    if text.isascii():
        return list(text)
    cells: list[str] = []
    for char in text:
        size = get_character_cell_size(char)
        if size:
            cells += [char, *[""] * (size - 1)]
        elif cells:
            cells[-1 if cells[-1] else -2] += char
    return cells


def joined(chars: Sequence[str], styles: Sequence[str]) -> Iterator[Piece]:
    """Cells as pieces, one for each change of style."""
    begin = 0
    for style, run in groupby(styles):
        end = begin + sum(1 for _ in run)
        yield "".join(chars[begin:end]), style
        begin = end


@lru_cache(maxsize=1000)
def _rendition(style: _Style, parameters: str) -> _Style:
    """What is set after a "select graphic rendition". Grounds, underlines and the like are left out."""
    codes = iter(parameters.split(";"))
    for code in codes:
        number, *inner = code.split(":")  # 38:2::r:g:b and 38;2;r;g;b are the same
        value = int(number) if number.isdecimal() else 0 if number == "" else -1
        if value == 0:
            style = _Style()
        elif value == 1:
            style = style.change(bold=True)
        elif value == 2:
            style = style.change(dim=True)
        elif value == 22:
            style = style.change(bold=False, dim=False)
        elif 30 <= value <= 37:
            style = style.change(colour=_COLOURS[value - 30])
        elif 90 <= value <= 97:
            style = style.change(colour=_COLOURS[value - 90])
        elif value == 39:
            style = style.change(colour="")
        elif value in (38, 48, 58):
            colour = _extended(inner[:1] + inner[-3:] if inner[:1] == ["2"] else inner) if inner else _of_several(codes)
            if value == 38:
                style = style.change(colour=colour)
    return style


def _of_several(codes: Iterator[str]) -> str:
    """A colour whose parts are parameters of their own: 5;n or 2;r;g;b."""
    kind = next(codes, "")
    return _extended([kind, *islice(codes, {"5": 1, "2": 3}.get(kind, 0))])


def _extended(parts: Sequence[str]) -> str:
    """One of 256 colours, or one of red, green and blue; "" for what is neither."""
    kind, *values = [int(part) if part.isdecimal() and len(part) < 4 else 0 for part in parts] or [0]
    if kind == 2 and len(values) == 3:
        return _readable(*values)
    if kind != 5 or len(values) != 1 or values[0] > 255:
        return ""
    place = values[0]
    if place < 16:
        return _COLOURS[place % 8]
    if place > 231:
        grey = 8 + 10 * (place - 232)
        return _readable(grey, grey, grey)
    red, rest = divmod(place - 16, 36)
    return _readable(_LEVELS[red], _LEVELS[rest // 6], _LEVELS[rest % 6])


def _readable(red: int, green: int, blue: int) -> str:
    """The colour, unless it would vanish on a dark or on a light ground: nothing that was printed may be hidden."""
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    if max(red, green, blue) > 255 or light > 215:
        return ""
    return "muted" if light < 40 else f"#{red:02x}{green:02x}{blue:02x}"


def find_line(data: bytes, needle: str, *, last: bool) -> int | None:
    """Where the first or the last line begins that has a text in it, as far as can be told without drawing them.

    Args:
        data: whole lines.
        needle: what to look for; see `pattern_of`.
        last: the last such line is wanted.

    Returns:
        Its place in the data; None where no line has it. What a progress bar wrote over is found, too.
    """
    plain = _SEQUENCE_BYTES.sub(b"", data) if b"\x1b" in data else data
    folded, wanted = (plain, needle) if _has_capital(needle) else (plain.lower(), needle.lower())
    at = folded.rfind(wanted.encode()) if last else folded.find(wanted.encode())
    if at < 0:
        return None
    if plain is data:
        return data.rfind(b"\n", 0, at) + 1
    place = 0
    for _ in range(plain.count(b"\n", 0, at)):
        place = data.index(b"\n", place) + 1
    return place


def pattern_of(needle: str) -> re.Pattern[str]:
    """Finds a text as it is, or in any case where it has no capital."""
    return re.compile(re.escape(needle), re.NOFLAG if _has_capital(needle) else re.IGNORECASE)


def _has_capital(needle: str) -> bool:
    return needle != needle.lower()
