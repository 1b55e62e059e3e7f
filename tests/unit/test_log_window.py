"""What is held of a log: always lines that are in it, without a gap, and never too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui_runs.capabilities import LogFile, LogPart
from tui_runs.tui import log_window
from tui_runs.tui.log_window import LogWindow, Stretch, search, wrap


class Log:
    """A log in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def logs(self, run_id: str) -> Sequence[LogFile]:
        return [LogFile("log")]

    def read_log(self, run_id: str, name: str, start: int, limit: int) -> LogPart:
        start = max(0, start + len(self.data)) if start < 0 else min(start, len(self.data))
        return LogPart(self.data[start : start + limit], start, len(self.data))

    def read(self, start: int, limit: int) -> LogPart:
        return self.read_log("", "log", start, limit)


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """Sizes at which a few lines are many; for all tests of this file, as hypothesis asks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_window, "HELD_BYTES", 200)
        patch.setattr(log_window, "_HELD_LINES", 12)
        patch.setattr(log_window, "_SEARCHED_BYTES", 64)
        yield


def check(window: LogWindow, data: bytes) -> None:
    """What is held is what is in the log there."""
    shown = [line.text.encode() for line in window.lines]
    assert b"\n".join(shown) == data[window.begin : window.end].removesuffix(b"\n")
    assert [line.start for line in window.lines[:1]] == ([window.begin] if shown else [])
    assert all(data[line.start - 1 : line.start] == b"\n" for line in window.lines[1:])
    assert len(window.lines) <= 13


LINES = st.lists(st.text("abc", max_size=12), max_size=80).map(lambda lines: "\n".join(lines).encode())


@given(LINES, st.lists(st.sampled_from(["up", "up", "down", "grow", "anew"]), max_size=25))
def test_it_holds_what_is_in_the_log(data: bytes, moves: list[str]) -> None:
    log = Log(data)
    window = LogWindow(Stretch.of(log.read(-60, 60)))
    for move in moves:
        if move == "up":
            begin = window.begin
            stretch = Stretch.of(log.read(max(0, begin - 60), min(begin, 60)))
            window.prepend(stretch)
            assert window.begin < begin or begin == 0
        elif move == "down":
            window.append(log.read(window.end, 60))
        elif move == "grow":
            log.data += b"more\nand mo"
        else:
            log.data = log.data[: len(log.data) // 2]
            if len(log.data) < window.end:
                window.cut(len(log.data))
            if window.end <= window.begin:
                window = LogWindow(Stretch.of(log.read(-60, 60)))
        check(window, log.data)
    for _ in range(len(log.data) // 60 + 2):
        window.append(log.read(window.end, 60))
    assert window.whole
    check(window, log.data)


@given(LINES, st.integers(0, 80), st.booleans())
def test_a_search_finds_the_next_line(data: bytes, number: int, up: bool) -> None:
    starts = [0, *(place + 1 for place, byte in enumerate(data) if byte == 10)]
    at = starts[min(number, len(starts) - 1)]
    part = data[:at] if up else data[at:]
    fits = [start + (0 if up else at) for start in line_starts(part, b"cab")]
    hit = search(Log(data), "", "log", "cab", at, up=up)
    for _ in range(len(data)):
        if hit.place is not None or hit.reached is None:
            break
        hit = search(Log(data), "", "log", "cab", hit.reached, up=up)
    assert hit.place == ((fits[-1] if up else fits[0]) if fits else None)


def line_starts(data: bytes, needle: bytes) -> list[int]:
    place, found = 0, []
    for line in data.split(b"\n"):
        if needle in line:
            found.append(place)
        place += len(line) + 1
    return found


PIECES = st.lists(st.tuples(st.text("ab 学é", min_size=1, max_size=30), st.sampled_from(["", "good"])), max_size=6)


@given(PIECES, st.integers(2, 20))
def test_wrapped_lines_lose_nothing(pieces: list[tuple[str, str]], width: int) -> None:
    rows = wrap(pieces, width)
    assert rows
    assert "".join(text for row in rows for text, _ in row) == "".join(text for text, _ in pieces)
    assert all(sum(cell_len(text) for text, _ in row) <= width for row in rows)
    styles = [style for row in rows for text, style in row for _ in text]
    assert styles == [style for text, style in pieces for _ in text]
    for row in rows[:-1]:
        assert sum(cell_len(text) for text, _ in row) >= width - 1
