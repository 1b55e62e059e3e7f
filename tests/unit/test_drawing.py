"""Charts and sparklines: right size whatever comes, and dots where the data is."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color, ColorSystem

from tui_runs.analysis.chart_choices import Spread
from tui_runs.drawing import (
    ASCII,
    BRAILLE,
    DASHES,
    FEW_COLOURS,
    HALVES,
    RUN_COLOURS,
    Axes,
    Curve,
    Ribbon,
    Series,
    blended,
    colour_slot,
    count_undrawn,
    draw_chart,
    run_looks,
    sparkline,
)
from tui_runs.drawing.colours import DARK_COLOURS, LIGHT_COLOURS
from tui_runs.tui.themes import DARK, LIGHT

BLUE, ORANGE = RUN_COLOURS[:2]
NAN, INF = math.nan, math.inf
DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Unicode's, [row][column]


def curve(x, y, colour=BLUE, dash=0):
    return Curve(Series(np.array(x, float), np.array(y, float)), colour, dash)


def drawn(*args, **others):
    return draw_chart(*args, **others).lines


def area_of(*args, **others):
    return draw_chart(*args, **others).area


def plain(lines):
    return ["".join(segment.text for segment in line) for line in lines]


def dots_of(lines, left):
    """The dots of a chart, (column, row) from the top left dot of its area."""
    found = set()
    for line_number, line in enumerate(plain(lines)):
        for cell, character in enumerate(line):
            bits = ord(character) - 0x2800
            if 0 < bits < 256:
                found |= {
                    ((cell - left) * 2 + column, line_number * 4 + row)
                    for row in range(4)
                    for column in range(2)
                    if bits & DOT_BITS[row][column]
                }
    return found


def colour_of(lines, line, cell):
    for segment in lines[line]:
        if cell < len(segment.text):
            return segment.style.color.name
        cell -= len(segment.text)
    return None


def spread(dots, distance):
    """The dots, and those around them."""
    steps = range(-distance, distance + 1)
    return {(column + right, row + down) for column, row in dots for right in steps for down in steps}


def expected(x, y, x_limits, y_limits, across, down):
    """Where a point lies in dots, not rounded."""
    column = (x - x_limits[0]) / (x_limits[1] - x_limits[0]) * (across - 1)
    row = (y_limits[1] - y) / (y_limits[1] - y_limits[0]) * (down - 1)
    return column, row


ANY_FLOATS = st.lists(st.tuples(st.floats(), st.floats()), max_size=60)
LIMITS = st.none() | st.tuples(st.floats(), st.floats())
AXES = st.builds(
    Axes,
    x_label=st.text(max_size=12),
    log_x=st.booleans(),
    log_y=st.booleans(),
    x_kind=st.sampled_from(["number", "duration", "time"]),
    x_limits=LIMITS,
    y_limits=LIMITS,
    symlog_y=st.booleans(),
    ignore_outliers=st.booleans(),
)
GLYPHS = st.sampled_from([BRAILLE, HALVES, ASCII])


class TestSize:
    @settings(max_examples=400, deadline=None)
    @given(
        st.lists(ANY_FLOATS, max_size=4),
        st.integers(-2, 90),
        st.integers(-2, 20),
        AXES,
        GLYPHS,
        st.none() | st.floats(),
    )
    def test_exact_whatever_comes(self, series, width, height, axes, glyphs, cursor):
        curves = [
            curve([x for x, _ in points], [y for _, y in points], RUN_COLOURS[place], place)
            for place, points in enumerate(series)
        ]
        with np.errstate(all="raise", under="ignore"):
            lines = drawn(curves, width, height, axes, background="#000000", glyphs=glyphs, cursor=cursor)
        assert len(lines) == max(height, 0)
        assert all(cell_len(line) == max(width, 0) for line in plain(lines))
        assert all(segment.text for line in lines for segment in line)

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from([1e-300, 1e-3, 1, 7.5, 1e6, 1e300]), st.sampled_from([-1, 0, 1, 2])), min_size=2
        ),
        st.booleans(),
    )
    def test_any_magnitude_reaches_all_four_edges(self, numbers, log):
        values = [scale * factor for scale, factor in numbers]
        values = [value for value in values if value > 0 or not log]
        if not log and values and max(values) - min(values) < 1e-12 * max(map(abs, values)):
            return
        if len(set(values)) < 2:
            return
        axes = Axes(log_x=log, log_y=log)
        lines, area = (
            drawn([curve(values, values)], 60, 12, axes),
            area_of([curve(values, values)], 60, 12, axes),
        )
        columns, rows = zip(*dots_of(lines, area.left), strict=True)
        assert (min(columns), max(columns)) == (0, area.columns * 2 - 1)
        assert (min(rows), max(rows)) == (0, area.rows * 4 - 1)

    @pytest.mark.parametrize("width", [10, 11, 14, 20])
    @pytest.mark.parametrize("height", [3, 4, 6])
    def test_tiny_ones_still_show_the_curve(self, width, height):
        lines = drawn([curve(range(50), np.sin(np.arange(50) / 9))], width, height, Axes("step"))
        assert len(dots_of(lines, 0)) >= width

    def test_too_small_is_blank(self):
        assert plain(drawn([curve([1, 2], [1, 2])], 9, 3, Axes())) == [" " * 9] * 3
        assert plain(drawn([curve([1, 2], [1, 2])], 30, 2, Axes())) == [" " * 30] * 2


class TestDots:
    @settings(max_examples=80, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 1000), st.integers(-50, 50)), min_size=2, max_size=30))
    def test_lone_points_lie_where_their_values_say(self, points):
        axes = Axes(x_limits=(0, 1000), y_limits=(-50, 50))
        x = [value for x, _ in points for value in (x, x)]
        y = [value for _, y in points for value in (y, NAN)]
        lines, area = drawn([curve(x, y)], 70, 13, axes), area_of([], 70, 13, axes)
        dots = dots_of(lines, area.left)
        places = {expected(*point, (0, 1000), (-50, 50), area.columns * 2, area.rows * 4) for point in points}
        assert dots <= {(column, row) for place in places for column, row in _around(place)}
        assert all(dots & _around(place) for place in places)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.floats(-20, 120), st.floats(-80, 80)), min_size=2, max_size=12),
        st.integers(20, 90),
        st.integers(4, 20),
    )
    def test_a_line_covers_the_way_between_its_points_and_nothing_else(self, points, width, height):
        axes = Axes(x_limits=(0, 100), y_limits=(-50, 50))
        x, y = zip(*points, strict=True)
        lines, area = drawn([curve(x, y)], width, height, axes), area_of([], width, height, axes)
        across, down = area.columns * 2, area.rows * 4
        at = np.linspace(0, len(x) - 1, 6000)
        way_x, way_y = np.interp(at, range(len(x)), x), np.interp(at, range(len(x)), y)
        columns, rows = expected(way_x, way_y, (0, 100), (-50, 50), across, down)

        def within(slack):
            inside = (columns > -slack) & (columns < across - 1 + slack) & (rows > -slack) & (rows < down - 1 + slack)
            return set(zip(np.floor(columns[inside] + 0.5), np.floor(rows[inside] + 0.5), strict=True))

        dots = dots_of(lines, area.left)
        assert within(-1e-6) <= spread(dots, 1)
        assert dots <= spread(within(0.1), 2)  # the way is only sampled

    def test_a_curve_is_one_dot_thick(self):
        lines = drawn([curve(range(200), np.arange(200) / 7)], 60, 12, Axes())
        area = area_of([curve(range(200), np.arange(200) / 7)], 60, 12, Axes())
        assert len(dots_of(lines, area.left)) == area.columns * 2

    def test_a_gap_breaks_the_line(self):
        y = np.zeros(100)
        y[40:60] = NAN
        for missing in (NAN, INF, -INF):
            y[40:60] = missing
            columns = {column for column, _ in dots_of(drawn([curve(range(100), y)], 52, 6, Axes()), 2)}
            assert not columns & set(range(42, 58))
            assert columns >= set(range(0, 39)) | set(range(62, 100))

    def test_a_point_between_gaps_is_seen(self):
        y = np.full(5000, NAN)
        y[[0, 2500, 4999]] = 1, 2, 1
        assert len(dots_of(drawn([curve(range(5000), y)], 52, 6, Axes()), 4)) == 3

    def test_curves_that_share_a_cell_show_all_dots_in_the_colour_of_the_last(self):
        axes = Axes(x_limits=(0, 1), y_limits=(0, 1))
        rising, falling = curve([0, 1], [0, 1], BLUE), curve([0, 1], [1, 0], ORANGE)
        both, area = drawn([rising, falling], 41, 12, axes), area_of([], 41, 12, axes)
        alone = [dots_of(drawn([one], 41, 12, axes), area.left) for one in (rising, falling)]
        assert dots_of(both, area.left) == alone[0] | alone[1]
        shared = {(c // 2, r // 4) for c, r in alone[0]} & {(c // 2, r // 4) for c, r in alone[1]}
        assert shared
        assert {colour_of(both, row, area.left + column) for column, row in shared} == {ORANGE}
        assert colour_of(both, 0, 40) == BLUE

    def test_x_may_run_back_and_repeat(self):
        circle = np.linspace(0, 2 * math.pi, 400)
        dots = dots_of(drawn([curve(np.cos(circle), np.sin(circle))], 40, 20, Axes()), 5)
        by_column = {column: [row for c, row in dots if c == column] for column, _ in dots}
        assert all(max(by_column[column]) - min(by_column[column]) > 20 for column in range(10, 60))

    def test_dashes_leave_dots_out_and_stand_still(self):
        x = np.arange(300)
        y = np.sin(x / 30)
        axes = Axes(x_limits=(0, 300), y_limits=(-1, 1))
        dots = [dots_of(drawn([curve(x, y, dash=dash)], 70, 14, axes), 5) for dash in range(len(DASHES))]
        for dashed in dots[1:]:
            assert dashed < dots[0]
            assert 0.2 < len(dashed) / len(dots[0]) < 0.8
        assert dots_of(drawn([curve(x[:200], y[:200], dash=1)], 70, 14, axes), 5) < dots[1]
        assert len({frozenset(some) for some in dots}) == len(DASHES)

    def test_raw_and_reduced_million_points_look_alike(self):
        x = np.arange(1_000_000.0)
        y = np.sin(x / 90_000)
        y[400_000] = 5
        dots = dots_of(drawn([curve(x, y)], 70, 14, Axes()), 2)
        assert min(row for _, row in dots) == 0
        assert {column for column, _ in dots} == set(range(136))


class TestHonesty:
    def test_gaps_leave_marks_where_they_are(self):
        y = np.sin(np.arange(200) / 20)
        y[20], y[100], y[150] = NAN, INF, -INF
        lines, area = (
            plain(drawn([curve(range(200), y)], 60, 10, Axes())),
            area_of([curve(range(200), y)], 60, 10, Axes()),
        )
        assert [lines[row].find(mark) for row, mark in ((8, "×"), (0, "▲"), (8, "▼"))] == [
            area.column_of(x) for x in (20, 100, 150)
        ]
        assert sum(line.count(mark) for line in lines for mark in "×▲▼") == 3

    def test_one_point_is_large_two_are_not(self):
        text = "".join(plain(drawn([curve([1, 2], [3, 4])], 40, 8, Axes())))
        assert "●" not in text
        text = "".join(plain(drawn([curve([1, 2], [3, NAN]), curve([0, 9], [0, 9], ORANGE)], 40, 8, Axes())))
        assert text.count("●") == 1

    def test_outliers_are_beyond_the_axis_and_counted(self):
        y = np.sin(np.arange(1000) / 20)
        y[[3, 500]] = 1e6, -1e6
        whole = draw_chart([curve(range(1000), y)], 60, 12, Axes())
        inner = draw_chart([curve(range(1000), y)], 60, 12, Axes(ignore_outliers=True))
        assert (whole.outliers, inner.outliers) == (0, 2)
        assert (whole.area.y.high, whole.area.y.low) == (1e6, -1e6)
        assert 1 <= inner.area.y.high <= 3
        assert draw_chart([curve([0, 1, 2], [0, 1, 2])], 60, 12, Axes(ignore_outliers=True)).outliers == 0
        zoomed = draw_chart([curve(range(1000), y)], 60, 12, Axes(ignore_outliers=True, x_limits=(400, 600)))
        assert zoomed.outliers == 1

    @pytest.mark.parametrize("log_y", [False, True])
    def test_a_zoom_between_two_points_shows_the_line_there(self, log_y):
        limits, axes = (1200, 1800), Axes(x_limits=(1200, 1800), log_y=log_y)
        whole = curve([0, 1000, 2000], [7, 1, 3])
        area = area_of([whole], 60, 12, axes)
        assert (area.y.low, area.y.high, area.x.low, area.x.high) == (1, 3, *limits)
        columns = {column for column, _ in dots_of(drawn([whole], 60, 12, axes), area.left)}
        assert columns == set(range(area.columns * 2))
        back = curve([2000, 1000, 0], [3, 1, 7])
        assert area_of([back], 60, 12, axes).y == area.y
        apart = [curve([0, 1000], [7, 1]), curve([2000, 2500], [3, 4])]
        assert area_of(apart, 60, 12, axes).y is None
        assert area_of([curve([0, 1000, 1500, 2000], [7, 1, NAN, 3])], 60, 12, axes).y is None

    def test_bands_leave_outliers_out_and_count_them_too(self):
        y = np.sin(np.arange(1000.0))
        y[500] = 1e6
        members = [Series(np.arange(1000.0), values) for values in (y, np.cos(np.arange(1000.0)))]
        band = Ribbon(members, Spread.RANGE, BLUE, ORANGE)
        drawing = draw_chart([], 60, 12, Axes(ignore_outliers=True), ribbons=[band])
        assert drawing.area.y.high < 4
        assert drawing.outliers == 1

    @pytest.mark.parametrize(
        ("x", "y", "undrawn"),
        [([0, 1], [-1, 1], (0, 0, 1)), ([0, 1], [NAN, 1], (1, 0, 0)), ([0, -1, 2], [1, 1, -1], (0, 0, 3))],
    )
    def test_a_point_is_counted_once(self, x, y, undrawn):
        assert count_undrawn([curve(x, y)], Axes(log_x=True, log_y=True)) == undrawn

    def test_what_has_no_logarithm_is_no_outlier_as_well(self):
        y = np.concatenate((np.linspace(1, 2, 1000), [-1, 0, 1e9]))
        assert draw_chart([curve(range(1003), y)], 60, 12, Axes(log_y=True, ignore_outliers=True)).outliers == 1

    def test_what_is_behind_gives_way(self):
        x = np.arange(400)
        raw = Curve(Series(x.astype(float), np.sin(x / 30) + np.cos(x * 7) / 9), "#445566", behind=True)
        smooth = curve(x, np.sin(x / 30))
        axes = Axes(x_limits=(0, 400), y_limits=(-1.2, 1.2))
        both, alone = drawn([smooth, raw], 60, 12, axes), drawn([smooth], 60, 12, axes)
        area = area_of([smooth], 60, 12, axes)
        assert dots_of(alone, area.left) < dots_of(both, area.left)
        for column, row in dots_of(alone, area.left):
            assert colour_of(both, row // 4, area.left + column // 2) == BLUE
        in_blue = {(c, r) for c, r in dots_of(both, area.left) if colour_of(both, r // 4, area.left + c // 2) == BLUE}
        assert in_blue == dots_of(alone, area.left)

    def test_a_cursor_stands_at_its_x_and_marks_the_nearest_points(self):
        one = curve([0, 10, 20, 30, 40], [0, 1, 0, 1, 0])
        drawing = draw_chart([one], 60, 12, Axes(), cursor=22)
        lines = plain(drawing.lines)
        column = drawing.area.column_of(22)
        assert sum(line[column] == "│" for line in lines) >= 8
        assert [line.find("●") for line in lines if "●" in line] == [drawing.area.column_of(20)]
        assert "│" not in "".join(plain(drawn([one], 60, 12, Axes(), cursor=99)))

    def test_a_ribbon_fills_between_the_lowest_and_the_highest(self):
        x = np.arange(100.0)
        members = [Series(x, np.full(100, level)) for level in (1.0, 2.0, 6.0)]
        drawing = draw_chart(
            [], 60, 13, Axes(y_limits=(0, 12)), ribbons=[Ribbon(members, Spread.RANGE, BLUE, "#112233")]
        )
        area = drawing.area
        rows = {row for _, row in dots_of(drawing.lines, area.left)}
        high, low = (round(area.rows * 4 - 1 - area.y.position(level)) for level in (6, 1))
        assert (min(rows), max(rows)) == (high, low)
        mean_row = round(area.rows * 4 - 1 - area.y.position(3)) // 4
        assert colour_of(drawing.lines, mean_row, area.left + 30) == BLUE
        assert colour_of(drawing.lines, high // 4, area.left + 30) == "#112233"

    def test_symlog_is_even_in_powers_of_ten_to_both_sides(self):
        y = np.array([-1000, -100, -10, 0, 10, 100, 1000.0])
        one = Curve(Series(np.repeat(np.arange(7.0), 2), np.column_stack([y, np.full(7, NAN)]).ravel()), BLUE)
        drawing = draw_chart([one], 62, 25, Axes(symlog_y=True))
        scale = drawing.area.y
        steps = np.diff([scale.position(value) for value in (10, 100, 1000)])
        assert steps[0] == pytest.approx(steps[1], rel=0.05)
        assert scale.position(-100) - 0 == pytest.approx(scale.dots - 1 - scale.position(100))
        for value in y:
            assert scale.value(scale.position(value)) == pytest.approx(value)
        labels = [label for _, label in drawing.area.y_ticks]
        assert {"-1000", "0", "1000"} <= set(labels) or {"-1k", "0", "1k"} <= set(labels)


class TestAxes:
    @pytest.mark.parametrize("curves", [[], [curve([], [])], [curve([1, 2], [NAN, NAN])], [curve([NAN], [1])]])
    def test_nothing_to_draw_is_blank(self, curves):
        assert plain(drawn(curves, 30, 5, Axes("step"))) == [" " * 30] * 5

    def test_the_limits_make_axes_without_any_curve(self):
        lines = plain(drawn([], 30, 6, Axes("step", x_limits=(0, 100), y_limits=(0, 1))))
        assert lines[0].startswith("1 ··")
        assert lines[-1].split() == ["0", "50", "step"]

    @pytest.mark.parametrize("log", [False, True])
    def test_one_value(self, log):
        lines = plain(drawn([curve([3], [0.25])], 30, 7, Axes(log_x=log, log_y=log)))
        assert [line[:5] for line in lines if line[:4].strip()] == ["0.25 "]
        assert lines[-1].split() == ["3"]
        assert "".join(lines).count("●") == 1

    def test_a_level_curve_lies_on_its_tick(self):
        lines = plain(drawn([curve(range(9), [0.5] * 9)], 30, 6, Axes()))
        (row,) = [row for row, line in enumerate(lines) if line.startswith("0.5 ")]
        assert set(lines[row][4:]) <= {chr(0x2800 + bits) for bits in range(1, 256)}

    def test_what_a_log_axis_cannot_show_is_left_out_and_counted(self):
        one = curve([0, 1, 10, 100, INF, 50, -5], [1, 1, 0, -3, 5, NAN, 2])
        assert count_undrawn([one], Axes()) == (1, 0, 0)
        assert count_undrawn([one], Axes(log_x=True)) == (1, 0, 2)
        assert count_undrawn([one], Axes(log_y=True)) == (1, 0, 2)
        infinite = curve([1, 2, 3], [INF, -INF, 1])
        assert count_undrawn([one, infinite], Axes(log_y=True)) == (1, 2, 2)
        lines = drawn([one], 40, 8, Axes(log_x=True, log_y=True))
        assert "●" in "".join(plain(lines))  # 1 at 1 is all that is left

    def test_a_log_axis_is_even_in_powers_of_ten(self):
        x = 10.0 ** np.arange(0, 5)
        dots = sorted(dots_of(drawn([curve(np.repeat(x, 2), [NAN, 1] * 5)], 42, 5, Axes(log_x=True)), 2))
        steps = np.diff([column for column, _ in dots])
        assert len(steps) == 4
        assert max(steps) - min(steps) <= 1

    @settings(max_examples=100, deadline=None)
    @given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(20, 120), st.integers(6, 30))
    def test_a_y_tick_stands_in_the_row_of_its_value(self, low, span, width, height):
        axes = Axes(x_limits=(0, 1), y_limits=(low, low + span))
        area = area_of([], width, height, axes)
        for row, label in area.y_ticks:
            value = _value(label)
            lines = drawn([curve([0, 1], [value, value])], width, height, axes)
            rows = {row // 4 for _, row in dots_of(lines, area.left)}
            assert not rows or min(abs(line - row) for line in rows) <= 1
            assert plain(lines)[row][: area.left].strip() == label

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.floats(-200, 200), st.booleans(), st.booleans())
    def test_an_infinite_end_is_as_far_as_the_points_go(self, y, end, below, log):
        limits = (end, INF) if below else (-INF, end)
        x = np.arange(len(y))
        scale = area_of([curve(x, y)], 60, 12, Axes(y_limits=limits, log_y=log)).y
        shown = [value for value in y if value > 0 or not log]
        if not shown:
            return
        if log and end <= 0:
            assert scale == area_of([curve(x, y)], 60, 12, Axes(log_y=True)).y
        elif scale.only is None:
            assert (scale.low, scale.high) == ((end, max(shown)) if below else (min(shown), end))
        else:
            assert scale.only == pytest.approx(end)

    def test_a_curve_that_ends_in_nan_has_its_marks_where_they_were_logged(self):
        x, y = np.arange(10.0), np.array([1.0] * 6 + [NAN] * 4)
        for raw in (curve(x, y), curve(np.arange(4000.0), np.repeat(y, 400))):
            drawing = draw_chart([raw], 42, 8, Axes())
            assert drawing.area.x.high == raw.points.x[-1]
            row = next(line for line in plain(drawing.lines) if "×" in line)
            assert row.rindex("×") == 41
            assert drawing.area.column_of(raw.points.x[-1]) == 41

    def test_labels_never_touch(self):
        for high in (7, 90, 1234, 56_789, 1e7, 3e-4):
            for width in range(12, 130, 7):
                line = plain(drawn([curve([0, high], [0, 1])], width, 8, Axes("epoch")))[-1]
                assert len(line.split()) >= 2
                assert (
                    line.split()
                    == line.replace("  ", "\0").replace(" ", "_").replace("\0", " ").replace("_", "").split()
                )

    def test_steps_are_whole(self):
        assert plain(drawn([curve([0, 1, 2], [0, 1, 2])], 70, 6, Axes()))[-1].split() == ["0", "1", "2"]

    def test_long_labels_give_way_to_the_curve(self):
        lines = plain(drawn([curve([0, 1], [1_000_001, 1_000_003])], 12, 6, Axes()))
        assert not any("1000" in line for line in lines)

    def test_axis_name_from_a_store_cannot_break_the_screen(self):
        lines = plain(drawn([curve([0, 9], [0, 1])], 60, 6, Axes("a\x1b[31m\n")))
        assert lines[-1].endswith("a␛[31m␊")

    def test_area_tells_x_from_column_and_back(self):
        curves = [curve([10, 30, 1000], [1, 2, 3])]
        for axes in (Axes(), Axes(log_x=True), Axes(x_limits=(20, 500))):
            area = area_of(curves, 50, 8, axes)
            for column in range(area.left, 50):
                assert area.column_of(area.x_at(column)) == column
            assert area.column_of(area.x.high * 1.01) is None
        assert area_of([], 50, 8, Axes()).x_at(9) is None
        assert area_of([], 5, 8, Axes()) is None


class TestSparkline:
    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.floats(), max_size=300), st.integers(-1, 40))
    def test_exact_width_whatever_comes(self, values, width):
        with np.errstate(all="raise", under="ignore"):
            line = sparkline(np.array(values, float), width)
        assert len(line) == max(width, 0)
        assert all(character == " " or 0x2800 < ord(character) < 0x2900 for character in line)
        assert bool(line.strip()) == (width > 0 and bool(np.isfinite(values).any()))

    @pytest.mark.parametrize(
        ("values", "line"),
        [
            (np.exp(-np.arange(1000) / 150), "⠑⠢⠤⣀⣀⣀⣀⣀⣀⣀"),
            (np.arange(4.0), "⣀⣀⠤⠤⠤⠒⠒⠒⠉⠉"),
            ([0, 1], "⣀⣀⠤⠤⠤⠒⠒⠒⠉⠉"),
            ([5.0] * 9, "⠤" * 10),
            ([NAN] * 500, " " * 10),
            ([1e300, -1e300], "⠉⠉⠒⠒⠒⠤⠤⠤⣀⣀"),
        ],
    )
    def test_looks(self, values, line):
        assert sparkline(np.array(values, float), 10) == line

    def test_a_gap_is_blank(self):
        values = np.arange(1000.0)
        values[400:600] = NAN
        assert [place for place, character in enumerate(sparkline(values, 10)) if character == " "] == [4, 5]

    @given(st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=100), st.integers(1, 40))
    def test_without_braille_every_cell_is_as_high_as_its_values(self, values, width):
        line = sparkline(np.array(values, float), width, "_.-=+*#")
        assert len(line) == width
        assert set(line) <= set("_.-=+*# ")
        finite = [value for value in values if np.isfinite(value)]
        if len(values) == len(finite) == width and max(values) > min(values):
            assert line[values.index(max(values))] == "#"
            assert line[values.index(min(values))] == "_"

    def test_without_braille(self):
        assert sparkline(np.arange(7.0), 7, "_.-=+*#") == "_.-=+*#"
        assert sparkline(np.array([0.0, NAN, 9.0]), 3, "_#") == "_ #"

    def test_a_steep_line_holds_together(self):
        assert sparkline(np.repeat([0.0, 9.0], 50), 4) == "⣀⣀⠏⠉"


class TestColours:
    def test_a_run_has_its_colour_in_every_process(self):
        assert [colour_slot(run) for run in ("brave-fox-12", "calm-owl-7", "")] == [1, 6, 0]

    def test_no_two_runs_look_alike(self):
        runs = [f"run-{number}" for number in range(32)]
        looks = run_looks(runs)
        assert len(set(looks)) == 32
        assert {dash for _, dash in looks[:8]} == {0}
        assert run_looks(runs[:11]) == looks[:11]
        assert looks[0][0] == RUN_COLOURS[colour_slot(runs[0])]
        assert len(run_looks(runs * 9)) == 288

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.uuids().map(str), min_size=2, max_size=5, unique=True))
    def test_the_first_runs_are_far_apart_for_everybody(self, runs):
        colours = [colour for colour, _ in run_looks(runs)]
        for one, other in itertools.combinations(colours, 2):
            for eye in EYES:
                assert np.linalg.norm(_oklab(one, eye) - _oklab(other, eye)) > 0.065
            assert np.linalg.norm((_oklab(one, np.eye(3)) - _oklab(other, np.eye(3)))[1:]) > 0.07  # no two blues

    def test_few_colours_are_those_of_a_terminal_of_sixteen(self):
        numbers = {Color.parse(colour).downgrade(ColorSystem.STANDARD).number for colour in FEW_COLOURS}
        assert len(numbers) == len(FEW_COLOURS)
        assert min(numbers) >= 9

    def test_without_colours_runs_differ_by_their_dashes(self):
        assert run_looks(["a", "b", "c"], colours=["#808080"]) == [("#808080", 0), ("#808080", 1), ("#808080", 2)]

    def test_blended(self):
        assert blended("#ff8000", "#000000", 1) == "#ff8000"
        assert blended("#ff8000", "#0010ff", 0) == "#0010ff"
        assert blended("#ffffff", "#000000", 0.5) == "#808080"

    def test_readable_on_dark_and_on_light(self):
        # WCAG 2.2, 1.4.11: graphics need a contrast of 3.
        for colours, least in ((RUN_COLOURS, 3.8), (DARK_COLOURS, 4.5)):
            for colour in colours:
                assert (_luminance(colour) + 0.05) / (_luminance(DARK.background) + 0.05) >= least
        for colours, least in ((RUN_COLOURS, 3.0), (LIGHT_COLOURS, 3.2)):
            for colour in colours:
                assert (_luminance(LIGHT.background) + 0.05) / (_luminance(colour) + 0.05) >= least

    @pytest.mark.parametrize(("colours", "least"), [(RUN_COLOURS, 0.074), (DARK_COLOURS, 0.11), (LIGHT_COLOURS, 0.11)])
    def test_told_apart_by_colour_blind_eyes(self, colours, least):
        for one, other in itertools.combinations(colours, 2):
            for eye in EYES:
                assert np.linalg.norm(_oklab(one, eye) - _oklab(other, eye)) >= least

    @given(st.lists(st.uuids().map(str), min_size=1, max_size=20, unique=True))
    def test_a_run_has_the_same_of_the_eight_on_every_ground(self, runs):
        plain = run_looks(runs)
        for ground, colours in (("dark", DARK_COLOURS), ("light", LIGHT_COLOURS)):
            looks = run_looks(runs, ground=ground)
            assert [(colours.index(colour), dash) for colour, dash in looks] == [
                (RUN_COLOURS.index(colour), dash) for colour, dash in plain
            ]


def test_a_chart_needs_neither_plotext_nor_textual():
    code = (
        "import sys, numpy as np, tui_runs.drawing as d; line = d.Series(np.arange(9.0), np.arange(9.0))\n"
        "d.draw_chart([d.Curve(line, '#808080')], 40, 10, d.Axes())\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'plotext', 'textual', 'polars', 'tsdownsample'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Viénot, Brettel and Mollon 1999, of linear RGB: protanopia and deuteranopia, derived otherwise than those below.
_VIENOT = (
    np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
)
EYES = (
    *_VIENOT,
    np.eye(3),
    # Machado, Oliveira and Fernandes 2009: protanopia, deuteranopia, tritanopia, on linear RGB.
    np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
)


def _linear(colour):
    channels = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _luminance(colour):
    return float(_linear(colour) @ [0.2126, 0.7152, 0.0722])


def _oklab(colour, eye):
    cones = [[0.4122215, 0.5363325, 0.0514460], [0.2119035, 0.6806995, 0.1073970], [0.0883025, 0.2817188, 0.6299787]]
    lab = [[0.2104543, 0.7936178, -0.0040720], [1.9779985, -2.4285922, 0.4505937], [0.0259040, 0.7827718, -0.8086758]]
    return np.array(lab) @ np.cbrt(np.array(cones) @ np.clip(eye @ _linear(colour), 0, 1))


def _around(place):
    """The dots that a place that is not rounded may be drawn as."""
    column, row = place
    return {
        (c, r)
        for c in (math.floor(column), math.ceil(column))
        for r in (math.floor(row), math.ceil(row))
        if abs(c - column) <= 0.5 + 1e-9 and abs(r - row) <= 0.5 + 1e-9
    }


def _value(label):
    return float(label.replace("k", "e3").replace("M", "e6").replace("G", "e9").replace("T", "e12"))
