"""Histories against a source that is simulated: whatever the order of answers, no point is lost or held twice."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.contract import Point
from tests.adapters.mlflow_stores import START, HandMadeStore
from tui_runs.adapter import Cursor, History
from tui_runs.frames.histories import Histories, HistoryRequest, SeriesKey
from tui_runs.frames.workspace import Workspace
from tui_runs.schema import HISTORY, empty
from tui_runs.sources.discover import find

WHEN = datetime(2026, 11, 20, tzinfo=UTC)


class Store:
    """Series that grow; answers a few points at a time."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, str], list[float]] = {}

    def history(self, run_ids: tuple[str, ...], metrics: tuple[str, ...], cursor: Cursor, budget: int) -> History:
        position = dict(cursor)
        rows = []
        complete = True
        for run in run_ids:
            for metric in metrics:
                values = self.points.get((run, metric), [])
                start = position.get((run, metric), 0)
                taken = values[start : start + budget]
                budget -= len(taken)
                position[run, metric] = start + len(taken)
                complete = complete and start + len(taken) == len(values)
                rows += [(run, metric, start + i, WHEN, value) for i, value in enumerate(taken)]
        return History(pl.DataFrame(rows, schema=dict(HISTORY), orient="row"), position, complete)


SERIES = [SeriesKey("s", run, metric) for run in ("r1", "r2") for metric in ("a", "b")]
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.sampled_from(SERIES), st.integers(1, 5)),
        st.tuples(st.just("ask"), st.sets(st.sampled_from(SERIES), min_size=1), st.integers(1, 7)),
        st.tuples(st.just("ask for later"), st.sets(st.sampled_from(SERIES), min_size=1), st.integers(1, 7)),
        st.tuples(st.just("forget"), st.sampled_from(SERIES), st.just(0)),
        st.tuples(st.just("answer"), st.integers(0, 3), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.sampled_from([2, 8, 1000]))
def test_points_are_what_was_logged_however_answers_come_in(actions: list, budget: int) -> None:
    store, histories = Store(), Histories(budget_bytes=24 * budget)
    late: list[tuple[HistoryRequest, History]] = []
    needed: set[SeriesKey] = set()
    counter = 0
    for kind, what, amount in actions:
        before = {series: histories.points(series).height for series in needed}
        if kind == "grow":
            values = store.points.setdefault((what.run_id, what.metric), [])
            values += [float(counter + i) for i in range(amount)]
            counter += amount
            histories.grown("s", pl.DataFrame({"run_id": [what.run_id], "key": [what.metric]}))
        elif kind in ("ask", "ask for later"):
            for request in histories.wanted(what, later=kind == "ask for later"):
                late.append((request, store.history(request.run_ids, request.metrics, request.cursor, amount)))
            needed = what if kind == "ask" else needed
        elif kind == "forget":
            histories.forget("s", [what.run_id])
            before = {series: height for series, height in before.items() if series.run_id != what.run_id}
        elif late:
            histories.add(*late.pop(what % len(late)))
            kept = sum(histories.points(series).height for series in needed)
            assert histories.size_bytes <= 24 * max(budget, kept)
        assert all(histories.points(series).height >= height for series, height in before.items())
        assert histories.size_bytes == 24 * sum(histories.points(series).height for series in SERIES)
    for series in SERIES:
        held = histories.points(series)["value"].to_list()
        assert held == store.points.get((series.run_id, series.metric), [])[: len(held)]
    # And in the end everything is there, after as many answers as that takes.
    for request, answer in late:
        histories.add(request, answer)
    answers = 0
    while requests := histories.wanted(SERIES):
        for request in requests:
            histories.add(request, store.history(request.run_ids, request.metrics, request.cursor, 3))
            answers += 1
        assert answers <= 2 * len(SERIES) + counter
    assert histories.whole(SERIES)
    for series in SERIES:
        assert histories.points(series)["value"].to_list() == store.points.get((series.run_id, series.metric), [])


def test_a_rewritten_series_starts_anew() -> None:
    histories = Histories()
    series = SeriesKey("s", "r", "m")
    store = Store()
    store.points["r", "m"] = [1.0, 2.0, 3.0]
    (request,) = histories.wanted([series])
    histories.add(request, store.history(("r",), ("m",), {}, 10))
    frame = pl.DataFrame([("r", "m", 0, WHEN, 9.0)], schema=dict(HISTORY), orient="row")
    again = HistoryRequest("s", ("r",), ("m",), {("r", "m"): 3})
    histories.add(again, History(frame, {("r", "m"): 1}, complete=True, restarted=frozenset({("r", "m")})))
    assert histories.points(series)["value"].to_list() == [9.0]
    assert histories.size_bytes == 24


def test_what_was_not_looked_at_for_longest_is_dropped_first() -> None:
    histories = Histories(budget_bytes=24 * 10)
    store = Store()
    for name in ("old", "used", "new"):
        store.points[name, "m"] = [0.0] * 4
    for name in ("old", "used"):
        (request,) = histories.wanted([SeriesKey("s", name, "m")])
        histories.add(request, store.history((name,), ("m",), {}, 10))
    histories.points(SeriesKey("s", "old", "m"))
    (request,) = histories.wanted([SeriesKey("s", "new", "m")])
    histories.add(request, store.history(("new",), ("m",), {}, 10))
    assert histories.size_bytes <= 240
    assert histories.points(SeriesKey("s", "used", "m")).is_empty()
    assert histories.points(SeriesKey("s", "old", "m")).height == 4


class TestNeeded:
    """What was last asked for stays; by way of example, of four curves two fit."""

    def histories(self) -> tuple[Histories, Store]:
        store = Store()
        store.points = {(series.run_id, series.metric): [1.0] * 4 for series in SERIES}
        return Histories(budget_bytes=24 * 8), store

    def fetch(self, histories: Histories, store: Store, series: list[SeriesKey], *, later: bool = False) -> int:
        """Fetch what is wanted, once; returns the number of answers."""
        requests = histories.wanted(series, later=later)
        for request in requests:
            histories.add(request, store.history(request.run_ids, request.metrics, request.cursor, 100))
        return len(requests)

    def heights(self, histories: Histories) -> list[int]:
        return [histories.points(series).height for series in SERIES]

    def test_more_than_the_budget_becomes_whole(self) -> None:
        histories, store = self.histories()
        assert self.fetch(histories, store, SERIES)
        assert not self.fetch(histories, store, SERIES)
        assert self.heights(histories) == [4, 4, 4, 4]

    def test_what_is_no_longer_needed_goes_when_there_is_something_else_to_hold(self) -> None:
        histories, store = self.histories()
        self.fetch(histories, store, SERIES[:3])
        self.fetch(histories, store, SERIES[3:])
        assert self.heights(histories) == [0, 0, 4, 4]

    def test_what_is_for_later_takes_the_place_of_all_but_what_is_needed(self) -> None:
        histories, store = self.histories()
        self.fetch(histories, store, SERIES[1:2])
        self.fetch(histories, store, SERIES[:1])
        self.fetch(histories, store, SERIES[2:3], later=True)
        assert self.heights(histories) == [4, 0, 4, 0]
        self.fetch(histories, store, SERIES[:2])
        self.fetch(histories, store, SERIES[2:], later=True)
        assert self.heights(histories) == [4, 4, 0, 0]

    def test_to_ask_whether_curves_are_whole_changes_nothing(self) -> None:
        histories, store = self.histories()
        self.fetch(histories, store, SERIES[:2])
        assert histories.whole(SERIES[:2])
        assert not histories.whole(SERIES[1:3])
        assert not histories.whole(SERIES[3:])
        self.fetch(histories, store, SERIES[3:], later=True)
        assert self.heights(histories) == [4, 4, 0, 0]
        histories.grown("s", pl.DataFrame({"run_id": [SERIES[0].run_id], "key": [SERIES[0].metric]}))
        assert not histories.whole(SERIES[:1])


def test_a_workspace_reads_more_than_the_budget_and_ends(tmp_path: Path) -> None:
    store = HandMadeStore(tmp_path / "mlruns")
    for name in "abc":
        store.add_run(name, metrics={"loss": [Point(step, START + step, step / 7) for step in range(10)]})
    workspace = Workspace()
    workspace.open(find([str(store.root)]), {"mlflow": {"cache": False}})
    workspace.histories = Histories(budget_bytes=24 * 25)
    workspace.read_all()
    (name,) = workspace.sources
    series = [SeriesKey(name, run * 32, "loss") for run in "abc"]
    source, reads = workspace.sources[name].source, []
    history = source.history

    def counted(*arguments: Any) -> History:
        reads.append(arguments)
        assert len(reads) < 10
        return history(*arguments)

    source.history = counted  # type: ignore[method-assign]
    workspace.read_history(series[:1])
    workspace.read_history(series[1:2])
    workspace.read_history(series)
    assert [workspace.histories.points(one)["step"].to_list() for one in series] == [list(range(10))] * 3
    workspace.close()


def test_curves_that_nobody_asked_for_are_not_noted() -> None:
    histories, store = Histories(), Store()
    store.points["r", "m"] = [1.0]
    grown = pl.DataFrame({"run_id": ["r", "r"], "key": ["m", "other"]})
    histories.grown("s", grown)
    assert not histories._held
    (request,) = histories.wanted([SeriesKey("s", "r", "m")])
    histories.grown("s", grown)
    histories.add(request, store.history(("r",), ("m",), {}, 10))
    assert list(histories._held) == [SeriesKey("s", "r", "m")]
    assert not histories.whole([SeriesKey("s", "r", "m")])


def test_an_answer_is_not_the_last_word_on_a_curve_that_was_dropped_meanwhile() -> None:
    histories, store = Histories(), Store()
    series = SeriesKey("s", "r", "m")
    store.points["r", "m"] = [1.0]
    (request,) = histories.wanted([series])
    answer = store.history(("r",), ("m",), {}, 10)
    histories.forget("s", ["r"])
    histories.grown("s", pl.DataFrame({"run_id": ["r"], "key": ["m"]}))
    store.points["r", "m"].append(2.0)
    histories.wanted([series])
    histories.add(request, answer)
    (request,) = histories.wanted([series])
    histories.add(request, store.history(("r",), ("m",), request.cursor, 10))
    assert histories.points(series)["value"].to_list() == [1.0, 2.0]


def test_versions_tell_when_points_come_or_go() -> None:
    histories, store = Histories(budget_bytes=24 * 4), Store()
    store.points = {("r", "a"): [1.0] * 3, ("r", "b"): [1.0] * 3}
    seen = [(histories.version("a"), histories.version("b"))]

    def changed() -> tuple[bool, bool]:
        seen.append((histories.version("a"), histories.version("b")))
        return seen[-1][0] != seen[-2][0], seen[-1][1] != seen[-2][1]

    (request,) = histories.wanted([SeriesKey("s", "r", "a")])
    assert changed() == (False, False)
    histories.add(request, store.history(("r",), ("a",), {}, 10))
    assert changed() == (True, False)
    histories.add(request, store.history(("r",), ("a",), {}, 10))  # again the same, which is left out
    assert changed() == (False, False)
    (request,) = histories.wanted([SeriesKey("s", "r", "b")])
    histories.add(request, store.history(("r",), ("b",), {}, 10))
    assert changed() == (True, True)  # there is room for one of them
    histories.forget("s", ["r"])
    assert changed() == (False, True)


def test_forgotten_runs_are_asked_for_from_the_start() -> None:
    histories = Histories()
    store = Store()
    store.points["r", "m"] = [1.0]
    series = SeriesKey("s", "r", "m")
    (request,) = histories.wanted([series])
    histories.add(request, store.history(("r",), ("m",), {}, 10))
    assert histories.wanted([series]) == []
    histories.forget("s", ["r"])
    assert histories.size_bytes == 0
    (request,) = histories.wanted([series])
    assert request.cursor == {}


def test_a_series_without_points_is_not_asked_for_for_ever() -> None:
    histories = Histories()
    (request,) = histories.wanted([SeriesKey("s", "r", "none")])
    histories.add(request, History(empty(HISTORY), {}, complete=True))
    assert histories.wanted([SeriesKey("s", "r", "none")]) == []
