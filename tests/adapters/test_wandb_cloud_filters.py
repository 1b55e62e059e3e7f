"""What is asked of W&B's cloud for what is wanted, beside what plain Python finds among all runs.

The filters are evaluated by the stand-in, as MongoDB's manual describes them; the service may do otherwise.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.runs_asked_for import EPOCH, StoredRun, asked_for
from tests.adapters.wandb_server import START, CloudRun, fits, in_order
from tui_runs.conditions import All, Compare, Condition, Either, Has, Not, OneOf, Order, Wanted, Word
from tui_runs_wandb.cloud.filters import questions_of

NAN, INF = math.nan, math.inf
STATUSES = {"running": "running", "finished": "finished", "crashed": "stale", "killed": "killed"}

keys = st.sampled_from(["a", "a/b"])
words = st.sampled_from(["x", "adam", "1", "1.0", "true", "nan", "[1]", "a", "null", ""])
numbers = st.sampled_from([0.0, 0.5, 1.0, -1.0, 1e300, INF, -INF, NAN])
summaries = st.dictionaries(keys, numbers | st.booleans() | words.filter(lambda word: word != "null"), max_size=3)


@st.composite
def projects(draw: st.DrawFn) -> list[CloudRun]:
    runs = []
    for number in range(draw(st.integers(0, 12))):
        run = CloudRun(
            f"id{number}", draw(st.sampled_from(["one", "two", "id1"])), state=draw(st.sampled_from(sorted(STATUSES))),
            config=draw(st.dictionaries(keys, words | st.integers(-1, 2) | st.booleans(), max_size=3)),
            summary=draw(summaries), tags=draw(st.lists(keys, max_size=2, unique=True)),
            created=START + timedelta(seconds=draw(st.integers(0, 5))),
        )  # fmt: skip
        runs.append(run)
    return runs


def stored(run: CloudRun) -> StoredRun:
    """The run as it is shown, worked out anew."""
    texts = {key: value for key, value in run.summary.items() if isinstance(value, str)}
    return StoredRun(
        run_id=run.name,
        name=run.display_name,
        user=run.user,
        source=None,
        status=STATUSES[run.state],
        deleted=False,
        started=round((run.created - EPOCH).total_seconds() * 1000),
        ended=None,
        experiment="p",
        params={k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in run.config.items()},
        tags={**{tag: tag for tag in run.tags}, **texts, "wandb.id": run.name},
        metrics={key: float(value) for key, value in run.summary.items() if not isinstance(value, str)},
    )


moments = st.integers(-2, 12).map(lambda half: START + timedelta(milliseconds=500 * half))
relations = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
columns = st.one_of(
    st.sampled_from(["run_id", "name", "user", "status", "started", "experiment", "tags.wandb.id", "host"]),
    st.builds("{}.{}".format, st.sampled_from(["params", "tags", "metrics"]), keys),
)
values = words | st.sampled_from(["running", "stale", "one", "id1", "ada"]) | numbers | moments
leaves = st.one_of(
    st.builds(Compare, st.builds("params.{}".format, keys), relations, numbers | words),
    st.builds(Compare, st.builds("metrics.{}".format, keys), relations, numbers),
    st.builds(Compare, columns, relations, values),
    st.builds(Compare, columns, st.sampled_from(["like", "~"]), words),
    st.builds(OneOf, columns, st.lists(values, max_size=3).map(tuple)),
    st.builds(Has, columns),
    st.builds(Word, words),
)
conditions: st.SearchStrategy[Condition] = leaves | st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(All, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Either, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=5,
)
orders = st.builds(Order, st.sampled_from(["metrics.a", "metrics.a/b", "started", "params.a", "name"]), st.booleans())
by_metric = st.builds(Order, st.just("metrics.a"), st.booleans())
wishes = st.one_of(
    st.builds(Wanted, conditions),
    st.builds(Wanted, st.just(All(())) | leaves, st.lists(orders, max_size=2), st.integers(0, 4)),
    st.builds(Wanted, st.just(All(())), st.tuples(by_metric), st.integers(1, 8)),
)


def found(wanted: Wanted, runs: list[CloudRun]) -> list[str] | None:
    """What the questions find."""
    questions = questions_of(wanted)
    if questions is None:
        return None
    ids: list[str] = []
    for question in questions:
        page = in_order([run for run in runs if fits(question.filter, run)], question.order)[: question.limit]
        ids += [run.name for run in page]
        if question.limit is not None and len(page) >= question.limit:
            break
    return ids


@given(projects(), st.lists(wishes, min_size=10, max_size=10))
def test_nothing_that_is_wanted_is_missing(runs: list[CloudRun], wanted: list[Wanted]) -> None:
    for one in wanted:
        check(runs, one)


def check(runs: list[CloudRun], wanted: Wanted) -> None:
    ids = found(wanted, runs)
    if ids is None:
        return
    everything = asked_for(Wanted(wanted.where), [stored(run) for run in runs])
    if wanted.limit is None:
        assert set(everything) <= set(ids)
        return
    # Whoever asked sorts and cuts what came: that is to give what it gives of all runs, but for equals.
    came = [stored(run) for run in runs if run.name in ids]
    few, all_of = asked_for(wanted, came), asked_for(wanted, [stored(run) for run in runs])
    assert len(few) == len(all_of)
    by_id = {run.name: stored(run) for run in runs}
    for order in wanted.order[:1]:
        assert [repr(_rank(by_id[run_id].value(order.column))) for run_id in few] == [
            repr(_rank(by_id[run_id].value(order.column))) for run_id in all_of
        ]


def _rank(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Compare("status", "=", "stale"), {"state": {"$in": ["crashed"]}}),
        (Compare("params.opt", "=", "adam"), {"config.opt": "adam"}),
        (Compare("run_id", "=", "abc"), {"name": "abc"}),
        (Has("metrics.loss"), {"summary_metrics.loss": {"$exists": True}}),
        (Compare("metrics.loss", "<", 0.3), {"$or": [
            {"summary_metrics.loss": {"$lt": 0.3}}, {"summary_metrics.loss": {"$in": ["-Infinity", False]}}]}),
        (OneOf("group", ("a", "b")), {"$or": [{"group": "a"}, {"group": "b"}]}),
        (Not(Compare("group", "=", "a")), {"$nor": [{"group": "a"}]}),
    ],
)  # fmt: skip
def test_filters(condition: Condition, expected: dict[str, Any]) -> None:
    questions = questions_of(Wanted(condition))
    assert questions is not None
    assert [question.filter for question in questions] == [expected]


@pytest.mark.parametrize(
    "condition",
    [
        Word("x"), Compare("params.lr", "=", "0.1"), Compare("params.a.b", "=", "x"),
        Compare("params.$where", "=", "x"),
        Compare("metrics.system/cpu", ">", 1.0), Compare("name", "like", "a%"), Compare("metrics.loss", "<", NAN),
        Either((Compare("group", "=", "a"), Word("x"))), Not(Compare("name", "=", "a")), Either(()),
    ],
)  # fmt: skip
def test_what_is_not_asked_for(condition: Condition) -> None:
    assert questions_of(Wanted(condition)) is None


def test_limits_only_where_the_order_is_certain() -> None:
    for order, limits in (
        ([], [5]),
        ([Order("started")], [5]),
        ([Order("metrics.loss", descending=True)], [None, 5, None]),
        ([Order("params.lr")], None),
        ([Order("metrics.loss"), Order("started")], None),
    ):
        questions = questions_of(Wanted(All(()), order, 5))
        assert (questions and [question.limit for question in questions]) == limits
