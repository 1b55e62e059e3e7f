from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.distributions import box_of, by_category, histogram_of, measure

finite = st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


class TestBox:
    @given(samples)
    def test_quartiles_are_numpys(self, values):
        box = box_of(values)
        expected = np.quantile(values, [0.25, 0.5, 0.75])
        assert [box.q1, box.median, box.q3] == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert box.count == len(values)

    def test_by_hand(self):
        # Ten values: the quartiles lie at places 2.25, 4.5 and 6.75, the fences at 3.25 - 6.75 and 7.75 + 6.75.
        box = box_of([7, 1, 2, 3, 4, 5, 6, 8, 9, 50])
        assert (box.q1, box.median, box.q3) == (3.25, 5.5, 7.75)
        assert (box.low, box.high, box.outliers) == (1, 9, (50,))

    def test_a_value_on_the_fence_is_no_outlier(self):
        # The quartiles of 0 0 4 4 ... are 0 and 4: the fences lie at -6 and 10.
        values = [0] * 9 + [4] * 9
        assert box_of([*values, 10, -6]).outliers == ()
        assert box_of([*values, 10.001, -6.001]).outliers == (-6.001, 10.001)

    @given(st.lists(finite, min_size=1, max_size=30))
    def test_holds_every_value_however_great(self, values):
        box = box_of(values)
        numbers = [box.low, box.q1, box.median, box.q3, box.high]
        assert all(map(math.isfinite, numbers))
        assert numbers == sorted(numbers)
        inside = [value for value in values if box.low <= value <= box.high]
        assert sorted([*inside, *box.outliers]) == sorted(values)

    def test_whiskers_without_a_box(self):
        box = box_of([1, 1, 1, 1, 100])
        assert (box.low, box.high, box.outliers) == (1, 1, (100,))


class TestHistogram:
    @given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200))
    def test_bins_are_freedman_and_diaconis(self, values):
        q1, q3 = np.quantile(values, [0.25, 0.75])
        if (max(values) - min(values)) / 1e4 >= q3 - q1:
            return  # numpy would make no bins, or millions
        edges, counts = histogram_of(values, 10**6)
        expected = np.histogram_bin_edges(values, "fd")
        # A width that divides the range to the last bit may round to one bin more or less.
        if len(edges) == len(expected):
            assert edges == pytest.approx(expected, rel=1e-9, abs=1e-9)
        else:
            width = 2 * (q3 - q1) / np.cbrt(len(values))
            assert (max(values) - min(values)) / width == pytest.approx(len(edges) - 1.5, abs=0.501)
            assert abs(len(edges) - len(expected)) == 1
        assert counts.tolist() == np.histogram(values, edges)[0].tolist()

    def test_by_hand(self):
        # n = 8, the quartiles are 1.75 and 5.25, so 2 * 3.5 / 2 = 3.5 is the width, and 7 / 3.5 = 2 are the bins.
        edges, counts = histogram_of(range(8), 50)
        assert edges.tolist() == [0, 3.5, 7]
        assert counts.tolist() == [4, 4]

    def test_sturges_where_the_quartiles_are_equal(self):
        edges, counts = histogram_of([0] * 15 + [5], 50)
        assert len(counts) == 5  # log2(16) + 1
        assert counts.tolist() == [15, 0, 0, 0, 1]
        assert edges == pytest.approx([0, 1, 2, 3, 4, 5])

    def test_equal_widths_on_a_logarithmic_axis(self):
        edges, counts = histogram_of([10.0**power for power in range(8)], 50, log=True)
        assert np.log10(edges) == pytest.approx([0, 3.5, 7])
        assert counts.tolist() == [4, 4]

    def test_no_more_bins_than_asked_for(self):
        assert len(histogram_of(np.linspace(0, 1, 10_000), 12).counts) == 12

    def test_one_value(self):
        edges, counts = histogram_of([3.5] * 4, 50)
        assert (edges.tolist(), counts.tolist()) == ([3.5, 3.5], [4])

    @given(st.lists(finite, min_size=1, max_size=40), st.integers(1, 80))
    def test_counts_every_value_however_great(self, values, most):
        edges, counts = histogram_of(values, most)
        assert counts.sum() == len(values)
        assert (edges[0], edges[-1]) == (min(values), max(values))
        assert (np.diff(edges / 4) >= 0).all()
        assert len(counts) <= most

    @given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=40))
    def test_counts_every_value_of_a_logarithmic_axis(self, values):
        edges, counts = histogram_of(values, 30, log=True)
        assert counts.sum() == len(values)
        assert (edges[0], edges[-1]) == (min(values), max(values))


class TestMeasure:
    FRAME = pl.DataFrame(
        {
            "run_id": list("abcdefg"),
            "metrics.loss": [1.0, None, math.nan, math.inf, 0.0, 2.0, 3.0],
            "params.lr": ["0.1", "1e-3", "1", "1", " 2 ", None, "nan"],
            "params.opt": ["adam", "sgd", "", "adam", "adam", None, "sgd"],
        }
    )

    def test_what_cannot_be_shown_is_counted_once(self):
        frame, left_out = measure(self.FRAME, "metrics.loss", "params.lr")
        assert frame.rows() == [("a", 1.0, 0.1), ("e", 0.0, 2.0)]
        assert left_out == {"missing": 2, "NaN": 2, "±∞": 1}

    def test_on_a_logarithmic_axis(self):
        frame, left_out = measure(self.FRAME, "metrics.loss", log_metric=True)
        assert frame["run_id"].to_list() == ["a", "f", "g"]
        assert left_out == {"missing": 1, "NaN": 1, "±∞": 1, "≤ 0": 1}

    def test_words_stay_words_and_an_empty_one_is_one(self):
        frame, left_out = measure(self.FRAME, "metrics.loss", "params.opt", log_against=True)
        assert frame["x"].to_list() == ["adam", "adam", "sgd"]
        assert left_out == {"missing": 2, "NaN": 1, "±∞": 1}
        made = self.FRAME.with_columns(pl.lit(1.0).alias("metrics.loss"))
        assert "" in measure(made, "metrics.loss", "params.opt").frame["x"].to_list()

    def test_times_are_seconds(self):
        at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        frame = pl.DataFrame({"run_id": ["a"], "m": [1.0], "started": [at]})
        assert measure(frame, "m", "started").frame["x"].to_list() == [at.timestamp()]


class TestCategories:
    def test_numbers_in_order_of_size_words_of_the_alphabet(self):
        numbers = pl.DataFrame({"x": [10.0, 9.0, 10.0], "value": [1.0, 2.0, 3.0]})
        found = by_category(numbers, 5)
        assert found.values == [9.0, 10.0]
        assert found.frame["place"].to_list() == [1, 0, 1]
        words = pl.DataFrame({"x": ["b", "C", "a"], "value": [1.0, 2.0, 3.0]})
        assert by_category(words, 5).values == ["a", "b", "C"]

    def test_the_most_frequent_ones_stay(self):
        frame = pl.DataFrame({"x": list("abbcccd"), "value": [0.0] * 7})
        found = by_category(frame, 2)
        assert found.values == ["b", "c"]
        assert found.frame["x"].to_list() == list("bbccc")
        assert (found.others, found.runs) == (2, 2)
