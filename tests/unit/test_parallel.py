"""Parallel coordinates: every run's line goes through its places, worked out in another way; conditions."""

import math
import sys
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from tests.unit.test_drawing import dots_of, plain
from tui_runs.analysis.evaluation import holds
from tui_runs.analysis.parallel import axis_of, shades_of, telling_columns
from tui_runs.analysis.query import parse
from tui_runs.drawing import ASCII, BRAILLE, HALVES
from tui_runs.drawing.parallel import Line, ParallelLook, Pointer, draw_parallel

WIDTH, HEIGHT = 60, 14
LOOK = ParallelLook(WIDTH, HEIGHT)
ROWS = HEIGHT - 4
"""The names and the high ends stand above, the low ends and the lane below."""
INK = [Line(Style(color="#111111")), Line(Style(color="#222222")), Line(Style(color="#333333"))]
finite = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
words = st.sampled_from(["adam", "SGD", "", "学習", "a,b", "it's", 'say "x"', "10", "lion\\", "and"])


def frame_of(**columns):
    count = len(next(iter(columns.values())))
    ids = {"source": ["s"] * count, "run_id": [f"r{at}" for at in range(count)]}
    return pl.DataFrame(ids | {f"params.{name}": values for name, values in columns.items()})


def axes_of(frame):
    return [axis_of(frame, name) for name in frame.columns if name.startswith("params.")]


def picture(axes, layers, **others):
    return draw_parallel(axes, np.array(layers), INK, LOOK, **others)


def line_dots(drawn):
    """The dots, (column, row), row 0 the uppermost of the axes."""
    return {(column, row - 8) for column, row in dots_of(drawn.lines, 0)}


def covered(lines):
    """The columns of dots that are cut off from sight by something that is no dot, by row of cells."""
    return {
        (cell, line - 2)
        for line, text in enumerate(plain(lines))
        for cell, sign in enumerate(text)
        if sign != " " and not 0x2800 <= ord(sign) < 0x2900
    }


class TestAxis:
    @given(st.lists(finite, min_size=2, max_size=20))
    def test_numbers_lie_in_proportion(self, values):
        axis = axis_of(frame_of(x=list(map(repr, values))), "params.x", log=False)
        low, high = min(values), max(values)
        for place, value in zip(axis.places, values, strict=True):
            wanted = (Fraction(value) - Fraction(low)) / (Fraction(high) - Fraction(low)) if low < high else 0.5
            assert place == pytest.approx(float(wanted), abs=1e-9)

    def test_a_span_of_more_than_two_powers_of_ten_is_logarithmic(self):
        log = axis_of(frame_of(lr=["1e-5", "1e-3", "0.1"]), "params.lr")
        assert (log.log, log.places.tolist()) == (True, pytest.approx([0, 0.5, 1]))
        even = axis_of(frame_of(lr=["1e-3", "0.05", "0.1"]), "params.lr")
        assert (even.log, even.places[1]) == (False, pytest.approx(0.049 / 0.099))
        assert not axis_of(frame_of(lr=["-1", "0.001", "100"]), "params.lr").log
        assert not axis_of(frame_of(lr=["0", "0.001", "100"]), "params.lr").log

    def test_numbers_that_are_even_stay_so(self):
        share = [repr((at + 0.001) / 100) for at in range(100)]
        assert not axis_of(frame_of(x=share), "params.x").log
        rates = [repr(10 ** (-5 + at / 25)) for at in range(100)]
        assert axis_of(frame_of(x=rates), "params.x").log

    def test_words_stand_at_even_distances_in_order_of_the_alphabet(self):
        axis = axis_of(frame_of(opt=["sgd", "Adam", None, "lion", "sgd"]), "params.opt")
        assert axis.words == ("Adam", "lion", "sgd")
        assert axis.places[[0, 1, 3, 4]].tolist() == [1, 0, 0.5, 1]
        assert math.isnan(axis.places[2])

    @pytest.mark.parametrize("values", [["1", None, "nan", "inf", "2"], ["1", "-1", "nan", "0", "1000"]])
    def test_what_has_no_place(self, values):
        axis = axis_of(frame_of(x=values), "params.x", log="-1" in values)
        assert np.isnan(axis.places).tolist() == [False, True, True, True, False]

    def test_one_value_lies_in_the_middle_and_none_nowhere(self):
        assert axis_of(frame_of(x=["3", "3"]), "params.x").places.tolist() == [0.5, 0.5]
        assert np.isnan(axis_of(frame_of(x=[None, "nan"]), "params.x").places).all()

    def test_times(self):
        times = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 5)]
        frame = pl.DataFrame({"source": ["s"] * 3, "run_id": list("abc"), "started": times})
        assert axis_of(frame, "started").places.tolist() == pytest.approx([0, 0.25, 1])

    @given(st.lists(finite, min_size=2, max_size=20), st.sampled_from([True, False, None]))
    def test_at_the_place_of_a_run_is_its_value(self, values, log):
        axis = axis_of(frame_of(x=list(map(repr, values))), "params.x", log=log)
        for place, value in zip(axis.places.tolist(), values, strict=True):
            if not math.isnan(place):
                assert axis.value_at(place) == pytest.approx(value, rel=1e-6, abs=1e-6)


class TestLines:
    @given(st.lists(st.tuples(finite, finite, finite), min_size=3, max_size=8), st.integers(0, 2))
    @settings(max_examples=60, deadline=None)
    def test_a_line_goes_through_its_places_straight_between_them(self, runs, shown):
        axes = axes_of(frame_of(**{name: [repr(run[at]) for run in runs] for at, name in enumerate("abc")}))
        drawn = picture(axes, [0 if at == shown else -1 for at in range(len(runs))])
        dots, hidden = line_dots(drawn), covered(drawn.lines)
        columns = [2 * math.floor((at + 0.5) * WIDTH / 3) for at in range(3)]
        assert [2 * column for column in drawn.area.columns] == columns
        rows = [round((1 - axis.places[shown]) * (4 * ROWS - 1)) for axis in axes]
        for column in range(columns[0], columns[-1]):
            gap = 0 if column < columns[1] else 1
            along = (column - columns[gap]) / (columns[gap + 1] - columns[gap])
            slope = (rows[gap + 1] - rows[gap]) / (columns[gap + 1] - columns[gap])
            ideal = rows[gap] + along * (rows[gap + 1] - rows[gap])
            here = {row for at, row in dots if at == column}
            assert all(abs(row - ideal) <= abs(slope) + 1 for row in here)
            if (column // 2, math.floor(ideal + 0.5) // 4) not in hidden:
                assert any(abs(row - ideal) <= 1 for row in here)

    @given(st.lists(st.tuples(finite, st.none() | finite, words), min_size=2, max_size=6))
    @settings(max_examples=40, deadline=None)
    def test_many_lines_are_the_dots_of_each(self, runs):
        axes = axes_of(
            frame_of(
                a=[repr(run[0]) for run in runs],
                b=[None if run[1] is None else repr(run[1]) for run in runs],
                c=[run[2] for run in runs],
            )
        )

        def dots(layers):
            # Whether the lane has its signs hangs on the runs.
            return {dot for dot in line_dots(picture(axes, layers)) if dot[1] // 4 != ROWS + 1}

        alone = [dots([1 if at == one else -1 for at in range(len(runs))]) for one in range(len(runs))]
        assert dots([1] * len(runs)) == set().union(*alone)

    def test_without_a_value_a_line_goes_through_the_lane(self):
        axes = axes_of(frame_of(a=["0", "1"], b=[None, "1"], c=["1", "0"]))
        drawn = picture(axes, [0, -1])
        text = plain(drawn.lines)
        assert [text[-1][column] for column in drawn.area.columns] == ["—"] * 3
        beside = drawn.area.columns[1]
        assert all(0x2800 < ord(text[-1][column]) < 0x2900 for column in (beside - 1, beside + 1))
        assert "—" not in "".join(plain(picture(axes, [-1, 0]).lines))

    def test_the_last_layer_lies_on_top_and_the_first_gives_way(self):
        axes = axes_of(frame_of(a=["0", "0", "1", "1"], b=["0", "0", "1", "0"]))
        middle = (WIDTH // 4 + 3 * WIDTH // 4) // 2
        both = picture(axes, [0, 1, -1, -1])
        bottom = both.lines[HEIGHT - 3]
        assert {part.style.color.name for part in bottom if part.text[0] > "\u2800"} == {"#222222"}
        crossing = picture(axes, [0, -1, -1, 1])  # the context runs level, the other down to it
        level = {dot for dot in line_dots(crossing) if dot[1] == 4 * ROWS - 1}
        cells = {(column // 2, row // 4) for column, row in line_dots(picture(axes, [-1, -1, -1, 1]))}
        shared = {dot for dot in level if (dot[0] // 2, dot[1] // 4) in cells}
        assert shared <= line_dots(picture(axes, [-1, -1, -1, 1]))
        assert any(dot[0] // 2 < middle for dot in level)

    def test_what_stands_alone_is_not_mixed_with_others(self):
        axes = axes_of(frame_of(a=["0", "1", "0.02"], b=["0", "1", "0"]))
        ink = [Line(Style()), Line(Style()), Line(Style(bold=True), alone=True)]
        mine = draw_parallel(axes, np.array([-1, -1, 2]), ink, LOOK)
        mixed = draw_parallel(axes, np.array([1, 1, 2]), ink, LOOK)
        cells = {(column // 2, row // 4) for column, row in line_dots(mine)}
        assert {dot for dot in line_dots(mixed) if (dot[0] // 2, dot[1] // 4) in cells} == line_dots(mine)

    @given(
        st.lists(st.tuples(finite, words), min_size=1, max_size=6),
        st.integers(24, 90),
        st.integers(7, 30),
        st.sampled_from([BRAILLE, HALVES, ASCII]),
        st.booleans(),
    )
    @settings(max_examples=60, deadline=None)
    def test_size_whatever_comes(self, runs, width, height, glyphs, pointed):
        axes = axes_of(frame_of(学習=[repr(run[0]) for run in runs], b=[run[1] for run in runs]))
        look = ParallelLook(width, height, glyphs)
        pointer = Pointer(1, 1.0, 0.0) if pointed else None
        lines = draw_parallel(axes, np.zeros(len(runs), np.int64), INK, look, pointer).lines
        assert len(lines) == height
        assert {sum(cell_len(part.text) for part in line) for line in lines} == {width}

    def test_ends_and_words_stand_at_their_axes(self):
        axes = axes_of(frame_of(lr=["1e-4", "0.1"], opt=["sgd", "adam"]))
        text = plain(picture(axes, [0, 0]).lines)
        assert text[0].split() == ["lr", "opt"]
        assert (text[1].split(), text[-2].split()[-1]) == (["0.1"], "0.0001")
        assert text[2][drawn_column(1) + 1 :].startswith("sgd")
        assert text[-3][drawn_column(1) + 1 :].startswith("adam")

    @pytest.mark.parametrize("high", [5e-324, 1e-322, 2.3e-308])
    def test_ends_that_are_hardly_apart(self, high):
        axes = axes_of(frame_of(a=[0.0, high], b=[1.0, 2.0]))
        assert len(picture(axes, [0, 0]).lines) == 14

    def test_hostile_words(self):
        axes = axes_of(frame_of(opt=["\x1b[2J", "a\u202eb"]))
        text = "".join(plain(picture(axes, [0, 0]).lines))
        assert not any(sign in text for sign in "\x1b\u202e")

    def test_a_pointer_and_the_part_it_has_chosen(self):
        axes = axes_of(frame_of(a=["0", "1"], b=["0", "1"]))
        drawn = picture(axes, [0, 0], pointer=Pointer(1, 1.0, 0.5))
        column = [line[drawn.area.columns[1]] for line in plain(drawn.lines)][2 : 2 + ROWS]
        assert column[0] == "◆"
        assert column.count("█") == pytest.approx(ROWS / 2, abs=1)
        assert drawn.area.place_of(drawn.area.line_of(0.5)) == pytest.approx(0.5, abs=1 / ROWS)
        assert drawn.area.axis_near(drawn.area.columns[1] - 3) == 1


def drawn_column(axis):
    return math.floor((axis + 0.5) * WIDTH / 2)


class TestCondition:
    @given(st.lists(st.none() | finite, min_size=2, max_size=20), st.floats(0, 1), st.floats(0, 1))
    def test_the_runs_of_a_part_pass_and_hardly_any_others(self, values, one, other):
        frame = frame_of(x=[None if value is None else repr(value) for value in values])
        axis = axis_of(frame, "params.x")
        low, high = sorted((one, other))
        inside = {at for at, place in enumerate(axis.places) if low <= place <= high}
        passing = passing_of(frame, axis.condition(low, high))
        assert inside <= passing
        if inside:
            chosen = [values[at] for at in inside]
            span = max(chosen) - min(chosen)
            slack = 0.02 * (max(map(abs, chosen)) if axis.log or not span else span) + 1e-9
            assert all(min(chosen) - slack <= values[at] <= max(chosen) + slack for at in passing)

    @given(st.lists(st.none() | words, min_size=2, max_size=20), st.floats(0, 1), st.floats(0, 1))
    def test_words_pass_exactly(self, values, one, other):
        frame = frame_of(x=[*values, "no number"])
        axis = axis_of(frame, "params.x")
        low, high = sorted((one, other))
        inside = {at for at, place in enumerate(axis.places) if low <= place <= high}
        condition = axis.condition(low, high)
        assert (condition is None) == (not inside)
        if condition is not None:
            assert passing_of(frame, condition) == inside

    def test_reads_as_people_write_it(self):
        axis = axis_of(frame_of(lr=["1e-4", "3e-4", "0.1"]), "params.lr")
        assert axis.condition(0, 0.5) == "params.lr between 0.0001 and 0.0003"
        assert axis.condition(0.9, 1) == "params.lr = 0.1"
        frame = frame_of(x=["1"]).rename({"params.x": "metrics.val/loss"}).cast({"metrics.val/loss": pl.Float64})
        assert axis_of(frame, "metrics.val/loss").condition(0, 1) == "metrics.`val/loss` = 1"

    def test_times_pass_to_the_second(self):
        times = [datetime(2026, 11, 20, 12, 0, second, 500_000, tzinfo=UTC) for second in (1, 30, 50)]
        frame = pl.DataFrame({"source": ["s"] * 3, "run_id": ["r0", "r1", "r2"], "started": times})
        assert passing_of(frame, axis_of(frame, "started").condition(0, 0.7)) == {0, 1}

    def test_the_last_moments_of_the_calendar(self):
        times = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
        frame = pl.DataFrame({"source": ["s"] * 2, "run_id": ["r0", "r1"], "started": times})
        axis = axis_of(frame, "started")
        assert passing_of(frame, axis.condition(0, 1)) == {0, 1}
        assert passing_of(frame, axis.condition(0.9, 1)) == {1}
        assert passing_of(frame, axis.condition(0, 0.1)) == {0}

    @pytest.mark.parametrize("values", [(0.0, 5e-324), (1.0, sys.float_info.max), (-sys.float_info.max, 1.0)])
    @pytest.mark.parametrize("log", [False, True])
    def test_the_least_and_the_largest_floats(self, values, log):
        frame = frame_of(x=[*(repr(value) for value in values), "inf"])
        axis = axis_of(frame, "params.x", log=log)
        there = {at for at, place in enumerate(axis.places) if not math.isnan(place)}
        assert passing_of(frame, axis.condition(0, 1)) & {0, 1, 2} == there  # no run that is infinite
        for place in (0.0, 0.3, 1.0):
            assert axis.low <= axis.value_at(place) <= axis.high
        assert axis.condition(0.4, 0.6)

    def test_no_filter_for_the_best_of_a_history(self):
        frame = frame_of(x=["1", "2"]).rename({"params.x": "min(metrics.loss)"})
        assert axis_of(frame, "min(metrics.loss)").condition(0, 1) is None


def passing_of(frame, condition):
    found = frame.filter(holds(parse(condition, frame.columns), frame, lambda _: frame.clear()))
    return {int(run_id[1:]) for run_id in found["run_id"]}


class TestShades:
    @given(st.lists(st.sampled_from([math.nan, math.inf, -1.0, 0.0, 0.5, 2.0, 1e9]), min_size=1, max_size=30))
    def test_by_rank(self, values):
        shades = shades_of(np.array(values), 8, "higher")
        for value, shade in zip(values, shades, strict=True):
            assert (shade == -1) == (not math.isfinite(value))
        pairs = sorted((value, shade) for value, shade in zip(values, shades.tolist(), strict=True) if shade >= 0)
        assert [shade for _, shade in pairs] == sorted(shade for _, shade in pairs)
        assert len(set(pairs)) == len({value for value, _ in pairs})

    def test_an_even_share_each_and_the_best_last(self):
        values = np.arange(800.0)
        assert np.bincount(shades_of(values, 8)).tolist() == [100] * 8
        assert shades_of(values, 8, "lower")[0] == 7
        assert shades_of(np.array([3.0, 3.0]), 8).tolist() == [7, 7]


class TestTellingColumns:
    def test_the_strongest_first_and_nothing_that_is_the_same(self):
        count = 40
        frame = frame_of(
            noise=[str((at * 7) % 11) for at in range(count)],
            lr=[str(at) for at in range(count)],
            same=["1"] * count,
            note=[f"run number {at}" for at in range(count)],
            missing=[None] * count,
        ).with_columns(pl.Series("metrics.loss", [at**2 + 0.0 for at in range(count)]))
        params = [name for name in frame.columns if name.startswith("params.")]
        assert telling_columns(frame, "metrics.loss", params) == ["params.lr", "params.noise"]

    def test_what_differs_where_the_metric_does_not(self):
        frame = frame_of(a=["1", "2", "1"], b=["x", "y", "x"], c=["u", "v", "w"]).with_columns(
            pl.lit(1.0).alias("metrics.loss")
        )
        assert telling_columns(frame, "metrics.loss", ["params.a", "params.b", "params.c"]) == ["params.a", "params.b"]
