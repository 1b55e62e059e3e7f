"""What is wanted of the runs as a filter of MLflow's, beside mlflow's own parser and its own search in files."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.runs_asked_for import EPOCH, StoredRun, asked_for
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Order, Wanted, Word
from tui_runs_mlflow.tracking_server.filters import search_of

NAN, INF = math.nan, math.inf
START = 1_700_000_000_000

texts = st.text(alphabet="aAkKsS%_\\ éİı\u212aſ1.'\"`\n;-", max_size=4)
keys = st.sampled_from(
    ["a", "A", "b.c", "a b", "it's", 'say "x"', "back`tick", "and", "order", "a/b", "λ", "x=1", "--"]
)
numbers = st.sampled_from([0.0, -0.0, 0.5, -1.0, 5e-324, 1e22, -1e-7, INF, -INF, NAN])
names = texts.filter(bool)
times = st.integers(0, 3).map(lambda number: START + number)


def _stored(name: str, tags: dict[str, str], **values: Any) -> StoredRun:
    return StoredRun(name=name, user=None, source=None, tags={**tags, "mlflow.runName": name}, deleted=False, **values)


stored_runs = st.builds(
    _stored,
    names,
    st.dictionaries(keys | st.sampled_from(["mlflow.note.content", "mlflow.parentRunId"]), texts, max_size=3),
    run_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    status=st.sampled_from(["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]),
    started=times,
    ended=st.none() | times,
    experiment=st.sampled_from(["Default", "Änd%"]),
    params=st.dictionaries(keys, texts, max_size=3),
    metrics=st.dictionaries(keys, numbers, max_size=3),
)
stores = st.lists(stored_runs, max_size=8, unique_by=lambda run: run.run_id)

moments = st.integers(-1500, 4500).map(lambda us: EPOCH + timedelta(milliseconds=START, microseconds=us))
operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "like", "ilike", "~"])
columns = (
    st.sampled_from(["name", "run_id", "user", "notes", "parent_id", "experiment", "status", "started", "ended"])
    | st.builds("{}.{}".format, st.sampled_from(["params", "tags", "metrics"]), keys)
    | st.just("metrics")
)
values = texts | numbers | moments | st.sampled_from(["running", "finished", "stale", "Default"])
comparisons = st.builds(Compare, columns, operators, values).filter(
    lambda one: one.operator != "~" or not isinstance(one.value, str) or "\\" not in one.value
)
simple = comparisons | st.builds(OneOf, columns, st.lists(values, max_size=3).map(tuple))
simple = simple | st.builds(Has, columns) | st.builds(Word, names)
conditions: st.SearchStrategy[Condition] = st.recursive(
    simple,
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(lambda parts: All(tuple(parts)), st.lists(inner, max_size=4))
        | st.builds(lambda parts: Either(tuple(parts)), st.lists(inner, max_size=3))
    ),
    max_leaves=6,
)
orders = st.lists(st.builds(Order, columns, st.booleans()), max_size=2, unique_by=lambda order: order.column).map(tuple)


def entity(run: StoredRun) -> Any:
    """A run as mlflow's own code has it."""
    from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag

    data = RunData(
        [Metric(key, value, START, 0) for key, value in run.metrics.items()],
        [Param(key, value) for key, value in run.params.items()],
        [RunTag(key, value) for key, value in run.tags.items()],
    )
    info = RunInfo(
        run_id=run.run_id, experiment_id="0", user_id="", status=run.status, start_time=run.started,
        end_time=run.ended, lifecycle_stage="active", run_name=run.name,
    )  # fmt: skip
    return Run(info, data)


def found_by_mlflow(wanted: Wanted, runs: list[StoredRun]) -> tuple[list[str], bool] | None:
    """What a server that keeps these runs in files would find, and whether it was asked to cut at the limit."""
    from mlflow.utils.search_utils import SearchUtils

    search = search_of(wanted, with_deleted=False)
    if search is None:
        return None
    chosen = [run for run in runs if search.experiments is None or run.experiment in search.experiments]
    found = SearchUtils.filter([entity(run) for run in chosen], search.where)
    ordered = SearchUtils.sort(found, list(search.order))
    return [run.info.run_id for run in ordered[: search.limit]], search.limit is not None


@given(stores, conditions, orders, st.none() | st.integers(0, 4))
def test_nothing_that_is_wanted_is_missing(
    runs: list[StoredRun], where: Condition, order: tuple[Order, ...], limit: int | None
) -> None:
    wanted = Wanted(where, order, limit)
    said = found_by_mlflow(wanted, runs)
    if said is None:
        return
    found, cut = said
    if not cut:
        assert set(found) >= set(asked_for(wanted, runs))
        return
    # Which of equal ones come first is nobody's wish; what they are sorted by is.
    by_id = {run.run_id: run for run in runs}
    fitting = set(asked_for(Wanted(where), runs))
    assert set(found) <= fitting
    expected = asked_for(wanted, runs)
    for one in order:
        ours, theirs = (
            [repr(_sortable(by_id[run_id].value(one.column))) for run_id in ids] for ids in (expected, found)
        )
        assert sorted(ours) == sorted(theirs)
        break
    assert len(found) == len(expected)


def _sortable(value: Any) -> Any:
    return None if value is None or value != value else value + 0.0 if isinstance(value, float) else value


@given(st.sampled_from(["params", "tags"]), keys, st.text(max_size=8))
def test_mlflows_parser_gives_back_what_was_said(kind: str, key: str, value: str) -> None:
    from mlflow.utils.search_utils import SearchUtils

    search = search_of(Wanted(Compare(f"{kind}.{key}", "=", value)), with_deleted=False)
    if search is not None:
        parsed = SearchUtils.parse_search_filter(search.where)
        assert [(one["key"], one["comparator"], one["value"]) for one in parsed] == [(key, "=", value)]


@given(keys, st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["<", ">=", "="]))
def test_mlflows_parser_gives_back_numbers(key: str, value: float, operator: Any) -> None:
    from mlflow.utils.search_utils import SearchUtils

    search = search_of(Wanted(Compare(f"metrics.{key}", operator, value)), with_deleted=False)
    if search is not None:
        parsed = SearchUtils.parse_search_filter(search.where)
        assert [(one["key"], one["comparator"], float(one["value"])) for one in parsed] == [(key, operator, value)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (All(()), None),
        (Word("x"), None),
        (Compare("params.lr", "=", 0.1), None),
        (Compare("params.opt", "=", "adam"), "params.`opt` = 'adam'"),
        (Compare("tags.a b", "!=", "it's"), 'tags.`a b` != "it\'s"'),
        (Compare("tags.a", "=", "'\""), None),
        (Compare("metrics.loss", "<", 1e22), "metrics.`loss` < 1e22"),
        (Compare("metrics.loss", "<", INF), None),
        (Compare("status", "=", "running"), "attributes.status = 'RUNNING'"),
        (Compare("status", "=", "stale"), None),
        (Compare("name", "like", "res%net"), "attributes.run_name LIKE 'res%'"),
        (Compare("name", "ilike", "resnet%"), "attributes.run_name ILIKE 're_net%'"),
        (Compare("name", "like", "%net"), None),
        (Compare("name", "like", "a\\b%"), "attributes.run_name LIKE 'a%'"),
        (Compare("name", "ilike", "aé%"), "attributes.run_name ILIKE 'a%'"),
        (Compare("name", "~", "net"), None),
        (OneOf("run_id", ("a", "b")), "attributes.run_id IN ('a', 'b')"),
        (Compare("started", ">", EPOCH + timedelta(milliseconds=5, microseconds=1)), "attributes.start_time > 5"),
        (Compare("started", ">=", EPOCH + timedelta(milliseconds=5, microseconds=1)), "attributes.start_time >= 6"),
        (All((Word("x"), All((Compare("notes", "=", "n"),)))), "tags.`mlflow.note.content` = 'n'"),
        (Either((Compare("params.opt", "=", "adam"),)), None),
    ],
    ids=str,
)  # fmt: skip
def test_in_words(where: Condition, expected: str | None) -> None:
    search = search_of(Wanted(where), with_deleted=False)
    assert (search.where if search else None) == expected


def test_status_is_not_asked_for_where_deleted_runs_have_another() -> None:
    assert search_of(Wanted(Compare("status", "!=", "running")), with_deleted=True) is None


@pytest.mark.parametrize(
    ("wanted", "limit"),
    [
        (Wanted(limit=5), 5),
        (Wanted(order=[Order("metrics.loss", descending=True)], limit=5), 5),
        (Wanted(order=[Order("params.opt")], limit=5), None),
        (Wanted(Compare("params.opt", "=", "adam"), limit=5), 5),
        (Wanted(Compare("params.opt", "like", "adam%"), limit=5), None),
        (Wanted(All((Word("x"), Compare("params.opt", "=", "a"))), limit=5), None),
        (Wanted(Compare("metrics.acc", ">", 0.9), limit=5), 5),
        (Wanted(Compare("metrics.loss", "<", 0.9), limit=5), None),
    ],
    ids=str,
)
def test_limit_is_left_to_the_server_only_where_it_understands_all_else(wanted: Wanted, limit: int | None) -> None:
    search = search_of(wanted, with_deleted=False)
    assert (search.limit if search else None) == limit
