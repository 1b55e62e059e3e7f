from __future__ import annotations

import math
import sys
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui_runs.display import (
    MISSING,
    STATUS_GLYPHS,
    address,
    age,
    ago,
    clip,
    duration,
    file_size,
    iso,
    moment,
    number,
    printable,
)
from tui_runs.schema import STATUSES

DIRECTIONS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI", "BN", "B", "S"}
finite = st.floats(allow_nan=False, allow_infinity=False)


class TestNumber:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, MISSING),
            (0.0, "0"),
            (-0.0, "0"),
            (5, "5"),
            (0.21284, "0.2128"),
            (0.25, "0.25"),
            (12.4, "12.4"),
            (-1.5, "-1.5"),
            (9.99996, "10"),
            (3.2e-05, "3.2e-05"),
            (0.00012345, "0.0001234"),
            (100000, "100000"),
            (100000.0, "100000"),
            (12345.678, "12346"),
            (99999.96, "100000"),
            (999999.0, "999999"),
            (999999.7, "1e+06"),
            (1.2e06, "1.2e+06"),
            (11689512.0, "1.169e+07"),
            (-1.2345678901234567e19, "-1.235e+19"),
            (5e-324, "4.941e-324"),
            (1.7976931348623157e308, "1.798e+308"),
            (math.nan, "NaN"),
            (math.inf, "∞"),
            (-math.inf, "-∞"),
        ],
    )
    def test_looks(self, value, text):
        assert number(value) == text

    @pytest.mark.parametrize(
        ("digits", "text"), [(1, "0.7"), (2, "0.67"), (6, "0.666667"), (17, "0.66666666666666663")]
    )
    def test_digits(self, digits, text):
        assert number(2 / 3, digits) == text

    @given(finite, st.integers(1, 17))
    def test_says_what_it_is_to_so_many_digits(self, value, digits):
        assume(abs(value) < 9e307)
        shown = float(number(value, digits))
        unit = 10.0 ** (1 - digits)
        assert math.isclose(shown, value, rel_tol=0.5001 * unit, abs_tol=5e-324)

    @given(finite, st.floats(-1, 1), st.integers(1, 15))
    @example(99999.4, 0.5, 5)
    @example(999999.4, 1e-6, 6)
    def test_neighbours_look_different(self, value, step, digits):
        other = value + value * step
        assume(math.isfinite(other) and min(abs(value), abs(other)) > 1e-300)
        unit = 10.0 ** (math.floor(math.log10(max(abs(value), abs(other)))) + 1 - digits)
        assume(abs(value - other) > unit * 1.001)
        assert number(value, digits) != number(other, digits)

    @given(finite)
    def test_is_short(self, value):
        assert len(number(value)) <= len("-1.235e-300")

    @given(st.integers(-999_999, 999_999))
    def test_whole_numbers_are_plain(self, value):
        assert number(float(value)) == str(value)


class TestPrintable:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("brave-fox-12", "brave-fox-12"),
            ("", ""),
            ("two\nlines\tand a tab", "two␊lines␉and a tab"),
            ("\x1b[31mred", "␛[31mred"),
            ("\x7f", "␡"),
            ("\x9b31m", "⟨009b⟩31m"),
            ("\u202etxt.exe", "⟨202e⟩txt.exe"),
            ("\ufeff", "⟨feff⟩"),
            ("\udc80", "⟨dc80⟩"),
            ("学習 λ é 👩", "学習 λ é 👩"),
            ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ],
    )
    def test_looks(self, text, shown):
        assert printable(text) == shown

    def test_every_character_that_is_not_one(self):
        hostile = [
            char
            for char in map(chr, range(sys.maxunicode + 1))
            if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in DIRECTIONS
        ]
        assert len(hostile) > 2000
        for char in hostile:
            shown = printable(char)
            assert shown != char
            assert shown.isprintable()

    @given(st.text() | st.text(alphabet=st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Lu"])))
    def test_is_one_safe_line_and_stays_it(self, text):
        shown = printable(text)
        assert len(shown.splitlines()) <= 1
        assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
        assert not any(unicodedata.bidirectional(char) in DIRECTIONS for char in shown)
        assert printable(shown) == shown
        shown.encode()


class TestDuration:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (None, MISSING),
            (0, "0ms"),
            (0.023, "23ms"),
            (0.4, "0.4s"),
            (9.96, "9s"),
            (12.9, "12s"),
            (59.99, "59s"),
            (65, "1m 05s"),
            (41 * 60, "41m"),
            (3840, "1h 04m"),
            (86399, "23h 59m"),
            (3 * 86400 + 7200, "3d 02h"),
            (555 * 86400, "555d"),
            (-65, "-1m 05s"),
        ],
    )
    def test_looks(self, seconds, text):
        assert duration(seconds) == text

    @given(st.floats(0, 1e10))
    def test_is_short(self, seconds):
        assert len(duration(seconds)) <= 7


class TestAge:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.5, "now"),
            (-59, "now"),
            (12, "12s"),
            (99.9, "99s"),
            (100, "1m"),
            (41 * 60, "41m"),
            (3 * 3600, "3h"),
            (47.9 * 3600, "47h"),
            (48 * 3600, "2d"),
            (730.9 * 86400, "730d"),
            (731 * 86400, "2y"),
            (-3 * 3600, "-3h"),
        ],
    )
    def test_looks(self, seconds, text):
        assert age(self.now - timedelta(seconds=seconds), self.now) == text

    def test_missing(self):
        assert age(None, self.now) == ago(None) == MISSING

    @given(st.floats(0, 3e10))
    def test_is_short(self, seconds):
        assert len(ago(seconds)) <= 4


class TestTimes:
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_iso_reads_back_as_it_was(self, then):
        assert datetime.fromisoformat(iso(then)) == then

    def test_iso_in_utc(self):
        then = datetime.fromisoformat("2026-11-20T23:51:55.123+01:00")
        assert iso(then) == "2026-11-20T22:51:55.123Z"
        assert iso(then + timedelta(microseconds=4)) == "2026-11-20T22:51:55.123004Z"
        assert iso(None) is None

    @pytest.mark.parametrize("then", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
    def test_moment_of_the_first_and_the_last_day(self, then):
        assert len(moment(then)) == 19

    @given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
    def test_moment_is_local(self, then):
        assert moment(then) == f"{then.astimezone():%Y-%m-%d %H:%M:%S}"


class TestClip:
    @pytest.mark.parametrize(
        ("text", "width", "shown"),
        [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abc", 0, ""),
            ("", 0, ""),
            ("abc", 1, "…"),
            ("学習学習", 8, "学習学習"),
            ("学習学習", 5, "学習…"),
            ("学習学習", 4, "学…"),
        ],
    )
    def test_looks(self, text, width, shown):
        assert clip(text, width) == shown

    @given(st.text(alphabet="aé学👩 ́"), st.integers(1, 20))
    def test_fits_and_says_so(self, text, width):
        shown = clip(text, width)
        assert cell_len(shown) <= width
        assert shown == text if cell_len(text) <= width else shown.endswith("…")


def test_every_status_has_a_glyph_of_one_cell():
    assert set(STATUS_GLYPHS) == set(STATUSES)
    assert all(cell_len(glyph) == 1 for glyph in STATUS_GLYPHS.values())


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("./mlruns", "./mlruns"),
        ("postgresql://ada:pw@host:5432/db", "postgresql://ada@host:5432/db"),
        ("postgresql://ada:p@s/s@host/db", "postgresql://ada@host/db"),
        ("mysql+pymysql://host/db?user=a&password=pw&ssl=1", "mysql+pymysql://host/db?user=a&password=…&ssl=1"),
        ("https://host:5000/a@b?token=t0k&x=1", "https://host:5000/a@b?token=…&x=1"),
        ("https://ada@host", "https://ada@host"),
        ("odd:pw@x", "odd:pw@x"),
    ],
)
def test_addresses_are_shown_without_passwords(location: str, shown: str) -> None:
    assert address(location) == shown


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "—"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_460, "99.5 kB"), (99_950, "100 kB"),
        (999_600, "1.0 MB"), (3_400_000, "3.4 MB"), (10**20, "100000 PB"),
    ],
)  # fmt: skip
def test_file_sizes(count: int | None, text: str) -> None:
    assert file_size(count) == text
