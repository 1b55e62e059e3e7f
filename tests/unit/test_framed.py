"""Framed figures on the screen: what plotext draws of them, character by character; and runs that stand out."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.style import Style

from tests.unit.test_drawing import dots_of, plain
from tui_runs.analysis.distributions import box_of, histogram_of, measure
from tui_runs.drawing import ASCII, BRAILLE, HALVES
from tui_runs.drawing.figures import Look, Standout, draw_boxes, draw_histogram, draw_scatter
from tui_runs.drawing.framed import plotext_lines, screen_lines
from tui_runs.drawing.kinds import Sign, draw_kind

FRAME, PLAIN, RED, BLUE = (Style(color=colour) for colour in ("#808080", "#a0a0a0", "#ff0000", "#0000ff"))
INKS = [PLAIN, RED, BLUE]
positive = st.floats(1e-3, 1e3).map(lambda value: round(value, 4))
looks = st.builds(
    Look,
    st.integers(24, 90),
    st.integers(6, 24),
    st.sampled_from([BRAILLE, HALVES, ASCII]),
    st.booleans(),
    st.booleans(),
)


def cells_in(lines, style):
    """The cells of a style: (column, line)."""
    found = set()
    for at, line in enumerate(lines):
        column = 0
        for part in line:
            if part.style == style:
                found |= {(column + cell, at) for cell in range(len(part.text))}
            column += len(part.text)
    return found


class TestAsPlotext:
    @given(st.lists(st.tuples(positive, positive), min_size=1, max_size=60), looks)
    @settings(max_examples=10, deadline=None)
    def test_scatter(self, pairs, look):
        x, y = np.array(pairs).T
        standouts = [Standout(x[0], y[0], "●", 1), Standout(x[-1], y[-1], "◆", 2)]
        self.check(draw_scatter(x, y, look, standouts=standouts))

    @given(
        st.lists(st.sampled_from(["adam", "学習学習", "a longer name of it", "é", ""]), min_size=1, unique=True), looks
    )
    @settings(max_examples=10, deadline=None)
    def test_categories(self, names, look):
        y = np.arange(1.0, len(names) + 1)
        self.check(draw_scatter(y - 1, y, look, names))
        self.check(draw_boxes([box_of([value, value + 1, value + 9]) for value in y], names, look))

    @given(st.lists(positive, min_size=1, max_size=60), looks)
    @settings(max_examples=10, deadline=None)
    def test_histogram(self, values, look):
        self.check(draw_histogram(histogram_of(values, look.width - 12, log=look.log_x), look))

    def check(self, figure):
        theirs, ours = (lines(figure, FRAME, INKS) for lines in (plotext_lines, screen_lines))
        assert plain(ours) == plain(theirs)
        assert ours == theirs


class TestCrowds:
    def test_dots_where_digits_would_all_be_hashes(self):
        x, y = np.arange(2000.0), np.arange(2000.0)
        figure = draw_scatter(x, y, Look(60, 20))
        lines = screen_lines(figure, FRAME, INKS)[1:-2]
        dots = dots_of(lines, figure.left)
        across, down = 2 * figure.columns - 1, 4 * figure.rows - 1
        assert dots == {(round(at / 1999 * across), down - round(at / 1999 * down)) for at in range(2000)}

    def test_digits_where_there_is_no_braille(self):
        figure = draw_scatter(np.arange(2000.0), np.arange(2000.0), Look(60, 20, ASCII))
        assert set(figure.signs.values()) <= set("•#123456789")


class TestStandouts:
    def test_a_run_stands_out_where_it_is(self):
        x, y = np.array([0.0, 5.0, 10.0]), np.array([0.0, 5.0, 10.0])
        figure = draw_scatter(x, y, Look(50, 13), standouts=[Standout(10.0, 10.0, "◆", 1)])
        lines = screen_lines(figure, FRAME, INKS)
        assert cells_in(lines, RED) == {(figure.left + figure.columns - 1, 1)}
        assert plain(lines)[1][figure.left + figure.columns - 1] == "◆"
        assert figure.spots.tolist()[2] == [figure.columns - 1, figure.rows - 1]

    def test_in_a_histogram_at_the_foot_where_its_value_is(self):
        values = [0.0] * 30 + [4.0] * 20 + [10.0]
        standouts = [Standout(value, value, "●", 2) for value in (0.0, 4.0, 10.0)]
        figure = draw_histogram(histogram_of(values, 40), Look(60, 12), standouts)
        last = figure.columns - 1
        assert set(figure.inks) == {(0, 0), (math.floor(0.4 * figure.columns), 0), (last, 0)}

    @pytest.mark.parametrize("kind", ["scatter", "box"])
    def test_of_a_category(self, kind):
        frame = pl.DataFrame(
            {
                "source": ["s"] * 4,
                "run_id": list("abcd"),
                "params.opt": ["adam", "sgd", "sgd", None],
                "metrics.loss": [1.0, 2.0, 4.0, 9.0],
            }
        )
        measured = measure(frame, "metrics.loss", "params.opt")
        signs = {("s", "c"): Sign("●", 1), ("s", "d"): Sign("◆", 2), ("s", "gone"): Sign("◆", 2)}
        figure = draw_kind(kind, measured, "params.opt", Look(60, 20), signs).figure
        sgd = next(column for column, text in figure.x_ticks if text == "sgd")
        assert figure.inks == {(sgd, figure.rows - 1): 1}
