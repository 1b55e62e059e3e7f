"""Histories against a source that is simulated: whatever the order of answers, no point is lost or held twice."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.adapter import Cursor, History
from tui_runs.frames.histories import Histories, HistoryRequest, SeriesKey
from tui_runs.schema import HISTORY, empty

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
        st.tuples(st.just("answer"), st.integers(0, 3), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=80, deadline=None)
@given(ACTIONS)
def test_points_are_what_was_logged_however_answers_come_in(actions: list) -> None:
    store, histories = Store(), Histories()
    late: list[tuple[HistoryRequest, History]] = []
    counter = 0
    for kind, what, amount in actions:
        if kind == "grow":
            values = store.points.setdefault((what.run_id, what.metric), [])
            values += [float(counter + i) for i in range(amount)]
            counter += amount
            histories.grown("s", pl.DataFrame({"run_id": [what.run_id], "key": [what.metric]}))
        elif kind == "ask":
            for request in histories.wanted(what):
                late.append((request, store.history(request.run_ids, request.metrics, request.cursor, amount)))
        elif late:
            histories.add(*late.pop(what % len(late)))
    for series in SERIES:
        held = histories.points(series)["value"].to_list()
        assert held == store.points.get((series.run_id, series.metric), [])[: len(held)]
    # And in the end everything is there.
    late.clear()
    while requests := histories.wanted(SERIES):
        for request in requests:
            histories.add(request, store.history(request.run_ids, request.metrics, request.cursor, 3))
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
