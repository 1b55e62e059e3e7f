"""What was chosen of the figure, as it is kept in files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_runs.tui.figures.state import FigureKind, FigureState, from_settings, to_settings

states = st.builds(
    FigureState,
    st.sampled_from(FigureKind),
    st.sampled_from(["", "metrics.loss", "min(metrics.a b)"]),
    st.sampled_from(["", "params.lr"]),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.lists(st.text(max_size=4), max_size=3).map(tuple),
    st.integers(0, 20),
)
anything = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)


@given(states)
def test_there_and_back(state):
    assert from_settings(to_settings(state)) == state


def test_nothing_is_kept_of_what_is_as_usual():
    assert to_settings(FigureState()) == {}
    assert to_settings(FigureState(FigureKind.BOX)) == {"kind": "box"}


@given(
    anything
    | st.dictionaries(st.sampled_from(["kind", "metric", "against", "log_x", "log_y", "axes", "skipped"]), anything)
)
def test_what_is_not_understood_is_as_usual(settings):
    state = from_settings(settings)
    assert state.skipped >= 0
    assert from_settings(to_settings(state)) == state


@pytest.mark.parametrize(("kind", "after"), [("scatter", "parallel"), ("histogram", "scatter")])
def test_the_kinds_go_round(kind, after):
    assert FigureKind(kind).next is FigureKind(after)
