"""The diff against its definition."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.diff import Delta, alike, compare, delta, deltas, diff_rows, sections

TEXTS = st.text(alphabet="ab.1 N", max_size=3)
RUNS = st.lists(st.dictionaries(st.text(max_size=3), TEXTS), min_size=1, max_size=5)


@given(RUNS, st.sampled_from(["tag", "environment", "code"]))
def test_a_row_a_key_with_the_values_of_every_run(runs: list[dict[str, str]], kind: str) -> None:
    rows = diff_rows(kind, runs)
    assert {row.key for row in rows} == {key for run in runs for key in run}
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert row.values == tuple(run.get(row.key) for run in runs)
        assert row.differs == any(run.get(row.key) != runs[0].get(row.key) for run in runs)
    assert rows == diff_rows(kind, runs, exact=True)


@given(RUNS)
def test_params_that_are_no_numbers_differ_as_they_are_stored(runs: list[dict[str, str]]) -> None:
    worded = [{key: f"x{value}" for key, value in run.items()} for run in runs]
    assert [row.differs for row in diff_rows("param", worded)] == [row.differs for row in diff_rows("tag", worded)]
    assert [row.differs for row in diff_rows("param", runs, exact=True)] == [
        row.differs for row in diff_rows("tag", runs)
    ]


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.none()))
def test_a_value_is_the_same_as_python_and_as_json_write_it(value: object) -> None:
    assert alike("param", str(value), json.dumps(value).replace("NaN", "nan"))


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_numbers_of_params_are_compared_as_such(one: float, other: float) -> None:
    assert alike("param", repr(one), f"{other:.17e}") == (one == other)
    assert alike("metric", one, other) == (one == other)


@given(st.integers(), st.integers(min_value=-2, max_value=2))
def test_seeds_are_told_apart_however_long(seed: int, more: int) -> None:
    assert alike("param", str(seed), str(seed + more)) == (more == 0)


def test_numbers_beyond_floats_are_told_apart() -> None:
    assert not alike("param", "9" * 5000, "9" * 4999 + "8")
    assert not alike("param", "9" * 500, "9" * 499 + "8")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1e-3", "0.001", True),
        ("1", "1.0", True),
        ("-0.0", "0", True),
        ("nan", "NaN", True),
        ("inf", "-inf", False),
        ("True", "true", True),
        ("None", "null", True),
        ("none", "null", False),
        ("", None, False),
        ("nan", None, False),
        ("nan", "", False),
        ("None", None, False),
        ("1_000", "1000", False),
        (" 1", "1", False),
        ("1e999", "1e998", False),
    ],
)
def test_params_that_mean_the_same(one: str, other: str | None, same: bool) -> None:
    assert alike("param", one, other) is same
    assert alike("param", other, one) is same


def test_versions_are_no_numbers() -> None:
    assert not alike("environment", "3.1", "3.10")
    assert not alike("tag", "1e3", "1000")


def test_missing_empty_and_nan_are_three_things() -> None:
    (row,) = diff_rows("param", [{"k": ""}, {}])
    assert row.differs
    (row,) = diff_rows("metric", [{"k": math.nan}, {"k": math.nan}])
    assert not row.differs
    (row,) = diff_rows("metric", [{"k": math.nan}, {}])
    assert row.differs


class TestCompare:
    RUNS = (
        {"metric": {"val_loss": 1.0, "epoch": 3.0}, "param": {"seed": "1", "lr": "1e-3"}, "run": {"host": "a"}},
        {"param": {"seed": "2", "lr": "0.001"}, "run": {"host": "b"}, "licence": {"seed": "x"}, "tag": {"seed": "1"}},
    )

    def test_kinds_and_metrics_come_in_order_of_interest(self) -> None:
        names = ["params.lr", "params.seed", "metrics.val_loss", "metrics.epoch", "tags.seed", "host", "licence.seed"]
        assert [row.name for row in compare(self.RUNS)] == names
        assert [row.name for row in compare(self.RUNS, differing=True)] == [one for one in names if one != "params.lr"]
        assert "params.lr" in [row.name for row in compare(self.RUNS, differing=True, exact=True)]

    @pytest.mark.parametrize(
        ("patterns", "left"),
        [(["seed"], 4), ([r"^params\."], 5), (["^host$", "loss"], 5), (["^loss"], 7), ([r"^tags\.seed$"], 6), ([], 7)],
    )
    def test_ignored_by_name(self, patterns: list[str], left: int) -> None:
        assert len(compare(self.RUNS, ignore=[re.compile(pattern) for pattern in patterns])) == left

    def test_of_one_run_and_of_none(self) -> None:
        assert not any(row.differs for row in compare(self.RUNS[:1]))
        assert compare([]) == []


class TestSections:
    def test_nested_keys_stand_below_their_parent(self) -> None:
        keys = [
            "lr",
            "model.depth",
            "model.width",
            "model.head.a",
            "model.head.b",
            "data/train",
            "data/val/x",
            "solo.x",
        ]
        rows = diff_rows("param", [dict.fromkeys(keys, "1")])
        found = {section.parent: [section.leaf(row) for row in section.rows] for section in sections(rows)}
        assert found == {
            "": ["lr", "solo.x"],
            "data": ["train", "val/x"],
            "model": ["depth", "width"],
            "model.head": ["a", "b"],
        }

    def test_metrics_stay_as_they_are(self) -> None:
        rows = compare([{"metric": {"train/loss": 1.0, "val/loss": 1.0, "val/acc": 1.0}, "tag": {"a": "1"}}])
        assert [(one.kind, one.parent, len(one.rows)) for one in sections(rows)] == [("metric", "", 3), ("tag", "", 1)]

    @given(st.lists(st.text(alphabet="ab./", max_size=6)))
    def test_every_row_is_there_once_and_its_key_can_be_put_together(self, keys: list[str]) -> None:
        rows = diff_rows("param", [dict.fromkeys(keys, "1")])
        found = sections(rows)
        assert sorted(row.key for one in found for row in one.rows) == sorted(row.key for row in rows)
        for one in found:
            for row in one.rows:
                assert not one.parent or re.fullmatch(re.escape(one.parent) + "[./].+", row.key)
                assert row.key.endswith(one.leaf(row))


class TestDeltas:
    def test_one(self) -> None:
        assert delta(3.0, 2.0, "lower") == Delta(1.0, 1.5, 0.5, better=False)
        assert delta(-3.0, -2.0, "lower") == Delta(-1.0, 1.5, -0.5, better=True)
        assert delta(3.0, 0.0, "higher") == Delta(3.0, None, None, better=True)
        assert delta("3e-4", "1e-4") == Delta(pytest.approx(2e-4), pytest.approx(3.0), pytest.approx(2.0), None)
        assert delta(2.0, 2.0, "higher") == Delta(0.0, 1.0, 0.0, None)
        for pair in ((math.nan, 1.0), (1.0, math.inf), ("a", 1.0), (1.0, ""), (None, 1.0), (1.0, None)):
            assert delta(*pair) is None

    def test_against_a_baseline_or_the_run_before(self) -> None:
        (row,) = diff_rows("metric", [{"loss": 4.0}, {"loss": 2.0}, {}, {"loss": 3.0}])
        assert [one and one.difference for one in deltas(row)] == [None, -2.0, None, -1.0]
        assert [one and one.difference for one in deltas(row, 1)] == [2.0, None, None, 1.0]
        assert [one and one.difference for one in deltas(row, None)] == [None, -2.0, None, None]
        assert [one and one.better for one in deltas(row, 0, "lower")] == [None, True, None, True]

    def test_versions_have_none(self) -> None:
        (row,) = diff_rows("environment", [{"python": "3.11"}, {"python": "3.12"}])
        assert deltas(row) == (None, None)
        (row,) = diff_rows("run", [{"duration_s": 10.0}, {"duration_s": 5.0}])
        assert deltas(row)[1] == Delta(-5.0, 0.5, -0.5, None)
