"""Associations, against scipy's."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from tui_runs.analysis.association import associations

METRIC = st.floats(-100, 100).map(lambda value: round(value, 1))
PAIRS = st.lists(st.tuples(st.integers(-4, 4), METRIC), min_size=3, max_size=30)


def of(values: list[object], metric: list[float | None]):
    frame = pl.DataFrame(
        {"params.p": values, "metrics.m": metric}, schema={"params.p": pl.String, "metrics.m": pl.Float64}
    )
    return associations(frame, "metrics.m", ["params.p"])


@given(PAIRS)
def test_numbers_by_rank_correlation(pairs: list[tuple[int, float]]) -> None:
    x, y = zip(*pairs, strict=True)
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    (found,) = of([str(value) for value in x], list(y))
    assert found.correlation == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert found.share == pytest.approx(found.correlation**2)
    assert (found.runs, found.distinct, found.small) == (len(x), len(set(x)), len(x) < 10)


@given(PAIRS)
def test_words_by_the_share_between_groups(pairs: list[tuple[int, float]]) -> None:
    x, y = zip(*pairs, strict=True)
    k, n = len(set(x)), len(x)
    assume(1 < k < n and len(set(y)) > 1)
    (found,) = of([f"word{value}" for value in x], list(y))
    h = stats.kruskal(*(np.array(y)[np.array(x) == value] for value in set(x))).statistic
    assert found.correlation is None
    assert found.share == pytest.approx(max(0.0, (h - k + 1) / (n - k)), abs=1e-9)
    assert (found.runs, found.distinct, found.small) == (n, k, n < max(10, 3 * k))


def test_missing_values_and_those_that_are_no_numbers_are_left_out() -> None:
    values = ["1", "2", "3", "nan", None, "4"]
    metric = [1.0, 2.0, math.nan, 4.0, 5.0, None]
    (found,) = of([*values, "0.5"], [*metric, 0.5])
    assert (found.runs, found.distinct) == (3, 3)
    assert found.correlation == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "metric"),
    [
        (["1", "1.0", "1e0"], [1.0, 2.0, 3.0]),
        (["a", "b", "b"], [1.0, 1.0, 1.0]),
        (["a", "b", "c"], [1.0, 2.0, 3.0]),
        ([None, None, None], [1.0, 2.0, 3.0]),
        (["1", "2", "3"], [math.nan, None, 1.0]),
        ([], []),
    ],
)
def test_nothing_to_say(values: list[object], metric: list[float | None]) -> None:
    assert of(values, metric) == []


def test_the_strongest_is_first_and_units_do_not_count() -> None:
    rng = np.random.default_rng(0)
    lr = 10.0 ** rng.uniform(-5, -1, 40)
    loss = np.exp(50 * lr) + rng.normal(0, 1e-6, 40)
    frame = pl.DataFrame(
        {
            "params.noise": [str(one) for one in rng.integers(0, 3, 40)],
            "params.opt": ["adam" if one < 1e-3 else "sgd" for one in lr],
            "params.lr": [repr(float(one)) for one in lr],
            "metrics.loss": loss,
        }
    )
    found = associations(frame, "metrics.loss", ["params.noise", "params.opt", "params.lr"])
    assert [one.column for one in found] == ["params.lr", "params.opt", "params.noise"]
    assert found[0].correlation == pytest.approx(1.0, abs=0.05)
    assert not any(one.small for one in found)
