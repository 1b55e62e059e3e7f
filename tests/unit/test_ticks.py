"""Ticks stand at round values and say which."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.drawing.ticks import (
    DAY,
    HOUR,
    MINUTE,
    Scale,
    column_ticks,
    duration_label,
    duration_ticks,
    log_duration_ticks,
    log_ticks,
    number_label,
    number_ticks,
    row_ticks,
    time_label,
    time_ticks,
)

MAKERS = {
    "number": number_ticks,
    "log": log_ticks,
    "duration": duration_ticks,
    "log duration": log_duration_ticks,
    "time": lambda low, high, most: time_ticks(low, high, most, UTC),
}


def labels(ticks):
    return " ".join(tick.label for tick in ticks)


def seconds(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=300, deadline=None)
@given(low=st.floats(-1e300, 1e300), span=st.floats(1e-9, 1e300), most=st.integers(1, 30))
def test_ticks_grow_within_the_limits_and_no_two_say_the_same(kind, low, span, most):
    if kind.startswith("log"):
        low = max(abs(low), 1e-300)
    high = low + max(span, abs(low) * 1e-9)
    ticks = MAKERS[kind](low, high, most)
    places = [tick.position for tick in ticks]
    assert len(ticks) <= most
    assert places == sorted(set(places))
    assert len({tick.label for tick in ticks}) == len(ticks) or kind == "time"  # 06:00 comes again every day
    slack = (high - low) * 1e-6
    assert all(low - slack <= place <= high + slack for place in places)


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(1, 12))
def test_a_label_is_its_number(low, span, most):
    for position, label in number_ticks(low, low + max(span, abs(low) * 1e-9), most):
        number = label.replace("k", "e3").replace("M", "e6").replace("G", "e9").replace("T", "e12")
        assert float(number) == pytest.approx(position, rel=1e-12)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.23, 1.91, 4, "0.5 1.0 1.5"),
        (0, 1, 3, "0 0.5 1.0"),
        (0, 500, 6, "0 100 200 300 400 500"),
        (0, 12_000, 5, "0 5k 10k"),
        (400, 1600, 4, "500 1000 1500"),
        (0, 1e6, 6, "0 0.2M 0.4M 0.6M 0.8M 1.0M"),
        (1_000_001, 1_000_004, 4, "1000001 1000002 1000003 1000004"),
        (0.0005, 0.0031, 4, "0.001 0.002 0.003"),
        (1e-5, 9e-5, 4, "2e-5 4e-5 6e-5 8e-5"),
        (-3, 3, 4, "-2 0 2"),
        (0.941, 0.9415, 3, "0.9410 0.9412 0.9414"),
        (1e300, 2e300, 4, "1.0e300 1.5e300 2.0e300"),
        (1e-300, 3e-300, 4, "1e-300 2e-300 3e-300"),
        (-1.7e308, 1.7e308, 4, "-1e308 0 1e308"),
        (0.11, 0.145, 1, ""),
    ],
)
def test_numbers(low, high, most, expected):
    assert labels(number_ticks(low, high, most)) == expected


def test_whole_numbers():
    assert labels(number_ticks(0, 3, 9, whole=True)) == "0 1 2 3"


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (1e-3, 10, 6, "0.001 0.01 0.1 1 10"),
        (1e-3, 10, 3, "0.01 1"),
        (1, 1e6, 7, "1 10 100 1k 10k 100k 1M"),
        (3, 30, 4, "5 10 20"),
        (3, 30, 2, "10"),
        (1e-300, 1e300, 5, "1e-200 1 1e200"),
        (1.1, 1.9, 9, "1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9"),
    ],
)
def test_logarithms(low, high, most, expected):
    assert labels(log_ticks(low, high, most)) == expected


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 90, 5, "0 30s 1m 1m30s"),
        (0, HOUR, 5, "0 15m 30m 45m 1h"),
        (0, 8.5 * HOUR, 6, "0 2h 4h 6h 8h"),
        (0, 3 * DAY, 6, "0 1d 2d 3d"),
        (0, 0.5, 4, "0 0.2s 0.4s"),
        (-100, 100, 4, "-1m 0 1m"),
        (0, 300 * DAY, 5, "0 100d 200d 300d"),
    ],
)
def test_durations(low, high, most, expected):
    assert labels(duration_ticks(low, high, most)) == expected


def test_logarithmic_durations():
    assert labels(log_duration_ticks(1, 20 * DAY, 9)) == "1s 10s 1m 10m 1h 10h 1d 10d"
    assert labels(log_duration_ticks(0.001, 1, 4)) == "0.001s 0.01s 0.1s 1s"


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        ("2026-11-20 14:30:03", 20, "14:30:05 14:30:10 14:30:15 14:30:20"),
        ("2026-11-20 14:31", 10 * MINUTE, "14:32 14:34 14:36 14:38 14:40"),
        ("2026-11-20 14:31", DAY, "18:00 Nov 21 06:00 12:00"),
        ("2026-11-20 14:31", 4 * DAY, "Nov 21 Nov 22 Nov 23 Nov 24"),
        ("2026-11-20 14:31", 100 * DAY, "2026-12 2027-01 2027-02"),
        ("2026-11-20 14:31", 1000 * DAY, "2027 2028 2029"),
    ],
)
def test_times(start, length, expected):
    low = seconds(start)
    assert labels(time_ticks(low, low + length, 5, UTC)) == expected


def test_times_are_those_of_the_zone():
    zone = ZoneInfo("Asia/Kolkata")  # half an hour off
    low = seconds("2026-11-20 22:10", zone)
    ticks = time_ticks(low, low + 4 * HOUR, 5, zone)
    assert labels(ticks) == "23:00 Nov 21 01:00 02:00"
    assert ticks[1].position == seconds("2026-11-21", zone)


def test_midnights_stay_midnights_when_the_clock_changes():
    zone = ZoneInfo("Europe/Berlin")
    low = seconds("2026-10-22", zone)
    ticks = time_ticks(low, low + 6 * DAY, 8, zone)
    assert [tick.position for tick in ticks if tick.label == "Oct 27"] == [seconds("2026-10-27", zone)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (45, "45s"), (90, "1m30s"), (7200, "2h"), (30 * HOUR, "1d6h"), (-60, "-1m"), (0.2, "0")],
)
def test_duration_label(value, expected):
    assert duration_label(value) == expected


def test_single_labels():
    assert [number_label(value) for value in (0.2128, 1e-5, 12.5, 3, 1.5e9)] == ["0.2128", "1e-5", "12.5", "3", "1.5e9"]
    assert time_label(seconds("2026-11-20 14:30:05"), UTC) == "Nov 20 14:30:05"
    assert time_label(1e300) == "1e300"


@given(st.floats(0, 1e6), st.floats(1e-3, 1e6), st.integers(4, 60), st.booleans())
def test_positions_and_values_are_each_others_way_back(low, span, dots, log):
    scale = Scale(low + log, low + log + span, dots, log)
    for place in (0, 1, dots - 1):
        assert scale.position(scale.value(place)) == pytest.approx(place, abs=1e-4)


def test_rows_count_from_the_top():
    assert row_ticks(Scale(0, 1, 48), 12) == ((11, "0"), (6, "0.5"), (0, "1.0"))
    assert row_ticks(Scale(0.2, 0.9, 8), 2)


def test_columns_keep_clear_of_what_is_beside_them():
    assert column_ticks(Scale(0, 100, 60), 30, 0, 0) == ((0, "0"), (14, "50"), (27, "100"))
    assert column_ticks(Scale(0, 100, 60), 30, 0, 6) == ((0, "0"), (14, "50"))
    assert column_ticks(Scale(-1, 1, 60), 30, 2, 0)[0] == (-1, "-1")
