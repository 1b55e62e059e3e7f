"""The as-of join against a loop."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.alignment import as_of

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
