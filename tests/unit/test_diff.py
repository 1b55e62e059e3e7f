"""The diff against its definition."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.diff import diff_rows, relative_change

RUNS = st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=2)), min_size=1, max_size=5)


@given(RUNS)
def test_a_row_a_key_with_the_values_of_every_run(runs: list[dict[str, str]]) -> None:
    rows = diff_rows("param", runs)
    assert {row.key for row in rows} == {key for run in runs for key in run}
    assert len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert row.values == tuple(run.get(row.key) for run in runs)
        assert row.differs == any(run.get(row.key) != runs[0].get(row.key) for run in runs)


def test_missing_empty_and_nan_are_three_things() -> None:
    (row,) = diff_rows("param", [{"k": ""}, {}])
    assert row.differs
    (row,) = diff_rows("metric", [{"k": math.nan}, {"k": math.nan}])
    assert not row.differs
    (row,) = diff_rows("metric", [{"k": math.nan}, {}])
    assert row.differs


def test_relative_change() -> None:
    assert relative_change(3.0, 2.0) == 0.5
    assert relative_change(-3.0, -2.0) == -0.5
    assert relative_change(1.0, 0.0) is None
    assert relative_change(math.nan, 1.0) is None
    assert relative_change("a", 1.0) is None
