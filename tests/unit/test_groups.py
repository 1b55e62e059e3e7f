"""Groups against the standard library's statistics, row by row."""

from __future__ import annotations

import math
import re
import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.diff import alike
from tui_runs.analysis.groups import (
    COUNT,
    MEMBERS,
    all_but,
    group_runs,
    mean_and_deviation,
    several,
    statistic,
)
from tui_runs.schema import STATUS

TEXTS = st.one_of(st.none(), st.sampled_from(["", "1", "1.0", "1e0", "2", "nan", "NaN", "a", "True", "true"]))
NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]))
ROWS = st.lists(st.tuples(TEXTS, TEXTS, NUMBERS, st.sampled_from([None, "running", "failed"])), max_size=12)
SCHEMA = {"params.a": pl.String, "tags.b": pl.String, "metrics.m": pl.Float64, "status": STATUS}


def frame_of(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(ROWS, st.sampled_from([[], ["params.a"], ["tags.b"], ["params.a", "tags.b"], ["status", "params.a"]]))
def test_every_group_against_its_rows(rows: list[tuple[object, ...]], by: list[str]) -> None:
    frame = frame_of(rows)
    grouped = group_runs(frame, by)
    seen: list[int] = []
    for group in grouped.iter_rows(named=True):
        members = group[MEMBERS]
        seen += members
        first = frame.row(members[0], named=True)
        assert members == [at for at, row in enumerate(frame.iter_rows(named=True)) if all(
            alike("param", row[name], first[name]) if name.startswith("params.") else row[name] == first[name]
            for name in by
        )]  # fmt: skip
        assert group[COUNT] == len(members)
        numbers = [rows[at][2] for at in members]
        finite = [value for value in numbers if isinstance(value, float) and math.isfinite(value)]
        assert group["metrics.m@n"] == len(finite)
        expected = {"mean": statistics.mean, "min": min, "max": max, "median": statistics.median}
        for which, work in expected.items():
            said = group[statistic("metrics.m", which)]  # type: ignore[arg-type]
            assert said is None if not finite else said == pytest.approx(work(finite), abs=1e-6)
        deviation = group["metrics.m@std"]
        assert deviation is None if len(finite) < 2 else deviation == pytest.approx(statistics.stdev(finite), abs=1e-4)
        for name in SCHEMA:
            if name in by:
                assert group[name] == first[name]
            elif name != "metrics.m":
                values = {frame[name][at] for at in members}
                assert group[several(name)] == (len(values) > 1)
                assert group[name] == (first[name] if len(values) == 1 else None)
    assert sorted(seen) == list(range(len(rows)))
    assert [group[0] for group in grouped[MEMBERS]] == sorted(group[0] for group in grouped[MEMBERS])


def test_columns_and_types() -> None:
    grouped = group_runs(
        frame_of([("1", "x", 1.0, "running"), ("1", "y", 3.0, "failed"), ("2", None, None, None)]), ["params.a"]
    )
    assert dict(grouped.schema) == {
        "params.a": pl.String, COUNT: pl.UInt32, MEMBERS: pl.List(pl.UInt32), "metrics.m": pl.Float64,
        "metrics.m@std": pl.Float64, "metrics.m@min": pl.Float64, "metrics.m@max": pl.Float64,
        "metrics.m@median": pl.Float64, "metrics.m@n": pl.UInt32, "tags.b": pl.String, "tags.b@several": pl.Boolean,
        "status": STATUS, "status@several": pl.Boolean,
    }  # fmt: skip
    assert grouped.row(0) == ("1", 2, [0, 1], 2.0, math.sqrt(2), 1.0, 3.0, 2.0, 2, None, True, None, True)
    assert grouped.row(1) == ("2", 1, [2], None, None, None, None, None, 0, None, False, None, False)
    assert group_runs(frame_of([]), ["params.a"]).schema == grouped.schema
    assert group_runs(frame_of([]), []).height == 0


def test_missing_empty_and_nan_are_groups_of_their_own() -> None:
    frame = pl.DataFrame({"tags.b": [None, "", "x", ""], "metrics.m": [math.nan, None, 1.0, math.nan]})
    assert group_runs(frame, ["tags.b"])[COUNT].to_list() == [1, 2, 1]
    assert group_runs(frame, ["metrics.m"])[COUNT].to_list() == [2, 1, 1]


class TestAllBut:
    @pytest.mark.parametrize(
        "key", ["seed", "random_seed", "seed_everything", "train.seed", "Seed", "data/seed", "seeds", "seed.torch"]
    )
    def test_the_seed_does_not_tell_groups_apart(self, key: str) -> None:
        frame = pl.DataFrame(
            {f"params.{key}": ["1", "2", "3"], "params.lr": ["1", "1", "2"], "metrics.m": [1.0, 2.0, 3.0]}
        )
        assert all_but(frame) == ["params.lr"]
        assert group_runs(frame, all_but(frame))[COUNT].to_list() == [2, 1]

    def test_only_what_differs(self) -> None:
        frame = pl.DataFrame(
            {
                "params.same": ["1", "1.0", "1e0"],
                "params.some": ["1", None, "1"],
                "params.empty": ["", "", None],
                "params.none": pl.Series([None, None, None], dtype=pl.String),
                "params.seedling": ["a", "b", "b"],
                "tags.t": ["a", "b", "c"],
            }
        )
        assert all_but(frame) == ["params.some", "params.empty", "params.seedling"]
        assert all_but(frame, re.compile("some|^empty$")) == ["params.seedling"]
        assert all_but(frame.head(1)) == []
        assert all_but(frame.clear()) == []


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (0.2128, 0.01234, "0.213 ± 0.012"),
        (0.2128, 0.0999, "0.213 ± 0.100"),
        (12.345, 1.5, "12.3 ± 1.5"),
        (1234.5, 120.0, "1234 ± 120"),
        (0.00012, 0.00001, "0.000120 ± 0.000010"),
        (3e-9, 1e-10, "3e-09 ± 1e-10"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.5, None, "0.5"),
        (None, None, "—"),
    ],
)  # fmt: skip
def test_text(mean: float | None, deviation: float | None, text: str) -> None:
    assert mean_and_deviation({"m": mean, "m@std": deviation}, "m") == text
