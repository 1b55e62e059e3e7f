"""The catalog against a plain model of what a source has said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.adapter import RunBatch
from tui_runs.frames.catalog import Catalog, Column, RunKey
from tui_runs.schema import METRICS, PARAMS, RUNS, conform, empty

START = datetime(2026, 11, 20, tzinfo=UTC)


def batch(
    runs: dict[str, dict[str, str]] | None = None, metrics: dict[tuple[str, str], float] | None = None
) -> RunBatch:
    """A batch of runs with their params, and of metrics."""
    runs, metrics = runs or {}, metrics or {}
    frame = pl.DataFrame(
        {"run_id": list(runs), "name": [f"name {run}" for run in runs]},
        schema={"run_id": pl.String, "name": pl.String},
    )
    params = [(run, key, value) for run, pairs in runs.items() for key, value in pairs.items()]
    points = [(run, key, value, START + timedelta(seconds=abs(value) % 100)) for (run, key), value in metrics.items()]
    return RunBatch(
        conform(frame, RUNS),
        pl.DataFrame(params, schema=dict(PARAMS), orient="row"),
        empty(PARAMS),
        conform(
            pl.DataFrame(
                points,
                schema={"run_id": pl.String, "key": pl.String, "last": pl.Float64, "last_time": METRICS["last_time"]},
                orient="row",
            ),
            METRICS,
        ),
    )


IDS = st.sampled_from(["r1", "r2", "r3", "r4"])
KEYS = st.sampled_from(["lr", "seed", "a/b", "üñí"])
VALUES = st.floats(-1e6, 1e6)
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("runs"),
            st.sampled_from(["s", "t"]),
            st.dictionaries(IDS, st.dictionaries(KEYS, st.text(max_size=5), max_size=3), min_size=1, max_size=3),
            st.dictionaries(st.tuples(IDS, KEYS), VALUES, max_size=4),
        ),
        st.tuples(
            st.just("metrics"),
            st.sampled_from(["s", "t"]),
            st.just({}),
            st.dictionaries(st.tuples(IDS, KEYS), VALUES, max_size=4),
        ),
        st.tuples(st.just("remove"), st.sampled_from(["s", "t"]), st.sets(IDS, max_size=2), st.just({})),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_wide_frames_say_what_a_plain_model_says(steps: list) -> None:
    catalog = Catalog()
    params: dict[RunKey, dict[str, str]] = {}
    metrics: dict[RunKey, dict[str, float]] = {}
    for kind, source, what, points in steps:
        if kind == "remove":
            catalog.remove(source, what)
            for run in what:
                params.pop(RunKey(source, run), None)
                metrics.pop(RunKey(source, run), None)
            continue
        for run, pairs in what.items():
            params[RunKey(source, run)] = dict(pairs)
            metrics[RunKey(source, run)] = {}
        for (run, key), value in points.items():
            if RunKey(source, run) in metrics:
                metrics[RunKey(source, run)][key] = value
        catalog.apply(source, batch(what, points))
    names = ["params.lr", "params.a/b", "metrics.lr", "metrics.üñí"]
    said = {
        RunKey(row["source"], row["run_id"]): [row[name] for name in names]
        for row in catalog.wide(names).iter_rows(named=True)
    }
    assert said == {
        run: [params[run].get("lr"), params[run].get("a/b"), metrics[run].get("lr"), metrics[run].get("üñí")]
        for run in params
    }
    assert len(catalog) == len(params)
    for run, pairs in params.items():
        assert dict(catalog.texts_of("params", run).iter_rows()) == pairs
        assert sorted(catalog.curves_of(run)) == sorted(metrics[run])


def test_a_metric_alone_moves_the_time_of_its_run() -> None:
    catalog = Catalog()
    catalog.apply("s", batch({"r1": {}, "r2": {}}))
    catalog.apply("s", batch(metrics={("r1", "loss"): 7.0}))
    updated = dict(catalog.wide(["updated"]).select("run_id", "updated").iter_rows())
    assert updated == {"r1": START + timedelta(seconds=7), "r2": None}


def test_a_run_said_anew_loses_what_it_no_longer_has() -> None:
    catalog = Catalog()
    catalog.apply("s", batch({"r1": {"lr": "1", "old": "x"}}, {("r1", "loss"): 1.0}))
    catalog.apply("s", batch({"r1": {"lr": "2"}}))
    row = catalog.wide(["params.lr", "params.old", "metrics.loss"]).row(0, named=True)
    assert (row["params.lr"], row["params.old"], row["metrics.loss"]) == ("2", None, None)


def test_words_are_found_in_params_names_and_ids_without_case() -> None:
    catalog = Catalog()
    catalog.apply("s", batch({"r1": {"opt": "AdamW"}, "r2": {"opt": "sgd"}, "adam3": {}}))
    assert set(catalog.containing("adam")["run_id"]) == {"r1", "adam3"}
    assert set(catalog.containing("NAME R2")["run_id"]) == {"r2"}
    assert catalog.containing(".*").is_empty()  # a word, not a pattern


def test_unknown_columns_are_null_and_names_with_dots_stay_whole() -> None:
    catalog = Catalog()
    catalog.apply("s", batch({"r1": {"model.depth.first": "3"}}))
    row = catalog.wide(["params.model.depth.first", "params.nope", "nonsense"]).row(0, named=True)
    assert row["params.model.depth.first"] == "3"
    assert row["params.nope"] is None
    assert row["nonsense"] is None
    assert Column.of("params.model.depth.first") == ("params", "model.depth.first")


def test_many_small_changes_do_not_pile_up() -> None:
    catalog = Catalog()
    catalog.apply("s", batch({f"r{i}": {"lr": str(i)} for i in range(5)}, {(f"r{i}", "loss"): 0.0 for i in range(5)}))
    for step in range(500):
        catalog.apply("s", batch(metrics={(f"r{step % 5}", "loss"): float(step)}))
    assert len(catalog._metrics) < 30
    assert sorted(catalog.wide(["metrics.loss"])["metrics.loss"]) == [495.0, 496.0, 497.0, 498.0, 499.0]


def test_a_metric_without_points_has_no_curve() -> None:
    catalog = Catalog()
    counts = {"loss": 3, "best": 0, "uncounted": None}
    metrics = pl.DataFrame(
        {"run_id": ["a"] * 3, "key": list(counts), "last": [1.0] * 3, "count": list(counts.values())}
    )
    runs = conform(pl.DataFrame({"run_id": ["a"]}), RUNS)
    catalog.apply("s", RunBatch(runs, empty(PARAMS), empty(PARAMS), conform(metrics, METRICS)))
    assert sorted(catalog.curves_of(RunKey("s", "a"))) == ["loss", "uncounted"]
    assert [catalog.has_curves(key) for key in (*counts, "unknown")] == [True, False, True, False]


def test_chunks_that_are_large_are_left_alone_and_what_was_said_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui_runs.frames.chunks._LARGE", 40)
    catalog, said = Catalog(), {}
    for step in range(120):
        runs = {f"r{step}": {"lr": str(step)}} if step < 100 else {}
        metrics = {(f"r{at}", "loss"): float(1000 * step + at) for at in range(0, step % 100 + 1, 3)}
        said.update(metrics)
        if runs:
            catalog.apply("s", batch(runs))
        catalog.apply("s", batch(metrics=metrics))
    shown = dict(catalog.wide(["metrics.loss"]).select("run_id", "metrics.loss").drop_nulls().iter_rows())
    assert shown == {run: value for (run, _), value in said.items()}
    assert [catalog.texts_of("params", RunKey("s", f"r{at}")).rows() for at in (0, 99)] == [
        [("lr", "0")],
        [("lr", "99")],
    ]
