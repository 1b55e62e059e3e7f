"""Lines of a log: as a terminal shows them by pyte, and never with anything in them that moves a cursor."""

from __future__ import annotations

from itertools import pairwise

import pyte
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui_runs.analysis.log_text import LONGEST_LINE, LogLine, LogText, find_line, pattern_of
from tui_runs.display import HOSTILE


def lines_of(data: bytes) -> list[LogLine]:
    """All lines, the unfinished one too."""
    text = LogText()
    lines = text.feed(data)
    return [*lines, text.unfinished] if text.unfinished else lines


def texts_of(data: bytes) -> list[str]:
    return [line.text for line in lines_of(data)]


WORDS = st.text(st.sampled_from("ab cé█"), min_size=1, max_size=6)
SGR = st.sampled_from(["", "0", "1", "31", "32", "33", "91", "39", "1;31", "41", "38;5;196", "48;5;196;31"])
SIMPLE = st.lists(
    st.one_of(
        WORDS,
        SGR.map("\x1b[{}m".format),
        st.sampled_from(
            ["\r", "\n", "\r\n", "\b", "\t", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b]0;title\x07", "\x1b[?25l"]
        ),
    ),
    max_size=40,
).map("".join)
COLOURS = {"red": "bad", "brightred": "bad", "green": "good", "brown": "warn", "ff0000": "#ff0000", "default": ""}


@given(SIMPLE)
@example("10%|█   |\r100%|████|\n")
@example("a long text\r\x1b[Kshort\n")
@example("\x1b[31mred\rb\n")
def test_lines_are_what_a_terminal_shows(text: str) -> None:
    screen = pyte.Screen(400, 60)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    shown = [line.rstrip() for line in screen.display]
    lines = lines_of(text.encode())
    assert [line.text.rstrip() for line in lines] == shown[: len(lines)]
    assert not any(shown[len(lines) :])
    for y, line in enumerate(lines):
        styles = [style for piece, style in line.pieces for _ in piece]
        for x, style in enumerate(styles):
            cell = screen.buffer[y][x]
            if cell.data.strip():
                assert style == (COLOURS[cell.fg] or ("" if style == "muted" else "strong" if cell.bold else ""))


HOSTILE_TEXT = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            b"\x1b]0;x", b"\x1b]52;c;", b"\x07", b"\x1b\\", b"\x1bP", b"\x1b[", b"\x1b[31", b"m",
            b"\x9b31m", b"\xc2\x9b31m",
            b"\x1b[?1049h", b"\x1bc", b"\x1b(0", b"\r", b"\n", b"\b\b", b"\t", b"\xe2\x80\xae", b"\xe2", b"\x80\xae",
            b"\x1b[38;2;1;2;3m", b"\x1b[38;2", b"\x1b[38;5;999m", b"\x1b[99999999999999999999m", b"\x1b[38:2::9:8:7m",
        ]
    ),
)  # fmt: skip
LOGS = st.lists(HOSTILE_TEXT, max_size=20).map(b"".join)


@given(LOGS)
def test_nothing_hostile_comes_out(data: bytes) -> None:
    for line in lines_of(data):
        assert not HOSTILE.search(line.text)
        for text, style in line.pieces:
            assert text
            assert style in ("", "good", "bad", "warn", "accent", "muted", "strong") or (
                style[0] == "#" and len(style) == 7 and int(style[1:], 16) >= 0
            )


@given(LOGS, st.lists(st.integers(0, 400), max_size=8))
def test_it_does_not_matter_where_a_log_is_cut(data: bytes, cuts: list[int]) -> None:
    text, lines = LogText(), []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in pairwise(places):
        lines += text.feed(data[begin:end])
    # What may be the beginning of something more is not shown yet.
    whole = LogText()
    assert lines == whole.feed(data)
    assert text.unfinished == whole.unfinished


@given(LOGS)
def test_every_line_knows_where_it_begins(data: bytes) -> None:
    starts = [line.start for line in lines_of(data)]
    places = [0, *(place + 1 for place, byte in enumerate(data) if byte == 10)]
    assert starts == [place for place in places if place < len(data)]
    assert [line.start for line in LogText(1000).feed(data)] == [
        1000 + start for start in starts if b"\n" in data[start:]
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x1b[31merror\x1b[0m: no", (("error", "bad"), (": no", ""))),
        (b"\x1b[1mbold \x1b[32mgreen\x1b[m", (("bold ", "strong"), ("green", "good"))),
        (b"\x1b[2mdim\x1b[22m not", (("dim", "muted"), (" not", ""))),  # which pyte does not know
        (b"\x1b[38;2;100;150;200mx", (("x", "#6496c8"),)),
        (b"\x1b[38:2::100:150:200mx", (("x", "#6496c8"),)),
        (b"\x1b[38;5;208mx", (("x", "#ff8700"),)),
        (b"\x1b[38;5;244mx", (("x", "#808080"),)),
        (b"\x1b[38;5;9mx", (("x", "bad"),)),
        (b"\x1b[38;2;0;0;0mx", (("x", "muted"),)),  # would vanish on a dark ground
        (b"\x1b[38;2;255;255;255mx", (("x", ""),)),  # and on a light one
        (b"\x1b[8mhidden", (("hidden", ""),)),
        (b"\x1b[48;5;31mx\x1b[48;2;31;31;31my", (("xy", ""),)),
        (b"bell\x07 \xff \xe2\x80\xae", (("bell␇ \ufffd ⟨202e⟩", ""),)),
        (b"\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x1b[2Jand\x1bc", (("link and", ""),)),
        ("学学\ra".encode(), (("a 学", ""),)),  # the half that is left of a wide character is blank
        ("学学\b\b\bab".encode(), ((" ab", ""),)),
        (b"\x1b[\x01", (("␛[␁", ""),)),
    ],
)
def test_pieces(data: bytes, expected: tuple[tuple[str, str], ...]) -> None:
    assert [line.pieces for line in lines_of(data)] == [expected]


def test_a_colour_goes_on_over_the_end_of_a_line() -> None:
    assert [line.pieces for line in lines_of(b"\x1b[31ma\nb\x1b[0m\nc\n")] == [
        (("a", "bad"),), (("b", "bad"),), (("c", ""),),
    ]  # fmt: skip


def test_a_title_that_never_ends_hides_its_own_line_only() -> None:
    assert texts_of(b"before\x1b]0;hidden\nafter\n") == ["before", "after"]


def test_a_progress_bar_that_never_ends_its_line_takes_no_memory() -> None:
    text = LogText()
    for step in range(3000):
        assert text.feed(b"\r%5d|####" % step + b" " * 90) == []
    assert text.unfinished == LogLine(0, ((" 2999|####", ""),))
    assert len(text._rest) == 0


def test_a_line_without_an_end_is_cut() -> None:
    (line,) = lines_of(b"x" * 3 * LONGEST_LINE)
    assert line.pieces == (("x" * LONGEST_LINE, ""), ("…", "muted"))
    (line,) = lines_of(("学" * LONGEST_LINE).encode())
    assert line.text == "学" * (LONGEST_LINE // 2) + "…"


@given(st.lists(st.sampled_from([b"abc", b"\x1b[31m", b"aB", b"\n", b"-", b"\x1b]0;b\x07"]), max_size=30).map(b"".join))
def test_finding_lines(data: bytes) -> None:
    starts = [line.start for line in lines_of(data) if pattern_of("ab").search(line.text)]
    assert find_line(data, "ab", last=False) == (starts[0] if starts else None)
    assert find_line(data, "ab", last=True) == (starts[-1] if starts else None)
    exact = [line.start for line in lines_of(data) if "aB" in line.text]
    assert find_line(data, "aB", last=True) == (exact[-1] if exact else None)
