"""What the series of a collection add up to, worked out again in plain Python, and by the other readers' sums."""

from __future__ import annotations

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tui_runs_dirs.collections.gathering import Gathered, Points, metrics_of
from tui_runs_dirs.totals import totals_of

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.sampled_from(["loss", "acc"]),
        st.integers(-3, 3),
        st.floats(),
    ),
    max_size=12,
)


def same(left: object, right: object) -> bool:
    return repr(left) == repr(right) or left == right  # NaN is not NaN, and 0.0 is -0.0


@given(rows=ROWS)
def test_metrics_are_what_the_points_add_up_to(rows: list[tuple[str, str, int, float]]) -> None:
    points = Points()
    for number, (run_id, key, step, value) in enumerate(rows):
        points.add(run_id, key, step, number, value)
    frame = points.frame()
    said = {(row["run_id"], row["key"]): row for row in metrics_of(frame).iter_rows(named=True)}
    assert said.keys() == {row[:2] for row in rows}
    for series, row in said.items():
        mine = [(step, value) for run_id, key, step, value in rows if (run_id, key) == series]
        latest = max(step for step, _ in mine)
        assert same(row["last"], [value for step, value in mine if step == latest][-1])
        assert (row["last_step"], row["count"], row["exact"]) == (latest, len(mine), True)
        numbers = [value for _, value in mine if not math.isnan(value)]
        assert same(row["min"], min(numbers, default=math.nan))
        assert same(row["max"], max(numbers, default=math.nan))
        if numbers:
            assert row["min_step"] == next(step for step, value in mine if value == min(numbers))
            assert row["max_step"] == next(step for step, value in mine if value == max(numbers))
    for run_id in {row[0] for row in rows}:
        for key, total in totals_of(frame.filter(pl.col("run_id") == run_id)).items():
            row = said[run_id, key]
            assert same(total.last, row["last"])
            assert (total.last_step, total.points) == (row["last_step"], row["count"])
            assert same(total.low, row["min"])
            assert same(total.high, row["max"])


def test_nothing_is_said_of_runs_that_are_not_there() -> None:
    gathered = Gathered(
        runs={"here": {"status": "finished", "name": "b\udcffad"}},
        params={("here", "a"): "1", ("gone", "a"): "2"},
        tags={("gone", "t"): "2"},
        summary={("here", "loss"): 1.5, ("gone", "loss"): 2.5, ("here", "acc"): 9.0},
        details=[("gone", "g", "i", "k", "v")],
    )
    points = Points()
    points.add("here", "acc", None, None, 0.5)
    points.add("gone", "acc", 3, None, 0.5)
    points.add("here", "acc", None, None, 0.25)
    reading = gathered.reading(points.frame())
    assert reading.batch.runs["name"].to_list() == ["b\\udcffad"]
    assert reading.batch.params.rows() == [("here", "a", "1")]
    assert reading.batch.tags.is_empty()
    assert reading.details.is_empty()
    assert reading.history.rows() == [("here", "acc", 0, None, 0.5), ("here", "acc", 1, None, 0.25)]
    last = {key: (value, count) for key, value, count in reading.batch.metrics.select("key", "last", "count").rows()}
    assert last == {"acc": (0.25, 2), "loss": (1.5, 0)}  # a series is believed before a last value
