"""Bands against loops over runs and positions."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.bands import band_at, band_of
from tui_runs.analysis.chart_choices import Spread
from tui_runs.analysis.reduction import Series

RUN = st.dictionaries(st.integers(0, 30), st.floats(-1e3, 1e3), min_size=1, max_size=12)


def value_at(points, x):
    """A run at a position: on the line between the points around it; None outside."""
    steps = sorted(points)
    if x in points:
        return points[x]
    for before, after in itertools.pairwise(steps):
        if before < x < after:
            share = (x - before) / (after - before)
            return points[before] * (1 - share) + points[after] * share
    return None


def series(points):
    steps = sorted(points)
    return Series(np.array(steps, float), np.array([points[step] for step in steps], float))


@settings(max_examples=150, deadline=None)
@given(st.lists(RUN, min_size=1, max_size=5), st.sampled_from(Spread))
def test_short_runs_at_every_x_that_one_of_them_has(runs, spread):
    band = band_of([series(run) for run in runs], spread, 100)
    positions = sorted({step for run in runs for step in run})
    assert band.x.tolist() == positions
    for place, x in enumerate(positions):
        values = [value for run in runs if (value := value_at(run, x)) is not None]
        mean = statistics.fmean(values)
        deviation = statistics.stdev(values) if len(values) > 1 else 0
        low, high = (min(values), max(values)) if spread is Spread.RANGE else (mean - deviation, mean + deviation)
        assert band.curves[place] == len(values)
        assert (band.middle[place], band.low[place], band.high[place]) == pytest.approx((mean, low, high), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(RUN, min_size=1, max_size=4), st.tuples(st.floats(-1, 31), st.floats(-1, 31)).map(sorted))
def test_a_part_reaches_to_its_edges_also_between_points(runs, limits):
    band = band_of([series(run) for run in runs], Spread.RANGE, 100, tuple(limits))
    assert {*limits, *(step for run in runs for step in run if limits[0] <= step <= limits[1])} == set(band.x.tolist())
    for place, x in enumerate(band.x.tolist()):
        values = [value for run in runs if (value := value_at(run, x)) is not None]
        assert band.curves[place] == len(values)
        if values:
            assert (band.low[place], band.high[place]) == pytest.approx((min(values), max(values)), abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(st.lists(RUN, min_size=1, max_size=5), st.sampled_from(Spread), st.floats(-1, 31))
def test_at_one_x(runs, spread, x):
    values = [value for run in runs if (value := value_at(run, x)) is not None]
    band = band_at([series(run) for run in runs], spread, x)
    assert band.curves.tolist() == [len(values)]
    if values:
        mean = statistics.fmean(values)
        deviation = statistics.stdev(values) if len(values) > 1 else 0
        low, high = (min(values), max(values)) if spread is Spread.RANGE else (mean - deviation, mean + deviation)
        assert (band.middle[0], band.low[0], band.high[0]) == pytest.approx((mean, low, high), abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-9, 9) | st.just(math.nan)), min_size=1, max_size=30))
def test_at_one_x_is_the_band_there_also_where_x_repeats_or_runs_back_and_values_are_missing(points):
    for some in (points, sorted(points, key=lambda point: point[0])):
        run = Series(*np.array(some, float).T)
        band = band_of([run], Spread.RANGE, 100)
        for place, x in enumerate(band.x):
            one = band_at([run], Spread.RANGE, x)
            np.testing.assert_allclose(np.ravel(one[1:4]), [column[place] for column in band[1:4]])


def test_every_spike_of_long_runs_is_within_the_range():
    rng = np.random.default_rng(1)
    runs = [Series(np.arange(50_000.0), rng.standard_normal(50_000)) for _ in range(3)]
    runs[1].y[12_345], runs[2].y[40_000] = 50, -70
    band = band_of(runs, Spread.RANGE, 100)
    column = np.floor(np.arange(50_000) / 49_999 * 99 + 0.5).astype(int)
    every = np.array([run.y for run in runs])
    assert len(band.x) == 100
    for at in range(100):
        assert band.low[at] == every[:, column == at].min()
        assert band.high[at] == every[:, column == at].max()
        assert band.middle[at] == pytest.approx(every[:, column == at].mean(axis=1).mean())


def test_gaps_do_not_count():
    one = Series(np.arange(5.0), np.array([1, math.nan, 3, math.inf, 5]))
    two = Series(np.arange(5.0), np.array([3.0, 4, 5, 6, 7]))
    band = band_of([one, two], Spread.RANGE, 50)
    assert band.curves.tolist() == [2, 1, 2, 1, 2]
    assert band.middle.tolist() == [2, 4, 4, 6, 6]
    assert band.low.tolist() == [1, 4, 3, 6, 5]


def test_a_curve_counts_only_where_it_is():
    short, long = Series(np.arange(3.0), np.zeros(3)), Series(np.arange(6.0), np.full(6, 2.0))
    band = band_of([short, long], Spread.DEVIATION, 50)
    assert band.middle.tolist() == [1, 1, 1, 2, 2, 2]
    assert band.high - band.low == pytest.approx([2 * math.sqrt(2)] * 3 + [0] * 3)


def test_x_that_runs_back_and_repeats_is_sorted():
    back = Series(np.array([0.0, 1, 2, 1, 2, 3]), np.array([0.0, 10, 20, 30, 40, 50]))
    band = band_of([back], Spread.RANGE, 50)
    assert band.x.tolist() == [0, 1, 2, 3]
    assert band.middle.tolist() == [0, 20, 30, 50]
    assert (band.low.tolist(), band.high.tolist()) == ([0, 10, 20, 50], [0, 30, 40, 50])


def test_limits_and_log():
    runs = [Series(np.arange(-10.0, 10_000), np.arange(-10.0, 10_000))]
    band = band_of(runs, Spread.RANGE, 40, (1, 1000), log_x=True)
    assert band.x.min() >= 1
    assert band.x.max() <= 1000
    np.testing.assert_allclose(band.middle[20:], band.x[20:], rtol=0.1)


def test_nothing():
    assert not len(band_of([Series(np.zeros(0), np.zeros(0))], Spread.RANGE, 10).x)
    empty = band_of([Series(np.arange(3.0), np.full(3, math.nan))], Spread.DEVIATION, 10)
    assert np.isnan(empty.middle).all()
