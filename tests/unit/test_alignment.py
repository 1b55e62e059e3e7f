"""The as-of join against a loop."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.alignment import as_of, positions
from tui_runs.analysis.chart_choices import XAxis
from tui_runs.schema import TIME

NUMBERS = st.integers(-20, 20).map(float)


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS), st.lists(st.tuples(NUMBERS, st.floats(allow_nan=False))))
def test_the_last_value_not_after(at, points):
    expected = []
    for moment in at:
        before = [(key, place) for place, (key, _) in enumerate(points) if key <= moment]
        expected.append(points[max(before)[1]][1] if before else math.nan)
    keys, values = np.array(points, float).reshape(-1, 2).T
    np.testing.assert_array_equal(as_of(np.array(at), keys, values), expected)


def test_nothing_is_known_before_the_first_and_the_last_holds_on():
    found = as_of(np.array([0.0, 1, 5, 9]), np.array([1.0, 5]), np.array([100.0, 500]))
    np.testing.assert_array_equal(found, [math.nan, 100, 500, 500])


def test_what_has_no_time_is_nowhere():
    nan = math.nan
    found = as_of(np.array([nan, 3.0, nan, 0.5]), np.array([1.0, nan, 2.0, nan]), np.array([10.0, 99, 20, 98]))
    np.testing.assert_array_equal(found, [nan, 20, nan, nan])
    np.testing.assert_array_equal(as_of(np.array([1.0]), np.array([nan]), np.array([5.0])), [nan])


START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def points(steps, seconds, values):
    times = [START + timedelta(seconds=second) for second in seconds]
    return pl.DataFrame(
        {"step": steps, "time": times, "value": values}, schema={"step": pl.Int64, "time": TIME, "value": pl.Float64}
    )


class TestPositions:
    loss = points([0, 10, 20, 30], [5, 6, 8, 9.5], [4.0, 3, 2, 1])

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            (XAxis.STEP, [0, 10, 20, 30]),
            (XAxis.RELATIVE, [0, 1, 3, 4.5]),
            (XAxis.TIME, [START.timestamp() + second for second in (5, 6, 8, 9.5)]),
        ],
    )
    def test_by_step_and_time(self, x, expected):
        assert positions(self.loss, x).tolist() == pytest.approx(expected)

    def test_over_a_metric_that_was_logged_less_often(self):
        epoch = points([10, 30], [6, 10], [1.0, 2.0])
        np.testing.assert_array_equal(positions(self.loss, XAxis.METRIC, epoch), [math.nan, 1, 1, 2])

    def test_by_time_where_steps_do_not_tell_points_apart(self):
        tokens = points([0, 0, 0], [5, 7, 9], [100.0, 200, 300])
        assert positions(self.loss, XAxis.METRIC, tokens).tolist() == [100, 100, 200, 300]

    def test_a_metric_is_needed(self):
        with pytest.raises(ValueError, match="metric"):
            positions(self.loss, XAxis.METRIC)
