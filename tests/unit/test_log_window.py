"""What is held of a log: always lines that are in it, without a gap, and never too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

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


@given(LINES, st.lists(st.sampled_from(["up", "up", "down", "grow"]), max_size=25))
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
        else:
            log.data += b"more\nand mo"
        check(window, log.data)
    for _ in range(len(log.data) // 60 + 2):
        window.append(log.read(window.end, 60))
    assert window.whole
    check(window, log.data)


@given(st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_lines_longer_than_what_is_read_at_once_are_all_there(lengths: list[int], ended: bool) -> None:
    data = b"\n".join(b"abcdefg"[number % 7 :][:1] * length for number, length in enumerate(lengths))
    data += b"\n" if ended else b""
    log = Log(data)
    window = LogWindow(Stretch.of(log.read(-60, 60)))
    seen: dict[int, int] = {}
    for _ in range(len(data) // 30 + 2):
        assert bool(window.lines) == bool(data)
        for line in window.lines:
            assert data[line.start :].startswith(line.text.encode())
            seen.update(dict.fromkeys(range(line.start, line.start + len(line.text)), line.start))
        if window.begin == 0:
            break
        begin = window.begin
        window.prepend(Stretch.of(log.read(max(0, begin - 60), min(begin, 60))))
        assert window.begin < begin
    assert window.begin == 0
    assert set(seen) == {place for place, byte in enumerate(data) if byte != 10}


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


PIECES = st.lists(
    st.tuples(st.text("ab 学é\u0301", min_size=1, max_size=30), st.sampled_from(["", "good"])), max_size=6
)


@given(PIECES, st.integers(2, 20))
def test_wrapped_lines_lose_nothing(pieces: list[tuple[str, str]], width: int) -> None:
    rows = list(wrap(pieces, width))
    assert rows
    assert "".join(text for row in rows for text, _ in row) == "".join(text for text, _ in pieces)
    assert all(sum(cell_len(text) for text, _ in row) <= width for row in rows)
    styles = [style for row in rows for text, style in row for _ in text]
    assert styles == [style for text, style in pieces for _ in text]
    for row in rows[:-1]:
        assert sum(cell_len(text) for text, _ in row) >= width - 1


def test_a_row_of_one_cell_takes_any_character() -> None:
    rows = list(wrap([("a学", ""), ("\u0301b", "good")], 1))
    assert rows == [(("a", ""),), (("学", ""), ("\u0301", "good")), (("b", "good"),)]


@pytest.mark.parametrize("text", ["ab", "学é", "e\u0301"])
def test_no_character_of_a_long_line_is_measured_twice(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0

    def size(char: str) -> int:
        nonlocal measured
        measured += 1
        return get_character_cell_size(char)

    monkeypatch.setattr(log_window, "get_character_cell_size", size)
    rows = list(wrap([(text * 5_000, "")], 100))
    assert "".join(piece for row in rows for piece, _ in row) == text * 5_000
    assert measured <= 10_000 + len(rows)
    measured = 0
    assert next(wrap([(text * 5_000, "")], 100)) == rows[0]
    assert measured <= 201
