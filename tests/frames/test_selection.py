"""Which column a person means; how runs are selected and sorted is told with the filters and the commands."""

from __future__ import annotations

import polars as pl
import pytest

from tui_runs.adapter import RunBatch
from tui_runs.errors import UsageError
from tui_runs.frames.catalog import Catalog
from tui_runs.frames.selection import DERIVED, column_named
from tui_runs.schema import METRICS, PARAMS, RUNS, TAGS, conform


@pytest.fixture
def catalog() -> Catalog:
    """One run: params lr and both, metrics loss and both, tag "a,b"."""
    made = Catalog()
    made.apply(
        "s",
        RunBatch(
            conform(pl.DataFrame({"run_id": ["a"]}), RUNS),
            conform(pl.DataFrame({"run_id": ["a"] * 2, "key": ["lr", "both"], "value": ["1", "2"]}), PARAMS),
            conform(pl.DataFrame({"run_id": ["a"], "key": ["a,b"], "value": ["x"]}), TAGS),
            conform(pl.DataFrame({"run_id": ["a"] * 2, "key": ["loss", "both"], "last": [0.5, 0.25]}), METRICS),
        ),
    )
    return made


@pytest.mark.parametrize("name", [*RUNS, *DERIVED, "params.lr", "metrics.both", "tags.a,b", "min(metrics.loss)"])
def test_a_whole_name_is_that_column(catalog: Catalog, name: str) -> None:
    assert column_named(catalog, name) == name


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("lr", "params.lr"),
        ("loss", "metrics.loss"),
        ("a,b", "tags.a,b"),
        ("duration", "duration_s"),
        ("took", "duration_s"),
        ("age", "age_s"),
    ],
)
def test_what_people_call_it(catalog: Catalog, text: str, column: str) -> None:
    assert column_named(catalog, text) == column


@pytest.mark.parametrize(
    ("text", "says"),
    [("both", "is both params.both and metrics.both"), ("los", "There is no column"), ("params.loss", "no column")],
)
def test_what_is_no_column_or_several(catalog: Catalog, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        column_named(catalog, text)


def test_before_any_run_is_known_a_name_with_its_kind_is_taken_as_it_is() -> None:
    assert column_named(Catalog(), "params.lr") == "params.lr"
    with pytest.raises(UsageError):
        column_named(Catalog(), "lr")
