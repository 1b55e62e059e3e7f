"""Charts' settings: what is written is read again, and what is not understood is as at the beginning."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tui_runs.analysis.chart_choices import LEVELS, Kind, Smoothing, Spread, XAxis
from tui_runs.tui.charts.settings import from_settings, to_settings
from tui_runs.tui.charts.state import ChartSize, ChartState, YScale, Zoom
from tui_runs.tui.saved_views import SavedView, from_toml, to_toml

ends = st.floats(-1e9, 1e9) | st.just(-math.inf), st.floats(-1e9, 1e9) | st.just(math.inf)
spans = st.tuples(*ends).filter(lambda span: span[0] < span[1])
smoothings = st.builds(
    lambda kind, level: Smoothing().stronger(1).of_kind(kind).stronger(level) if kind is not Kind.NONE else Smoothing(),
    st.sampled_from(Kind),
    st.integers(0, LEVELS),
)
states = st.builds(
    ChartState,
    x=st.sampled_from(XAxis),
    x_metric=st.text(max_size=9),
    log_x=st.booleans(),
    y=st.sampled_from(YScale),
    smoothing=smoothings,
    zoom=st.none() | st.builds(lambda span, at_end: Zoom(*span, at_end), spans, st.booleans()),
    name=st.text(max_size=9),
    prefix=st.text(max_size=9),
    single=st.booleans(),
    size=st.sampled_from(ChartSize),
    grid=st.just((0, 0)) | st.tuples(st.integers(0, 6), st.integers(1, 6)),
    pinned=st.lists(st.text(max_size=9), max_size=3, unique=True).map(tuple),
    y_limits=st.dictionaries(st.text(max_size=9), spans, max_size=3).map(lambda limits: tuple(limits.items())),
    ignore_outliers=st.booleans(),
    bands=st.none() | st.sampled_from(Spread),
)


@given(states)
def test_what_is_written_is_read_again(state: ChartState) -> None:
    assert from_settings(to_settings(state)) == state
    text = to_toml(SavedView(charts=to_settings(state)))
    assert from_settings(from_toml(text, "a file").charts) == state


def test_nothing_is_written_of_what_is_as_at_the_beginning() -> None:
    assert to_settings(ChartState()) == {}
    assert to_settings(ChartState(single=True, cursor=3.0)) == {"single": True}


SETTINGS = (
    *("x", "x_metric", "log_x", "y", "smoothing", "zoom", "zoom_at_end", "name", "single", "size", "bands"),
    *("grid", "pinned", "y_limits"),
)
LISTS = st.lists(st.integers() | st.floats() | st.text(), max_size=3)
VALUES = st.none() | st.integers() | st.text() | LISTS | st.dictionaries(st.text(), LISTS)


@given(st.dictionaries(st.sampled_from(SETTINGS), VALUES))
def test_anything_may_stand_in_a_file(settings: dict[str, object]) -> None:
    assert isinstance(from_settings(settings), ChartState)


def test_a_number_of_any_length_may_stand_in_a_file() -> None:
    assert from_settings({"zoom": [0, 10**400], "y_limits": {"loss": [-(10**400), 1]}}) == ChartState()


def test_a_smoothing_that_would_take_for_ever_is_as_at_the_beginning() -> None:
    assert from_settings({"smoothing": "gaussian:2000"}) == from_settings({"smoothing": "mean:1e300"}) == ChartState()
    wide = ChartState(smoothing=Smoothing(Kind.MEAN, 1_000_001))
    assert from_settings(to_settings(wide)) == wide
