"""Zooming, panning and pointing, without a screen."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_runs.analysis.chart_choices import XAxis
from tui_runs.tui.charts.state import ChartState, YScale, Zoom, best_rows, prefixes

WHOLE = (0.0, 1000.0)
SHARES = st.floats(-2, 2)


@pytest.mark.parametrize("log", [False, True])
@settings(max_examples=200, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.just("zoom"), st.floats(0.2, 5)) | st.tuples(st.sampled_from(["pan", "point"]), SHARES),
        max_size=20,
    )
)
def test_what_is_shown_stays_within_the_whole(log, moves):
    whole = (1.0, 1000.0)
    state = ChartState(log_x=log)
    for move, amount in moves:
        state = {"zoom": state.zoomed, "pan": state.panned, "point": state.pointed}[move](whole, amount)
        low, high = state.limits(whole) or whole
        assert whole[0] * (1 - 1e-9) <= low < high <= whole[1] * (1 + 1e-9)
        assert state.cursor is None or low * (1 - 1e-9) <= state.cursor <= high * (1 + 1e-9) or move != "point"


def test_zoom_keeps_its_middle_or_the_cursor_in_place():
    assert ChartState().zoomed(WHOLE, 0.5).zoom == (250, 750, False)
    assert ChartState(cursor=100).zoomed(WHOLE, 0.5).zoom == (50, 550, False)
    assert ChartState(cursor=100).zoomed(WHOLE, 0.5, around=900).zoom == (450, 950, False)
    assert ChartState(log_x=True).zoomed((1, 10_000), 0.5).zoom == pytest.approx((10, 1000, False))


def test_zoomed_in_and_out_again_is_all_of_it():
    state = ChartState(cursor=123).zoomed(WHOLE, 0.5).zoomed(WHOLE, 0.5)
    assert state.zoom is not None
    assert state.zoomed(WHOLE, 4.0).zoom is None


def test_pan_stops_at_both_ends():
    state = ChartState().zoomed(WHOLE, 0.5)
    assert state.panned(WHOLE, 0.25).zoom == (375, 875, False)
    assert state.panned(WHOLE, 9).zoom == (500, 1000, True)
    assert state.panned(WHOLE, -9).zoom == (0, 500, False)
    assert ChartState().panned(WHOLE, 1).zoom is None


def test_a_zoom_at_the_end_goes_on_with_the_curves_and_another_holds_still():
    at_end = ChartState().zoomed(WHOLE, 0.5).panned(WHOLE, 9)
    assert at_end.limits((0, 1400)) == (900, 1400)
    within = ChartState().zoomed(WHOLE, 0.5)
    assert within.limits((0, 1400)) == (250, 750)


@pytest.mark.parametrize("log", [False, True])
def test_a_zoom_at_the_end_stays_within_a_run_that_is_shorter(log):
    at_end = ChartState(log_x=log, zoom=Zoom(1000, 10_000, at_end=True))
    assert at_end.limits((1, 500)) == pytest.approx((50, 500) if log else (1, 500))
    assert at_end.limits((200, 500)) == pytest.approx((200, 500))


def test_half_of_x_is_as_far_as_the_curves_go():
    assert ChartState(zoom=Zoom(100, math.inf)).limits(WHOLE) == (100, 1000)
    assert ChartState(zoom=Zoom(-math.inf, 100)).limits(WHOLE) == (0, 100)
    assert ChartState(zoom=Zoom(2000, math.inf)).limits(WHOLE) is None
    assert ChartState(zoom=Zoom(100, math.inf)).limits(None) is None
    assert ChartState(zoom=Zoom(500, math.inf)).panned(WHOLE, -0.5).limits(WHOLE) == (250, 750)


def test_pinned_charts_come_first_in_the_order_of_pinning():
    metrics = ["loss", "acc", "lr", "val/loss"]
    state = ChartState().turned_pin("lr").turned_pin("acc")
    assert state.shown(metrics) == ["lr", "acc", "loss", "val/loss"]
    assert replace(state, name="l").shown(metrics) == ["lr", "loss", "val/loss"]
    assert state.shown(["loss", "acc"]) == ["acc", "loss"]
    assert state.turned_pin("lr").shown(metrics) == ["acc", "loss", "lr", "val/loss"]


@given(st.integers(1, 36), st.integers(20, 300), st.integers(10, 90))
def test_so_many_charts_have_the_best_room_that_there_is(charts, width, height):
    def room(rows):
        return min(width / -(-charts // rows) / 38, height / rows / 9)

    assert room(best_rows(charts, width, height)) == max(room(rows) for rows in range(1, charts + 1))


def test_charts_of_a_wide_screen_stand_side_by_side():
    assert [best_rows(charts, 160, 36) for charts in (1, 2, 4, 9, 12)] == [1, 1, 2, 3, 3]


def test_there_is_an_end_to_zooming_in():
    state = ChartState()
    for _ in range(200):
        state = state.zoomed((1e6, 1e6 + 1), 0.5)
    low, high = state.limits((1e6, 1e6 + 1))
    assert low < high


def test_the_cursor_begins_at_the_end_that_it_comes_from():
    assert ChartState().pointed(WHOLE, -0.1).cursor == 1000
    assert ChartState().pointed(WHOLE, 0.1).cursor == 0
    assert ChartState(cursor=500).pointed(WHOLE, 0.1).cursor == 600
    assert ChartState(cursor=500, zoom=Zoom(400, 600)).pointed(WHOLE, 9).cursor == 600


def test_another_x_forgets_parts_of_the_old_one():
    state = ChartState(cursor=5, zoom=Zoom(1, 9)).over(XAxis.METRIC, "epoch")
    assert (state.x, state.x_metric, state.cursor, state.zoom) == (XAxis.METRIC, "epoch", None, None)


def test_circles():
    assert XAxis.STEP.next.next.next is XAxis.STEP
    assert XAxis.METRIC.next is XAxis.STEP
    assert YScale.LINEAR.next.next.next is YScale.LINEAR


def test_metrics_by_group_and_name():
    metrics = ["val/loss", "train/loss", "train/acc", "lr", "system/gpu/0"]
    assert prefixes(metrics) == ["val", "train", "system"]
    assert ChartState(prefix="train").shown(metrics) == ["train/loss", "train/acc"]
    assert ChartState(name="LOSS").shown(metrics) == ["val/loss", "train/loss"]
    assert ChartState(name="loss", prefix="val").shown(metrics) == ["val/loss"]
    assert ChartState().shown(metrics) == metrics
