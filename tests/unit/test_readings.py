"""Values at an x, and how they are written."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.chart_choices import Spread
from tui_runs.analysis.reduction import Series
from tui_runs.drawing.readings import band_text, read_at, texts_apart, x_text


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-1e6, 1e6)), min_size=1, max_size=40), st.integers(0, 50))
def test_the_nearest_point_counts_and_of_several_the_last(points, x):
    for some in (points, sorted(points, key=lambda point: point[0])):
        steps = np.array([step for step, _ in some], float)
        series = Series(steps, np.array([value for _, value in some]))
        nearest = min(abs(step - x) for step, _ in some)
        expected = {value for step, value in some if abs(step - x) == nearest}
        found = read_at(series, x)
        if not min(steps) <= x <= max(steps):
            assert found is None or nearest <= 0.005 * (max(steps) - min(steps))
        else:
            assert found in expected
            exact = [value for step, value in some if step == x]
            assert not exact or found == exact[-1]


def test_a_band():
    flat = [Series(np.arange(10.0), np.full(10, level)) for level in (0.25, 0.5, 0.75)]
    assert band_text(flat, Spread.DEVIATION, 4.5) == "0.5 ± 0.25"
    assert band_text(flat, Spread.RANGE, 4.5) == "0.5 (0.25…0.75)"
    assert band_text([*flat, Series(np.arange(3.0), np.zeros(3))], Spread.RANGE, 4.5) == "0.5 (0.25…0.75) of 3"
    assert band_text([flat[0], Series(np.arange(3.0), np.zeros(3))], Spread.DEVIATION, 4.5) == "0.25 of 1"
    assert band_text(flat[:1], Spread.RANGE, 4.5) == "0.25"
    assert band_text(flat, Spread.RANGE, 11) == ""


def test_nothing_to_read():
    assert read_at(Series(np.zeros(0), np.zeros(0)), 1) is None
    assert read_at(Series(np.array([math.nan]), np.array([1.0])), 1) is None
    assert math.isnan(read_at(Series(np.array([1.0]), np.array([math.nan])), 1))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | st.floats(), max_size=8))
def test_values_that_differ_never_look_the_same(values):
    texts = texts_apart(values)
    finite = {value for value in values if value is not None and math.isfinite(value)}
    assert len({text for text, value in zip(texts, values, strict=True) if value in finite}) == len(finite)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.2128, 0.31], ["0.2128", "0.31"]),
        ([0.21281, 0.21284], ["0.21281", "0.21284"]),
        ([0.1, None, math.nan], ["0.1", "—", "NaN"]),
        ([], []),
    ],
)
def test_written(values, texts):
    assert texts_apart(values) == texts


def test_x():
    assert [x_text(12.5, "number"), x_text(123_456.7, "number"), x_text(90, "duration")] == ["12.5", "123457", "1m30s"]
