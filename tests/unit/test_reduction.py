"""What reduction keeps of a curve: the picture."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.reduction import STRETCHES, reduce_curve
from tui_runs.drawing.raster import gather, rasterise
from tui_runs.drawing.ticks import Scale

SEEDS = st.integers(0, 2**32 - 1)
COLUMNS = st.integers(2, 40)


def growing(rng, n):
    """n positions that grow, some of them equal."""
    return np.cumsum(rng.random(n) * (rng.random(n) > 0.2))


def with_gaps(rng, y, gaps):
    for start in rng.integers(0, len(y), gaps):
        y[start : start + rng.integers(1, 30)] = rng.choice([np.nan, np.inf, -np.inf])
    return y


def columns_of(x, low, high, columns):
    return np.floor((x - low) / (high - low) * (columns - 1) + 0.5)


def dots(x, y, columns, limits=None, log_x=False):
    """The picture: the set of (column, row) that a chart of `columns` x 60 dots shows of a curve."""
    shown = x[np.isfinite(x) & ((x > 0) | (not log_x))]
    low, high = limits or (shown.min(), shown.max())
    points = gather([(x, y)], log_x, False, [0])
    column, row, _ = rasterise(points, Scale(low, high, columns, log_x), Scale(-4, 4, 60))
    return set(zip(column.tolist(), row.tolist(), strict=True))


class TestPicture:
    """The curve drawn from the kept points is the curve drawn from all points, dot by dot."""

    @settings(max_examples=60, deadline=None)
    @given(SEEDS, COLUMNS, st.integers(0, 6), st.integers(500, 30_000))
    def test_growing_x_with_gaps(self, seed, columns, gaps, n):
        rng = np.random.default_rng(seed)
        x, y = growing(rng, n), with_gaps(rng, rng.standard_normal(n), gaps)
        assert dots(*reduce_curve(x, y, columns), columns, (x[0], x[-1])) == dots(x, y, columns)

    @settings(max_examples=30, deadline=None)
    @given(SEEDS, COLUMNS, st.integers(1, 4))
    def test_x_that_runs_back(self, seed, columns, times):
        rng = np.random.default_rng(seed)
        x = np.concatenate([growing(rng, 700) - rng.random() * 50 for _ in range(times + 1)])
        y = with_gaps(rng, np.cumsum(rng.standard_normal(len(x))) / 20, 2)
        limits = (x.min(), x.max())
        kept = reduce_curve(x, y, columns)
        assert len(kept[0]) < len(x)
        assert dots(*kept, columns, limits) == dots(x, y, columns, limits)

    @settings(max_examples=30, deadline=None)
    @given(SEEDS, COLUMNS)
    def test_zoomed_in(self, seed, columns):
        rng = np.random.default_rng(seed)
        x, y = growing(rng, 5000), np.cumsum(rng.standard_normal(5000)) / 20
        limits = (x[1500] + 0.01, x[4200] - 0.01)
        kept = reduce_curve(x, y, columns, limits)
        assert kept[0][0] < limits[0]
        assert kept[0][-1] > limits[1]
        assert dots(*kept, columns, limits) == dots(x, y, columns, limits)

    @settings(max_examples=30, deadline=None)
    @given(SEEDS, COLUMNS)
    def test_log_x(self, seed, columns):
        rng = np.random.default_rng(seed)
        x, y = growing(rng, 5000) - 20, rng.standard_normal(5000)
        kept = reduce_curve(x, y, columns, log_x=True)
        assert len(kept[0]) <= 4 * (columns + 2)
        assert kept[0].min() > 0
        assert dots(*kept, columns, log_x=True) == dots(x, y, columns, log_x=True)


class TestKept:
    @settings(max_examples=60, deadline=None)
    @given(SEEDS, COLUMNS, st.integers(0, 400), st.integers(200, 8000))
    def test_points_are_points_of_the_curve_in_order(self, seed, columns, gaps, n):
        rng = np.random.default_rng(seed)
        x, y = growing(rng, n), with_gaps(rng, rng.permutation(n).astype(float), gaps)
        place = {value: at for at, value in enumerate(y)}
        kept_x, kept_y = reduce_curve(x, y, columns)
        finite = np.isfinite(kept_y)
        places = [place[value] for value in kept_y[finite]]
        assert places == sorted(set(places))
        assert (kept_x[finite] == x[places]).all()
        assert len(kept_x) <= 8 * STRETCHES * (columns + 2)

    @settings(max_examples=60, deadline=None)
    @given(SEEDS, COLUMNS, st.integers(200, 8000))
    def test_lowest_and_highest_of_every_column(self, seed, columns, n):
        rng = np.random.default_rng(seed)
        x, y = growing(rng, n), rng.standard_normal(n)
        kept_x, kept_y = reduce_curve(x, y, columns)
        assert len(kept_x) <= 4 * (columns + 2)
        assert kept_x[0] == x[0]
        assert kept_x[-1] == x[-1]
        columns_before, columns_after = (columns_of(some, x[0], x[-1], columns) for some in (x, kept_x))
        for column in np.unique(columns_before):
            before, after = y[columns_before == column], kept_y[columns_after == column]
            assert (after.min(), after.max(), after[0], after[-1]) == (
                before.min(),
                before.max(),
                before[0],
                before[-1],
            )

    @settings(max_examples=60, deadline=None)
    @given(SEEDS, COLUMNS, st.integers(1, 400))
    def test_a_gap_is_one_nan_and_nothing_else_is(self, seed, columns, gaps):
        rng = np.random.default_rng(seed)
        y = with_gaps(rng, rng.permutation(3000).astype(float), gaps)
        place = {value: at for at, value in enumerate(y)}
        _, kept = reduce_curve(np.arange(3000.0), y, columns)
        assert not np.isinf(kept).any()
        finite = np.flatnonzero(np.isfinite(kept))
        for before, after in itertools.pairwise(finite):
            missing = not np.isfinite(y[place[kept[before]] : place[kept[after]]]).all()
            assert after - before == 1 + missing

    def test_an_isolated_point_stays(self):
        y = np.full(10_000, np.nan)
        y[[3000, 7000]] = 1, 2
        x, kept = reduce_curve(np.arange(10_000.0), y, 50)
        assert x[np.isfinite(kept)].tolist() == [3000, 7000]
        assert np.isnan(kept[1])

    def test_spikes_stay(self):
        y = np.zeros(1_000_000)
        y[123_456], y[765_432] = 9, -9
        x, kept = reduce_curve(np.arange(1_000_000.0), y, 100)
        assert {(123_456, 9), (765_432, -9)} <= set(zip(x.tolist(), kept.tolist(), strict=True))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nothing_to_draw(self, value):
        x, y = reduce_curve(np.arange(10_000.0), np.full(10_000, value), 50)
        assert len(x) == len(y) == 0
        x, y = reduce_curve(np.full(10_000, value), np.arange(10_000.0), 50)
        assert not np.isfinite(x).any()

    def test_a_short_curve_is_kept_whole(self):
        x, y = np.array([1.0, 5, 3, np.nan]), np.array([1.0, np.inf, np.nan, 2])
        kept_x, kept_y = reduce_curve(x, y, 1)
        np.testing.assert_array_equal(kept_x, x)
        np.testing.assert_array_equal(kept_y, [1, np.nan, np.nan, 2])

    def test_all_at_one_x(self):
        x, y = reduce_curve(np.full(1000, 7.0), np.arange(1000.0), 10)
        assert x.tolist() == [7, 7]
        assert y.tolist() == [0, 999]


class TestCrowds:
    """Curves of which no reduction could keep every dot."""

    @settings(max_examples=20, deadline=None)
    @given(SEEDS, COLUMNS)
    def test_a_cloud_keeps_its_outline(self, seed, columns):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 20_000))
        kept_x, kept_y = reduce_curve(x, y, columns)
        assert len(kept_x) <= 8 * STRETCHES * (columns + 2)
        assert (kept_x.min(), kept_x.max()) == (x.min(), x.max())
        assert (kept_y.min(), kept_y.max()) == (y.min(), y.max())

    @settings(max_examples=20, deadline=None)
    @given(SEEDS, COLUMNS)
    def test_gaps_everywhere(self, seed, columns):
        rng = np.random.default_rng(seed)
        x, y = np.arange(20_000.0), rng.standard_normal(20_000)
        y[rng.random(20_000) < 0.4] = np.nan
        kept_x, kept_y = reduce_curve(x, y, columns)
        assert len(kept_x) <= 8 * STRETCHES * (columns + 2)
        before, after = (columns_of(some, 0, 19_999, columns) for some in (x, kept_x))
        for column in range(columns):
            assert np.nanmax(kept_y[after == column]) == np.nanmax(y[before == column])
            assert np.nanmin(kept_y[after == column]) == np.nanmin(y[before == column])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(), st.floats()), max_size=300),
    st.integers(1, 20),
    st.none() | st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)),
    st.booleans(),
    st.booleans(),
)
def test_any_input_is_reduced_without_error(points, columns, limits, log_x, ordered):
    points = points * (1 + 400 // max(len(points), 1))
    x, y = np.array(sorted(points) if ordered else points, float).reshape(-1, 2).T
    kept_x, kept_y = reduce_curve(x, y, columns, limits, log_x)
    assert len(kept_x) == len(kept_y) <= max(8 * STRETCHES * (columns + 2), 4 * columns)
    assert not np.isinf(kept_y).any()


@pytest.mark.parametrize(("n", "columns"), [(3, 10), (4, 0)])
def test_wrong_arguments(n, columns):
    with pytest.raises(ValueError, match="cannot reduce"):
        reduce_curve(np.zeros(4), np.zeros(n), columns)
